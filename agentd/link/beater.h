#pragma once
// The agent's network beats: one small request every beat interval, on connections of its own, so
// that neither a big answer nor a parked poll can delay one. They take turns on several lanes, so
// that all of these are warm, and none waits for one that is not answered: after a link was down, a
// connection without anything under way is heard at once, one that waits for its retransmission or
// has yet to be dialled is not. A beat without an answer is given up when all lanes had their turn,
// and its lane dials anew.
//
// Loop thread only; owned by ManagerLink.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "agentd/link/manager_call.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/http_client.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class Beater {
 public:
  static constexpr std::size_t kLanes = 4;

  struct Hooks {
    std::function<wire::BeatRequest()> make_beat;  // without epoch and seq
    // Neither is called for a beat that a later one overtook: its answer is old, and that nobody
    // answered it in time is over.
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
  struct Lane {
    explicit Lane(runtime::EventLoop& loop) : client(loop) {}
    runtime::HttpClient client;
    runtime::HttpHandle under_way;
    Instant sent_at{};
    std::uint64_t seq = 0;
  };
  void beat();
  void answered(const Lane& lane, const Result<runtime::HttpResponse>& response);
  Lane* free_lane();
  [[nodiscard]] Duration patience() const;

  runtime::EventLoop& loop_;
  const Peer& peer_;
  Hooks hooks_;
  std::deque<Lane> lanes_;  // a deque: they cannot be moved
  runtime::Timer timer_;
  Epoch epoch_;
  Duration interval_{500};
  Duration last_round_trip_{0};
  std::uint64_t seq_ = 0;
  std::uint64_t answered_seq_ = 0;  // the latest
  std::uint64_t sent_ = 0;
  std::uint64_t failed_ = 0;
  std::optional<Instant> last_answer_;
};

}  // namespace mold::agentd
