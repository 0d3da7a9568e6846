// How a host comes in: enrolment, renewal of its certificate, and the hello that opens a session.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "lib/runtime/journal_log.h"
#include "lib/wire/codec.h"
#include "manager/agents/agent_link.h"
#include "manager/agents/answers.h"

namespace mold::manager {
namespace {

constexpr std::size_t kHellosPerHost = 4;

std::string facts_text(const wire::HelloRequest& hello) {
  nlohmann::json facts = nlohmann::json::object();
  for (const auto& [name, value] : hello.facts) facts[name] = value;
  facts["hostname"] = hello.hostname;
  return facts.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void AgentLink::on_enrol(const Request& request, const Reply& reply) {
  auto message = wire::decode_enrol_request(request.body);
  if (!message) {
    answer_failure(reply, message.error());
    return;
  }
  const auto host = authority_.check_token(message->token);
  if (!host) {
    registry_.refuse_stranger("", host.error().what, request.peer_address);
    answer_error(reply, 403, wire::kErrorToken, host.error().what);
    return;
  }
  const HostRecord* const record = inventory_.hosts().find_live(*host);
  if (record == nullptr) {
    answer_error(reply, 403, wire::kErrorToken, "token: its host was removed");
    return;
  }
  const std::string uuid = record->uuid;
  // Signed first: a bad request does not use up the token, nor end the certificate in force.
  auto certificate = authority_.sign_host(message->csr_pem, uuid);
  if (!certificate) {
    answer_failure(reply, certificate.error());
    return;
  }
  if (const auto redeemed = authority_.redeem_token(message->token); !redeemed) {
    answer_failure(reply, redeemed.error());
    return;
  }
  // Whoever held an earlier certificate of this host is not this host any more.
  authority_.revoke_others(uuid, *certificate);
  if (const auto known = sessions_.find(*host); known != sessions_.end()) {
    if (const Reply parked = known->second.take_parked())
      answer_error(parked, 403, wire::kErrorDenied, "the host enrolled anew");
  }
  runtime::log_info("host " + record->name + " enrolled as " + message->hostname + " from " +
                    request.peer_address);
  NewEvent event;
  event.type = "HOST.ENROL";
  event.description =
      runtime::one_line("host " + record->name + " enrolled from " + request.peer_address);
  event.resource_type = "Host";
  event.resource_uuid = uuid;
  engine_.note_event(std::move(event));
  answer_certificate(uuid, std::move(*certificate), reply);
}

void AgentLink::on_renew(HostId host, const Request& request, const Reply& reply) {
  const auto message = wire::decode_enrol_request(request.body);
  if (!message) {
    answer_failure(reply, message.error());
    return;
  }
  const std::string uuid = inventory_.hosts().find(host)->uuid;
  auto certificate = authority_.sign_host(message->csr_pem, uuid);
  if (!certificate) {
    answer_failure(reply, certificate.error());
    return;
  }
  answer_certificate(uuid, std::move(*certificate), reply);
}

void AgentLink::answer_certificate(const std::string& host_uuid, std::string certificate,
                                   const Reply& reply) {
  wire::EnrolAnswer answer;
  answer.host_uuid = host_uuid;
  answer.certificate_pem = std::move(certificate);
  answer.ca_pem = authority_.ca_pem();
  answer.managers = options_.managers;
  engine_.when_durable([reply, answer = std::move(answer)](const Status& status) {
    if (status)
      answer_ok(reply, wire::encode(answer));
    else
      answer_failure(reply, status.error());
  });
}

void AgentLink::keep_facts(HostId host, const wire::HelloRequest& hello) {
  HostRecord record = *inventory_.hosts().find(host);
  record.facts_json = facts_text(hello);
  record.agent_version = hello.agent_version;
  record.last_hello = loop_.wall();
  // Display only; while the store cannot write they stay as they were.
  if (const Status kept = inventory_.update(record); !kept)
    runtime::log_warning("facts of host " + record.name + " not kept: " + kept.error().what);
}

void AgentLink::on_hello(HostId host, const Request& request, const Reply& reply) {
  const auto hello = wire::decode_hello_request(request.body);
  if (!hello) {
    answer_failure(reply, hello.error());
    return;
  }
  const HostRecord* const record = inventory_.hosts().find(host);
  if (hello->host_uuid != record->uuid) {
    const std::string why =
        "the certificate is of host " + record->uuid + ", not of " + hello->host_uuid;
    registry_.note_refusal(host, why);
    answer_error(reply, 403, wire::kErrorDenied, why);
    return;
  }
  const auto waiting = std::count_if(hellos_.begin(), hellos_.end(), [host](const auto& entry) {
    return entry.second.host == host;
  });
  if (static_cast<std::size_t>(waiting) >= kHellosPerHost) {
    answer_error(reply, 503, wire::kErrorBusy, "earlier hellos of this host still wait");
    return;
  }
  registry_.on_hello(host, request.peer_address);
  keep_facts(host, *hello);
  const std::uint64_t number = next_session_++;
  hellos_.emplace(number, Hello{host, reply, hello->epoch});
  core::HelloReceived event;
  event.host = host;
  event.boot_id = hello->boot_id;
  event.incarnation = hello->incarnation;
  event.capacity = hello->capacity;
  event.vms = hello->vms;
  event.session = number;
  event.epoch = hello->epoch;
  engine_.submit(std::move(event), [this, alive = alive_, number](const Status& status) {
    if (*alive) hello_committed(number, status);
  });
}

// Answered by open_session() already, unless the brain opened none or nothing could be written.
void AgentLink::hello_committed(std::uint64_t number, const Status& status) {
  const auto waiting = hellos_.find(number);
  if (waiting == hellos_.end()) return;
  const Hello hello = waiting->second;
  hellos_.erase(waiting);
  if (status)
    refuse_epoch(hello.host, hello.reply, "no session was opened");
  else
    answer_failure(hello.reply, status.error());
}

}  // namespace mold::manager
