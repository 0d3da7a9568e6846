#pragma once
// What the agent has to tell: results of orders (each until the manager took it, across sessions)
// and the state of things (only the latest counts). Loop thread only; owned by ManagerLink.
#include <cstddef>
#include <deque>
#include <functional>

#include "agentd/link/backoff.h"
#include "agentd/link/manager_call.h"
#include "core/engine/order.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class Outbox {
 public:
  struct Hooks {
    std::function<wire::ReportRequest()> make_report;   // without epoch and seq
    std::function<void(const CallResult&)> on_failure;  // never kOk
  };

  Outbox(runtime::EventLoop& loop, runtime::HttpClient& client, const Peer& peer);

  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }
  void start(Epoch epoch);
  void stop();
  void redial();  // the manager changed

  void add_result(core::OrderResult result);
  // Soon; several within a moment become one.
  void report();
  [[nodiscard]] std::size_t results_waiting() const { return results_.size(); }

 private:
  void send_results();
  void results_answered(std::size_t count, const Result<runtime::HttpResponse>& response);
  void send_report();
  void report_answered(const Result<runtime::HttpResponse>& response);

  runtime::EventLoop& loop_;
  runtime::HttpClient& client_;
  const Peer& peer_;
  Hooks hooks_;
  bool open_ = false;
  Epoch epoch_;
  std::deque<core::OrderResult> results_;
  bool report_due_ = false;
  std::uint64_t seq_ = 0;
  runtime::HttpHandle results_call_;
  runtime::HttpHandle report_call_;
  runtime::Timer results_retry_;
  runtime::Timer report_timer_;
  runtime::Timer report_period_;
  Backoff backoff_;
};

}  // namespace mold::agentd
