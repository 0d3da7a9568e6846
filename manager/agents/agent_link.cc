#include "manager/agents/agent_link.h"

#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/journal_log.h"
#include "lib/wire/codec.h"
#include "lib/wire/convert.h"
#include "lib/wire/enrol_token.h"
#include "lib/wire/limits.h"
#include "manager/agents/answers.h"

namespace mold::manager {
namespace {

constexpr std::string_view kNotCounted = "not-counted";  // wire::OwnLease
constexpr std::size_t kStrangerBodyBytes = 64 * 1024;    // an enrolment takes two or three

}  // namespace

Result<std::unique_ptr<AgentLink>> AgentLink::start(runtime::EventLoop& loop, Options options,
                                                    Engine& engine, Inventory& inventory,
                                                    AgentRegistry& registry, Authority& authority) {
  std::unique_ptr<AgentLink> link(
      new AgentLink(loop, std::move(options), engine, inventory, registry, authority));
  runtime::HttpServerConfig config;
  config.address = link->options_.address;
  config.port = link->options_.port;
  config.tls = authority.server_tls();
  config.require_client_cert = false;  // enrolment comes without; everything else is checked here
  config.max_body_bytes = wire::limits::kBodyBytes;
  config.max_body_bytes_stranger = kStrangerBodyBytes;
  config.max_connections_per_ip = link->options_.connections_per_address;
  const auto handler = [raw = link.get()](const Request& request, Reply reply) {
    raw->handle(request, reply);
  };
  MOLD_TRY(link->server_, runtime::HttpServer::start(loop, std::move(config), handler));
  return link;
}

AgentLink::AgentLink(runtime::EventLoop& loop, Options options, Engine& engine,
                     Inventory& inventory, AgentRegistry& registry, Authority& authority)
    : loop_(loop),
      options_(std::move(options)),
      engine_(engine),
      inventory_(inventory),
      registry_(registry),
      authority_(authority),
      alive_(std::make_shared<bool>(true)) {}

AgentLink::~AgentLink() {
  *alive_ = false;
}

AgentSession& AgentLink::session(HostId host) {
  const auto known = sessions_.find(host);
  if (known != sessions_.end()) return known->second;
  const auto uuid_of = [this](PoolId id) {
    const PoolRecord* const pool = inventory_.pools().find(id);
    return pool == nullptr ? std::string{} : pool->uuid;
  };
  const auto answer = [uuid_of](const Reply& reply, const std::vector<core::Order>& orders) {
    wire::OrdersAnswer body;
    for (const core::Order& order : orders) body.orders.push_back(wire::to_wire(order, uuid_of));
    runtime::HttpReply message;
    message.body = wire::encode(body);
    return reply->answer(std::move(message));
  };
  const auto wanted = [this](const core::Order& order) {
    if (!order.op) return true;
    const auto vm = engine_.state().vms.find(order.vm);
    return vm != engine_.state().vms.end() && vm->second.op == order.op;
  };
  return sessions_.try_emplace(host, loop_, answer, wanted).first->second;
}

bool AgentLink::is_current(HostId host, Epoch epoch) const {
  const auto known = engine_.state().hosts.find(host);
  return known != engine_.state().hosts.end() && epoch && known->second.epoch == epoch;
}

// ---- actions of the brain -----------------------------------------------------------------------

void AgentLink::open_session(const core::OpenSession& open) {
  AgentSession& agent = session(open.host);
  if (const Reply parked = agent.open(open.epoch))
    answer_error(parked, 409, wire::kErrorSession, "another session was opened for this host");
  if (options_.power != nullptr) options_.power->end_session(open.host);
  registry_.on_session(open.host, open.epoch);
  const auto waiting = hellos_.find(open.session);
  if (waiting == hellos_.end()) return;
  const Reply reply = waiting->second.reply;
  hellos_.erase(waiting);
  const core::Policy& policy = engine_.brain().policy();
  wire::HelloAnswer answer;
  answer.epoch = open.epoch;
  answer.manager = options_.manager_name;
  answer.beat_interval_ms = static_cast<std::uint32_t>(policy.beat_interval.count());
  answer.poll_wait_ms = static_cast<std::uint32_t>(options_.poll_wait.count());
  answer.start_guard_ms = static_cast<std::uint32_t>(policy.start_guard.count());
  answer.stop_grace_ms = static_cast<std::uint32_t>(policy.stop_grace.count());
  answer.pools_version = inventory_.pools_version();
  answer.pools = registry_.pools_for(open.host);
  answer.managers = options_.managers;
  const HostRecord* const record = inventory_.hosts().find(open.host);
  const Cluster* const cluster =
      record == nullptr ? nullptr : inventory_.clusters().find(record->cluster);
  if (cluster != nullptr) answer.cluster_uuid = cluster->uuid;
  answer_ok(reply, wire::encode(answer));
}

// Told to the agent by the answer to what it said; here only a session that is really over goes. A
// late beat of an earlier session must not harm the present one.
void AgentLink::refuse_session(const core::RefuseSession& refusal) {
  if (const auto waiting = hellos_.find(refusal.session); waiting != hellos_.end()) {
    const Hello hello = waiting->second;
    hellos_.erase(waiting);
    answer_error(hello.reply, 409, wire::kErrorSession, refusal.why, refusal.present);
    // An agent that starts has to be told its epoch first: no trouble that a person should read of.
    if (hello.epoch != refusal.present) return;
  }
  registry_.note_refusal(refusal.host, refusal.why);
  const auto known = sessions_.find(refusal.host);
  if (known == sessions_.end() || is_current(refusal.host, known->second.epoch())) return;
  if (const Reply parked = known->second.open(Epoch{}))
    answer_error(parked, 409, wire::kErrorSession, refusal.why);
  if (options_.power != nullptr) options_.power->end_session(refusal.host);
}

void AgentLink::send_order(const core::Order& order) {
  if (!session(order.host).queue(order)) {
    runtime::log_warning("orders for host " + std::to_string(order.host.value) +
                         " pile up; the rest is sent again later");
  }
}

// ---- requests of agents -------------------------------------------------------------------------

void AgentLink::handle(const Request& request, const Reply& reply) {
  if (request.path == wire::kEnrolPath) {
    if (request.method != "POST") {
      answer_error(reply, 404, wire::kErrorNotFound, "enrolment is a POST");
      return;
    }
    on_enrol(request, reply);
    return;
  }
  if (!request.peer_certificate) {
    const std::string why = request.peer_certificate_problem.empty()
                                ? "a client certificate is needed"
                                : request.peer_certificate_problem;
    registry_.refuse_stranger("", why, request.peer_address);
    answer_error(reply, 403, wire::kErrorDenied, why);
    return;
  }
  const auto host = registry_.admit(request.peer_certificate->common_name,
                                    request.peer_certificate->serial, request.peer_address);
  if (!host) {
    answer_error(reply, 403, wire::kErrorDenied, host.error().what);
    return;
  }
  route(*host, request, reply);
}

void AgentLink::route(HostId host, const Request& request, const Reply& reply) {
  struct Route {
    std::string_view method;
    std::string_view path;
    void (AgentLink::*handler)(HostId, const Request&, const Reply&);
  };
  static constexpr Route kRoutes[] = {
      {"POST", wire::kBeatPath, &AgentLink::on_beat},
      {"GET", wire::kOrdersPath, &AgentLink::on_orders},
      {"POST", wire::kResultsPath, &AgentLink::on_results},
      {"POST", wire::kReportPath, &AgentLink::on_report},
      {"GET", wire::kPowerPath, &AgentLink::on_power_poll},
      {"POST", wire::kPowerPath, &AgentLink::on_power_report},
      {"POST", wire::kHelloPath, &AgentLink::on_hello},
      {"POST", wire::kRenewPath, &AgentLink::on_renew},
  };
  for (const Route& route : kRoutes) {
    if (route.path != request.path || route.method != request.method) continue;
    (this->*route.handler)(host, request, reply);
    return;
  }
  answer_error(reply, 404, wire::kErrorNotFound, request.method + " " + request.path);
}

void AgentLink::refuse_epoch(HostId host, const Reply& reply, const std::string& why) {
  registry_.note_refusal(host, why);
  answer_error(reply, 409, wire::kErrorSession, why);
}

// Whether the epoch that a poll names is the session's; answers it when not.
bool AgentLink::check_poll(HostId host, const Request& request, const Reply& reply) {
  const std::string* const text = request.query_value("epoch");
  const auto number = text == nullptr ? std::nullopt : parse_number<std::uint64_t>(*text);
  if (!number) {
    answer_error(reply, 400, wire::kErrorInvalid, "epoch: missing or not a number");
    return false;
  }
  if (session(host).epoch() == Epoch{*number} && is_current(host, Epoch{*number})) return true;
  refuse_epoch(host, reply, "the epoch is not current");
  return false;
}

void AgentLink::on_orders(HostId host, const Request& request, const Reply& reply) {
  if (check_poll(host, request, reply)) session(host).poll(reply, options_.poll_wait);
}

void AgentLink::on_power_poll(HostId host, const Request& request, const Reply& reply) {
  if (options_.power == nullptr) {
    answer_error(reply, 404, wire::kErrorNotFound, "this manager asks nobody for power");
    return;
  }
  if (check_poll(host, request, reply)) options_.power->poll(host, reply, options_.poll_wait);
}

void AgentLink::on_power_report(HostId host, const Request& request, const Reply& reply) {
  const auto message = wire::decode_power_report(request.body);
  if (!message) {
    answer_failure(reply, message.error());
    return;
  }
  // Said in this very session of this manager: its clock readings are of our clock.
  if (session(host).epoch() != message->epoch || !is_current(host, message->epoch)) {
    refuse_epoch(host, reply, "the epoch is not current");
    return;
  }
  if (options_.power != nullptr) options_.power->take_outcomes(host, message->outcomes);
  for (const wire::FencedNode& fenced : message->fenced) on_fenced_node(host, fenced);
  answer_ok(reply, wire::encode(wire::Ack{}));
}

// The cluster software's names of nodes are the names of our hosts, maybe without the domain.
void AgentLink::on_fenced_node(HostId reporter, const wire::FencedNode& fenced) {
  const HostRecord* const by = inventory_.hosts().find(reporter);
  const auto has_domain = [](std::string_view name) { return name.find('.') != name.npos; };
  const auto short_name = [](std::string_view name) { return name.substr(0, name.find('.')); };
  const auto is_ip = [](std::string_view name) {
    return name.find_first_not_of("0123456789.") == name.npos || name.find(':') != name.npos;
  };
  std::vector<HostId> meant;
  std::vector<HostId> similar;
  for (const auto& [id, host] : inventory_.hosts().all()) {
    if (!is_live(host) || by == nullptr || host.cluster != by->cluster) continue;
    if (iequals(host.name, fenced.node)) meant.push_back(id);
    const bool one_is_short = has_domain(host.name) != has_domain(fenced.node);
    if (one_is_short && !is_ip(host.name) && !is_ip(fenced.node) &&
        iequals(short_name(host.name), short_name(fenced.node)))
      similar.push_back(id);
  }
  if (meant.empty()) meant = std::move(similar);
  if (meant.size() != 1) {
    runtime::log_warning("cluster software fenced a node that is " +
                             std::string(meant.empty() ? "no host" : "more than one host") +
                             " of this cluster: " + fenced.node,
                         {{"HOST", by == nullptr ? std::string() : by->name}});
    return;
  }
  const Instant heard_after{static_cast<std::int64_t>(fenced.heard_after_ms)};
  if (heard_after > loop_.now()) return;  // of another clock
  core::FencedElsewhere event;
  event.host = meant.front();
  event.by = fenced.by;
  event.text = fenced.text + ", heard of by host " + by->name;
  event.heard_after = heard_after;
  engine_.submit(std::move(event));
}

void AgentLink::on_results(HostId host, const Request& request, const Reply& reply) {
  const auto message = wire::decode_results_request(request.body);
  if (!message) {
    answer_failure(reply, message.error());
    return;
  }
  if (!is_current(host, message->epoch)) {
    refuse_epoch(host, reply, "the epoch is not current");
    return;
  }
  for (const core::OrderResult& result : message->results) {
    engine_.submit(core::OrderAnswered{host, result});
    if (result.op) session(host).answered(result.op);
  }
  engine_.when_durable([reply](const Status& status) {
    if (status)
      answer_ok(reply, wire::encode(wire::Ack{}));
    else
      answer_failure(reply, status.error());
  });
}

void AgentLink::on_report(HostId host, const Request& request, const Reply& reply) {
  const auto message = wire::decode_report_request(request.body);
  if (!message) {
    answer_failure(reply, message.error());
    return;
  }
  const TurnOutcome outcome =
      engine_.submit(core::ReportReceived{host, message->epoch, message->vms});
  if (outcome.session_refused) {
    refuse_epoch(host, reply, outcome.why);
    return;
  }
  registry_.on_report(host, *message);
  engine_.when_durable([reply](const Status& status) {
    if (status)
      answer_ok(reply, wire::encode(wire::Ack{}));
    else
      answer_failure(reply, status.error());
  });
}

// A record that another boot left behind says nothing of the present one. One that moves does: the
// machine has booted and will say hello, and must not be cut off meanwhile.
bool AgentLink::is_of_its_boot(const HostRecord& subject, const wire::Reading& reading) const {
  const auto known = engine_.state().hosts.find(subject.id);
  if (known == engine_.state().hosts.end()) return false;
  const Duration unchanged{static_cast<std::int64_t>(reading.unchanged_ms)};
  return reading.boot_id == known->second.boot_id ||
         unchanged < engine_.brain().policy().storage_alive_within;
}

// Only of pools and hosts of the observer's own cluster: the others it neither mounts nor watches.
std::vector<core::LeaseReading> AgentLink::readings(HostId observer,
                                                    const std::vector<wire::Reading>& readings) {
  const ClusterId cluster = inventory_.hosts().find(observer)->cluster;
  std::vector<core::LeaseReading> known;
  known.reserve(readings.size());
  for (const wire::Reading& reading : readings) {
    const PoolRecord* const pool = inventory_.pools().find_uuid(reading.pool_uuid);
    const HostRecord* const subject = inventory_.hosts().find_live_uuid(reading.subject_uuid);
    if (pool == nullptr || subject == nullptr || pool->cluster != cluster ||
        subject->cluster != cluster) {
      registry_.note_foreign_reading(observer);
      continue;
    }
    core::LeaseReading out;
    out.pool = pool->id;
    out.subject = subject->id;
    out.readable = reading.readable && is_of_its_boot(*subject, reading);
    out.counter = reading.counter;
    out.incarnation = reading.incarnation;
    out.armed = reading.armed;
    out.deadline = Duration{static_cast<std::int64_t>(reading.deadline_ms)};
    out.unchanged = Duration{static_cast<std::int64_t>(reading.unchanged_ms)};
    known.push_back(out);
  }
  return known;
}

std::vector<core::OwnLease> AgentLink::own_leases(const std::vector<wire::OwnLease>& leases) const {
  std::vector<core::OwnLease> known;
  for (const wire::OwnLease& lease : leases) {
    const PoolRecord* const pool = inventory_.pools().find_uuid(lease.pool_uuid);
    if (pool != nullptr) known.push_back({pool->id, lease.state != kNotCounted, lease.armed});
  }
  return known;
}

void AgentLink::on_beat(HostId host, const Request& request, const Reply& reply) {
  const auto beat = wire::decode_beat_request(request.body);
  if (!beat) {
    answer_failure(reply, beat.error());
    return;
  }
  core::BeatReceived event;
  event.host = host;
  event.epoch = beat->epoch;
  event.incarnation = beat->incarnation;
  event.self_stall = Duration{static_cast<std::int64_t>(beat->self_stall_ms)};
  event.readings = readings(host, beat->readings);
  event.sequence = beat->seq;
  event.leases = own_leases(beat->leases);
  const TurnOutcome outcome = engine_.submit(std::move(event));
  if (outcome.session_refused) {
    refuse_epoch(host, reply, outcome.why);
    return;
  }
  registry_.on_beat(host, *beat);
  wire::BeatAnswer answer;
  answer.pools_version = inventory_.pools_version();
  answer.clock_ms = static_cast<std::uint64_t>(loop_.now().ms);
  if (beat->pools_version != answer.pools_version) answer.pools = registry_.pools_for(host);
  answer_ok(reply, wire::encode(answer));
}

}  // namespace mold::manager
