#pragma once
// A manager double for tests of the link: real TLS, real HTTP, answers as told. Loop thread only.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/runtime/http_server.h"
#include "lib/wire/codec.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {

class FakeManager {
 public:
  // port 0: any free one.
  FakeManager(runtime::EventLoop& loop, const runtime::TestCa& ca, std::uint16_t port = 0,
              bool require_client_cert = true);

  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  void queue(wire::Order order);  // answers a parked poll
  void void_session() { epoch_ = 0; }
  void queue_power(const wire::PowerOrder& order);  // answers the parked power poll

  // How it behaves.
  bool standby = false;
  bool refuse_hello = false;
  bool swallow = false;   // no call is answered
  int swallow_beats = 0;  // so many more beats are not answered
  std::uint32_t beat_interval_ms = 50;
  std::uint32_t start_guard_ms = 1'500;
  std::vector<std::string> managers;
  std::optional<wire::BeatAnswer> beat_answer;
  wire::EnrolAnswer enrol_answer;
  bool refuse_token = false;
  // What /v1/renew answers to a request; nothing: not found.
  std::function<wire::EnrolAnswer(const std::string& csr_pem)> renew;

  // What it saw.
  std::vector<wire::HelloRequest> hellos;  // that named the present epoch
  int hellos_refused = 0;                  // that named another one
  std::vector<wire::BeatRequest> beats;
  std::vector<wire::ReportRequest> reports;
  std::vector<core::OrderResult> results;
  std::vector<wire::PowerReport> power_reports;
  std::vector<std::string> common_names;
  std::optional<std::string> enrol_csr;
  std::size_t parked() const { return parked_.size(); }
  [[nodiscard]] bool power_parked() const { return power_parked_ && power_parked_->open(); }
  std::uint64_t epoch() const { return epoch_; }

 private:
  void handle(const runtime::ServerRequest& request, const runtime::AsyncReplyPtr& reply);
  void hello(const runtime::ServerRequest& request, const runtime::AsyncReplyPtr& reply);
  void enrol(const runtime::ServerRequest& request, const runtime::AsyncReplyPtr& reply);
  void orders(const runtime::ServerRequest& request, const runtime::AsyncReplyPtr& reply);
  bool in_session(Epoch epoch, const runtime::AsyncReplyPtr& reply);

  std::uint64_t epoch_ = 0;
  std::uint64_t last_epoch_ = 10;
  std::deque<wire::Order> queue_;
  std::vector<runtime::AsyncReplyPtr> parked_;
  runtime::AsyncReplyPtr power_parked_;
  std::vector<runtime::AsyncReplyPtr> swallowed_;
  std::unique_ptr<runtime::HttpServer> server_;
};

}  // namespace mold::agentd
