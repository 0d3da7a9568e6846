#include <gtest/gtest.h>

#include "lib/base/rng.h"
#include "tests/unit/agentd/heartbeat/ladder_world.h"

namespace mold::heartbeat {
namespace {

// Any weather: hangs, failures, freezes, unkillable VMs, an operator who removes and adds the pool.
// What an observer concludes from the record on the storage must be true: a deadline after it was
// issued with "armed" in it, no VM of this pool is left, or the watchdog has reset the host.
TEST(Ladder, ThePromiseHoldsInAnyWeather) {
  int resets = 0;
  int deaths = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Rng rng(seed);
    LadderWorld w;
    for (int i = 0; i < 4000; ++i) {
      if (rng.chance(2)) w.writes_ok = rng.chance(60);
      if (rng.chance(2)) w.killable = rng.chance(60);
      if (rng.chance(1)) w.armed = rng.chance(90);
      if (rng.chance(1) && rng.chance(10)) w.ladder.retire(w.now);
      if (rng.chance(1)) w.ladder.unretire();
      if (rng.chance(1) && rng.chance(10)) w.ladder.fenced();
      if (rng.chance(1) && rng.chance(20)) {
        auto policy = w.ladder.policy();
        policy.on_lost = rng.chance(50) ? PoolPolicy::kPause : PoolPolicy::kKillVms;
        w.ladder.set_policy(policy);
      }
      w.sooner = rng.chance(70);
      w.later = rng.chance(30);
      if (rng.chance(1) && rng.chance(20)) w.restart();
      const bool may = w.ladder.state() == LeaseState::kHeld && w.now < w.ladder.valid_until();
      if (rng.chance(1) && may) w.vms = static_cast<std::uint32_t>(rng.below(3));
      const bool frozen = rng.chance(1) && rng.chance(20);
      const int longest = rng.chance(70) ? 5000 : 60000;  // one that the watchdog may forgive
      w.now = w.now + Duration{frozen ? rng.between(500, longest) : rng.between(5, 60)};
      if (w.fed_at.ms != 0 && w.now >= w.fed_at + w.watchdog) {
        ++resets;
        break;
      }
      const int kills = w.kills;
      w.round();
      if (w.kills > kills) ++deaths;
      if (w.stored_armed && w.now >= w.stored_issue + 10000ms) {
        ASSERT_EQ(w.vms, 0U) << "seed " << seed << " round " << i;
      }
      ASSERT_FALSE(w.last.kill && w.vms > 0 && w.last.may_issue) << "seed " << seed;
    }
  }
  EXPECT_GT(resets, 50);
  EXPECT_GT(deaths, 50);
}

// It wakes just before the device bites, with VMs that nothing can kill: a shorter timeout now
// would feed it past the deadline.
TEST(Ladder, AfterAFreezeTimeIsLookedAtBeforeTheWatchdogIsSet) {
  LadderWorld w;
  w.hold();
  w.writes_ok = w.killable = false;
  w.sooner = true;
  while (w.now < w.ladder.valid_until() - 600ms) {
    w.round();
    w.now = w.now + 50ms;
  }
  w.now = w.fed_at + w.watchdog - 10ms;
  ASSERT_GT(w.now, w.ladder.valid_until());
  while (w.now < w.fed_at + w.watchdog) {
    w.round();
    w.now = w.now + 50ms;
    ASSERT_LT(w.now, w.stored_issue + 10s);
  }
}

}  // namespace
}  // namespace mold::heartbeat
