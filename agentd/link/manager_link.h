#pragma once
// The agent's side of the talk with the manager: hello opens a session (an epoch), then a parked
// poll brings orders, beats go out on connections of their own, results and reports follow. Goes
// through the list of managers with jittered pauses until one takes the hello. Decides nothing
// about VMs: everything heard is handed to the hooks, everything to say is asked from them.
//
// A session ends when a manager answers 409 (on_void is called, the brain then wants a hello), when
// the brain wants a new hello, or never: lost connections alone do not end it, it goes on with
// whichever manager answers. Loop thread only; the loop outlives it.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/link/backoff.h"
#include "agentd/link/beater.h"
#include "agentd/link/manager_call.h"
#include "agentd/link/outbox.h"
#include "agentd/link/power_link.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

enum class LinkState : std::uint8_t {
  kIdle,     // not started, or a hello may not be said yet
  kHello,    // hello is under way
  kPausing,  // it failed, the next one is due soon
  kSession,  // the manager took it
};
std::string_view to_string(LinkState state);

class ManagerLink {
 public:
  struct Hooks {
    std::function<bool()> may_hello;
    std::function<wire::HelloRequest()> make_hello;  // without epoch
    // `said` is the hello that was answered.
    std::function<void(const wire::HelloRequest& said, const wire::HelloAnswer&)> on_session;
    std::function<void()> on_void;
    std::function<void(const wire::Order&)> on_order;
    std::function<wire::BeatRequest()> make_beat;      // without epoch and seq
    std::function<wire::ReportRequest()> make_report;  // without epoch and seq
    std::function<void(std::uint64_t version, const std::vector<wire::PoolInfo>&)> on_pools;
    std::function<void()> on_change;  // status() is another
  };
  struct Status {
    LinkState state = LinkState::kIdle;
    std::string manager;  // URL
    Epoch epoch;          // 0: no session
    std::string trouble;  // latest failure since the last success
    std::optional<Instant> last_beat_answered;
    Duration beat_round_trip{0};
    std::uint64_t beats_sent = 0;
    std::uint64_t beats_failed = 0;
    std::size_t results_waiting = 0;
  };

  explicit ManagerLink(runtime::EventLoop& loop);
  ~ManagerLink();
  ManagerLink(const ManagerLink&) = delete;
  ManagerLink& operator=(const ManagerLink&) = delete;

  void start(Hooks hooks, std::vector<std::string> managers,
             std::shared_ptr<const runtime::TlsMaterial> tls);
  void set_managers(std::vector<std::string> managers);
  void set_tls(std::shared_ptr<const runtime::TlsMaterial> tls);

  // Ends the session, if any, and opens a new one as soon as may_hello() says so.
  void say_hello();
  // By an operator: like say_hello(), without any pause.
  void reconnect();
  void send_result(core::OrderResult result) { outbox_.add_result(std::move(result)); }
  void send_report() { outbox_.report(); }
  // Before start(): who carries out the manager's power requests (none: they are not taken).
  void set_power(port::PowerControl* power) { power_.set_power(power); }
  void report_fenced(const std::string& by, const std::string& node, const std::string& text) {
    power_.report_fenced(by, node, text);
  }

  [[nodiscard]] Status status() const;

 private:
  void set_state(LinkState state);
  void hello();
  void send_hello();
  void hello_answered(const wire::HelloRequest& said,
                      const Result<runtime::HttpResponse>& response);
  void open_session(const wire::HelloRequest& said, const wire::HelloAnswer& answer);
  void adopt_managers(const std::vector<std::string>& told);
  void end_session();
  void pause_then_hello(const std::string& why);
  void poll();
  void polled(Instant asked, const Result<runtime::HttpResponse>& response);
  void beat_answered(const wire::BeatAnswer& answer);
  // Of any call of the session but the hello.
  void call_failed(const CallResult& result);
  void note_trouble(const std::string& text);
  void try_next_manager();

  runtime::EventLoop& loop_;
  Hooks hooks_;
  Peer peer_;
  runtime::HttpClient client_;
  Beater beater_;
  Outbox outbox_;
  PowerLink power_;
  runtime::HttpHandle hello_call_;
  runtime::HttpHandle poll_call_;
  runtime::Timer hello_timer_;
  runtime::Timer poll_timer_;
  Backoff backoff_;
  Backoff poll_backoff_;
  LinkState state_ = LinkState::kIdle;
  Epoch epoch_;
  Epoch told_epoch_;  // named by the next hello
  bool hello_repeated_ = false;
  Instant session_since_{};
  Duration poll_wait_{25'000};
  int failures_ = 0;  // in a row, of any call in the session
  std::string trouble_;
};

}  // namespace mold::agentd
