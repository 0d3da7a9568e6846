#pragma once
// Cuts the power of other hosts when the manager asks for it, and tells what the cluster software
// on this host fenced: a long poll of its own beside the orders. Decides nothing; what an outcome
// means is the power driver's and the manager's business. A request that was held up on its way
// past its time, by the manager's own clock, is refused: the host that it is about may be back
// since. One that carries an OpId is carried out once; its outcome is told again when asked again.
// Loop thread only; owned by ManagerLink.
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agentd/link/backoff.h"
#include "agentd/link/manager_call.h"
#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class PowerLink {
 public:
  PowerLink(runtime::EventLoop& loop, runtime::HttpClient& client, const Peer& peer);
  ~PowerLink();
  PowerLink(const PowerLink&) = delete;
  PowerLink& operator=(const PowerLink&) = delete;

  // None: power requests are not taken. Outlives this.
  void set_power(port::PowerControl* power) { power_ = power; }
  void start(Epoch epoch, Duration poll_wait);
  void stop();
  void redial();  // the manager changed

  // The manager's clock when it answered a beat, which is heard at our `now`.
  void note_clock(std::uint64_t clock_ms);
  void report_fenced(const std::string& by, const std::string& node, const std::string& text);

 private:
  struct Done {
    OpId op;
    wire::PowerOutcome outcome;
  };
  void poll();
  void polled(const Result<runtime::HttpResponse>& response);
  void take(const wire::PowerOrder& order);
  void carry_out(const wire::PowerOrder& order);
  void identify(const wire::PowerOrder& order);
  void finished(Epoch session, OpId op, wire::PowerOutcome outcome);
  void add_outcome(wire::PowerOutcome outcome);
  void send_report();
  void report_answered(std::size_t outcomes, std::size_t fenced,
                       const Result<runtime::HttpResponse>& response);
  // The manager's clock is at least this now.
  [[nodiscard]] std::optional<std::uint64_t> clock_floor() const;

  runtime::EventLoop& loop_;
  runtime::HttpClient& client_;
  const Peer& peer_;
  port::PowerControl* power_ = nullptr;
  bool open_ = false;
  Epoch epoch_;
  Duration poll_wait_{25'000};
  std::optional<std::uint64_t> clock_ms_;
  Instant clock_heard_;
  std::map<OpId, std::vector<std::uint64_t>> under_way_;  // tickets that wait for it
  std::deque<Done> done_;                                 // newest last, bounded
  std::deque<wire::PowerOutcome> outcomes_;
  std::deque<wire::FencedNode> fenced_;
  runtime::HttpHandle poll_call_;
  runtime::HttpHandle report_call_;
  runtime::Timer poll_timer_;
  runtime::Timer report_timer_;
  Backoff backoff_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::agentd
