// The table is total by type; here stand the rules that every row must keep.
#include "core/host_ha/host_ha.h"

#include <gtest/gtest.h>

namespace mold::core {
namespace {

using enum HaState;

HaState state(int i) {
  return static_cast<HaState>(i);
}
HaEvent event(int i) {
  return static_cast<HaEvent>(i);
}

TEST(HostHa, EveryPairLeadsToAState) {
  for (int s = 0; s < kHaStateCount; ++s) {
    for (int e = 0; e < kHaEventCount; ++e) {
      const HaState to = next_ha_state(state(s), event(e));
      EXPECT_LT(static_cast<int>(to), kHaStateCount);
      EXPECT_FALSE(to_string(to).empty());
      EXPECT_FALSE(to_string(event(e)).empty());
    }
  }
}

TEST(HostHa, TurningOffWorksFromEverywhere) {
  for (int s = 0; s < kHaStateCount; ++s)
    EXPECT_EQ(next_ha_state(state(s), HaEvent::kTurnedOff), kDisabled);
}

TEST(HostHa, FencedIsEnteredByProofAloneAndLeftByReturnAlone) {
  for (int s = 0; s < kHaStateCount; ++s) {
    for (int e = 0; e < kHaEventCount; ++e) {
      const HaState to = next_ha_state(state(s), event(e));
      if (state(s) != kFenced && to == kFenced) {
        EXPECT_EQ(event(e), HaEvent::kProvenDead);
      }
      if (state(s) == kFenced && to != kFenced) {
        EXPECT_TRUE(event(e) == HaEvent::kReturned || event(e) == HaEvent::kTurnedOff);
      }
    }
  }
}

TEST(HostHa, FencingHasOneDoorInPerSource) {
  for (int s = 0; s < kHaStateCount; ++s) {
    for (int e = 0; e < kHaEventCount; ++e) {
      if (state(s) == kFencing || next_ha_state(state(s), event(e)) != kFencing) continue;
      EXPECT_TRUE(state(s) == kChecking || state(s) == kRecovering) << to_string(state(s));
    }
  }
}

TEST(HostHa, SilenceAloneNeverFences) {
  for (int s = 0; s < kHaStateCount; ++s) {
    const HaState to = next_ha_state(state(s), HaEvent::kBeatLost);
    if (state(s) != kFencing) {
      EXPECT_NE(to, kFencing);
    }
  }
}

TEST(HostHa, ABeatDoesNotUndoWhatMayStillHit) {
  EXPECT_EQ(next_ha_state(kFencing, HaEvent::kBeatSeen), kFencing);
  EXPECT_EQ(next_ha_state(kRecovering, HaEvent::kBeatSeen), kRecovering);
  EXPECT_EQ(next_ha_state(kFenced, HaEvent::kBeatSeen), kFenced);
}

TEST(HostHa, NamesGoThereAndBack) {
  for (int s = 0; s < kHaStateCount; ++s) EXPECT_EQ(parse_ha_state(to_string(state(s))), state(s));
  EXPECT_FALSE(parse_ha_state("Dead").has_value());
}

}  // namespace
}  // namespace mold::core
