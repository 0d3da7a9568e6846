#include "tests/unit/agentd/fake_manager.h"

#include "lib/base/text.h"
#include "lib/wire/enrol_token.h"

namespace mold::agentd {
namespace {

void answer(const runtime::AsyncReplyPtr& reply, std::string body, int status = 200) {
  runtime::HttpReply out;
  out.status = status;
  out.body = std::move(body);
  reply->answer(std::move(out));
}

void refuse(const runtime::AsyncReplyPtr& reply, int status, std::string_view error) {
  answer(reply, wire::encode(wire::ErrorAnswer{std::string(error), "said the double", {}}), status);
}

}  // namespace

FakeManager::FakeManager(runtime::EventLoop& loop, const runtime::TestCa& ca, std::uint16_t port,
                         bool require_client_cert) {
  runtime::HttpServerConfig config;
  config.address = "127.0.0.1";
  config.port = port;
  auto material = ca.issue("manager", runtime::TestCa::Use::kServer);
  material.ca_pem = ca.pem();
  config.tls = std::make_shared<const runtime::TlsMaterial>(std::move(material));
  config.require_client_cert = require_client_cert;
  server_ = runtime::must(runtime::HttpServer::start(
      loop, config, [this](const runtime::ServerRequest& request, runtime::AsyncReplyPtr reply) {
        handle(request, reply);
      }));
}

std::string FakeManager::url() const {
  return "https://127.0.0.1:" + std::to_string(port());
}

void FakeManager::queue(wire::Order order) {
  order.epoch = Epoch{epoch_};
  queue_.push_back(std::move(order));
  if (parked_.empty()) return;
  const auto reply = parked_.back();
  parked_.clear();
  answer(reply, wire::encode(wire::OrdersAnswer{{queue_.begin(), queue_.end()}}));
  queue_.clear();
}

void FakeManager::queue_power(const wire::PowerOrder& order) {
  answer(power_parked_, wire::encode(wire::PowerOrders{{order}}));
  power_parked_ = nullptr;
}

bool FakeManager::in_session(Epoch epoch, const runtime::AsyncReplyPtr& reply) {
  if (epoch_ != 0 && epoch.value == epoch_) return true;
  refuse(reply, 409, wire::kErrorSession);
  return false;
}

void FakeManager::handle(const runtime::ServerRequest& request,
                         const runtime::AsyncReplyPtr& reply) {
  if (request.peer_certificate) common_names.push_back(request.peer_certificate->common_name);
  if (swallow) {
    swallowed_.push_back(reply);
    return;
  }
  if (standby) return refuse(reply, 503, wire::kErrorStandby);
  if (request.path == wire::kEnrolPath) return enrol(request, reply);
  if (request.path == wire::kRenewPath && renew) {
    const auto message = runtime::must(wire::decode_enrol_request(request.body));
    return answer(reply, wire::encode(renew(message.csr_pem)));
  }
  if (request.path == wire::kHelloPath) return hello(request, reply);
  if (request.path == wire::kOrdersPath) return orders(request, reply);
  if (request.path == wire::kBeatPath) {
    const auto beat = runtime::must(wire::decode_beat_request(request.body));
    if (!in_session(beat.epoch, reply)) return;
    beats.push_back(beat);
    if (swallow_beats > 0) {
      --swallow_beats;
      swallowed_.push_back(reply);
      return;
    }
    return answer(reply, wire::encode(beat_answer.value_or(wire::BeatAnswer{1, std::nullopt})));
  }
  if (request.path == wire::kReportPath) {
    const auto report = runtime::must(wire::decode_report_request(request.body));
    if (!in_session(report.epoch, reply)) return;
    reports.push_back(report);
    return answer(reply, wire::encode(wire::Ack{}));
  }
  if (request.path == wire::kPowerPath && request.method == "GET") {
    power_parked_ = reply;
    return;
  }
  if (request.path == wire::kPowerPath) {
    const auto report = runtime::must(wire::decode_power_report(request.body));
    if (!in_session(report.epoch, reply)) return;
    power_reports.push_back(report);
    return answer(reply, wire::encode(wire::Ack{}));
  }
  if (request.path == wire::kResultsPath) {
    const auto message = runtime::must(wire::decode_results_request(request.body));
    if (!in_session(message.epoch, reply)) return;
    results.insert(results.end(), message.results.begin(), message.results.end());
    return answer(reply, wire::encode(wire::Ack{}));
  }
  refuse(reply, 404, wire::kErrorNotFound);
}

void FakeManager::hello(const runtime::ServerRequest& request,
                        const runtime::AsyncReplyPtr& reply) {
  const auto message = runtime::must(wire::decode_hello_request(request.body));
  if (message.epoch != Epoch{last_epoch_}) {
    ++hellos_refused;
    const wire::ErrorAnswer told{std::string(wire::kErrorSession), "name it", Epoch{last_epoch_}};
    return answer(reply, wire::encode(told), 409);
  }
  hellos.push_back(message);
  if (refuse_hello) return refuse(reply, 403, wire::kErrorDenied);
  epoch_ = ++last_epoch_;
  wire::HelloAnswer out;
  out.epoch = Epoch{epoch_};
  out.manager = "double";
  out.beat_interval_ms = beat_interval_ms;
  out.poll_wait_ms = 20'000;
  out.cluster_uuid = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
  out.pools_version = 1;
  out.managers = managers;
  out.start_guard_ms = start_guard_ms;
  answer(reply, wire::encode(out));
}

void FakeManager::enrol(const runtime::ServerRequest& request,
                        const runtime::AsyncReplyPtr& reply) {
  const auto message = runtime::must(wire::decode_enrol_request(request.body));
  enrol_csr = message.csr_pem;
  if (refuse_token) return refuse(reply, 403, wire::kErrorToken);
  answer(reply, wire::encode(enrol_answer));
}

void FakeManager::orders(const runtime::ServerRequest& request,
                         const runtime::AsyncReplyPtr& reply) {
  const std::string* const epoch = request.query_value("epoch");
  const auto number = epoch == nullptr ? std::nullopt : parse_number<std::uint64_t>(*epoch);
  if (!in_session(Epoch{number.value_or(0)}, reply)) return;
  parked_.clear();  // one poll at a time: an older one belongs to a dead connection
  if (queue_.empty()) {
    parked_.push_back(reply);
    return;
  }
  answer(reply, wire::encode(wire::OrdersAnswer{{queue_.begin(), queue_.end()}}));
  queue_.clear();
}

}  // namespace mold::agentd
