#pragma once
// What a test of the ladder plays with; lives as long as one test.
#include <gtest/gtest.h>

#include "agentd/heartbeat/ladder.h"

namespace mold::heartbeat {

// One pool on simulated time: a storage, processes and a watchdog that are honest or not, as told.
class LadderWorld {
 public:
  explicit LadderWorld(LadderPolicy policy = {}) : ladder(policy) {}

  LadderStep step() {
    last = ladder.step(now, armed);
    if (last.kill) ++kills;
    return last;
  }
  // What the supervisor does in one round; the order is the one of its loop.
  void round() {
    step();
    if (sooner && last.feed && ladder.wants_sooner_watchdog(now)) set_watchdog(2000ms);
    if (last.kill && killable) vms = 0;
    ladder.looked({now, vms, look_complete});
    step();
    if (last.feed) fed_at = now;
    if (later && last.feed && ladder.is_calm(now)) set_watchdog(4000ms);
    if (writes_ok && ladder.outstanding() && now >= answer_at) {
      stored_armed = issued_armed;
      stored_issue = issued_at;
      ladder.beat_done(now, true);
    }
    if (last.may_issue && now >= next_issue && !ladder.outstanding()) {
      ladder.beat_issued(now, last.announce_armed);
      issued_at = now;
      issued_armed = last.announce_armed;
      next_issue = now + 1000ms;
      answer_at = now + 20ms;
      ++beats;
    }
  }
  void run(Duration time, Duration tick = 50ms) {
    for (const Instant end = now + time; now < end; now = now + tick) round();
  }
  void hold() {
    run(4s);
    EXPECT_EQ(ladder.state(), LeaseState::kHeld);
  }

  // In the order that is safe; the device feeds itself with it.
  void set_watchdog(Duration timeout) {
    auto policy = ladder.policy();
    policy.watchdog_timeout = watchdog = timeout;
    ladder.set_policy(policy);
    fed_at = now;
  }
  // Another instance goes on, with what is not said on the board as it is by itself.
  void restart() {
    Ladder next(ladder.policy());
    next.inherit(ladder.state(), ladder.valid_until(), ladder.deadline(), watchdog,
                 ladder.promised(), ladder.is_fenced());
    ladder = next;
  }

  Instant now{1000000};
  Duration watchdog{4000};
  bool armed = true;
  bool writes_ok = true;
  bool killable = true;
  bool look_complete = true;
  bool sooner = false;  // the supervisor sets the watchdog shorter in need
  bool later = false;   // and back when it is calm
  std::uint32_t vms = 2;
  int kills = 0;
  int beats = 0;
  Instant fed_at{};
  Instant issued_at{};
  bool issued_armed = false;
  bool stored_armed = false;
  Instant stored_issue{};
  Instant next_issue{};
  Instant answer_at{};
  Ladder ladder;
  LadderStep last;
};

}  // namespace mold::heartbeat
