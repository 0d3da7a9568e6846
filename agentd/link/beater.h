#pragma once
// The agent's network beats: one small request every beat interval, on connections of its own, so
// that neither a big answer nor a parked poll can delay one. One beat at a time; one that gets no
// answer is given up soon and the next one dials anew, so a healed network is found at once.
// Loop thread only; owned by ManagerLink.
#include <cstdint>
#include <functional>
#include <optional>

#include "agentd/link/manager_call.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class Beater {
 public:
  struct Hooks {
    std::function<wire::BeatRequest()> make_beat;  // without epoch and seq
    std::function<void(const wire::BeatAnswer&)> on_answer;
    std::function<void(const CallResult&)> on_failure;
  };

  Beater(runtime::EventLoop& loop, const Peer& peer);

  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }
  void start(Epoch epoch, Duration interval);
  void stop();
  // The manager changed: what is under way is given up.
  void redial();

  [[nodiscard]] std::optional<Instant> last_answer() const { return last_answer_; }
  [[nodiscard]] Duration last_round_trip() const { return last_round_trip_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  void beat();
  void answered(const Result<runtime::HttpResponse>& response);
  [[nodiscard]] Duration patience() const;

  runtime::EventLoop& loop_;
  const Peer& peer_;
  Hooks hooks_;
  runtime::HttpClient client_;
  runtime::HttpHandle under_way_;
  runtime::Timer timer_;
  Epoch epoch_;
  Duration interval_{500};
  Instant sent_at_{};
  Duration last_round_trip_{0};
  std::uint64_t seq_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t failed_ = 0;
  std::optional<Instant> last_answer_;
};

}  // namespace mold::agentd
