// The ladder: which device is asked when, and what the answers prove together.
#include "core/fencing/ladder.h"

#include <gtest/gtest.h>

namespace mold::core {
namespace {

constexpr DeviceId kBmc{};
constexpr DeviceId kFeedA{7};
constexpr DeviceId kFeedB{8};

class LadderTest : public ::testing::Test {
 protected:
  void levels(std::vector<FenceLevel> wanted) { set_levels(ladder_, wanted); }
  // Asks all that is due; the devices asked.
  std::vector<DeviceId> ask() {
    std::vector<DeviceId> devices;
    for (const std::size_t i : due_rungs(ladder_, policy_, now_)) {
      if (!ladder_.began) ladder_.began = now_;
      asked(ladder_.rungs[i], OpId{++last_op_}, PowerVerb::kOff);
      devices.push_back(ladder_.rungs[i].device);
    }
    return devices;
  }
  bool answer(DeviceId device, Outcome outcome, PowerState state = PowerState::kUnknown) {
    for (const Rung& rung : ladder_.rungs) {
      if (rung.device != device) continue;
      const PowerAnswered said{rung.op, HostId{1}, rung.verb, outcome, state, "said so", device};
      return take_answer(ladder_, policy_, rules_, as_counted(ladder_, said), now_);
    }
    return false;
  }
  bool answer_off(DeviceId device) { return answer(device, Outcome::kConfirmed, PowerState::kOff); }
  bool proven() { return proven_level(ladder_, policy_, rules_, now_).has_value(); }

  Policy policy_;
  PowerRules rules_;
  Ladder ladder_;
  Instant now_{100'000};
  std::uint64_t last_op_ = 0;
};

using Devices = std::vector<DeviceId>;

TEST_F(LadderTest, OneDeviceReadOffProves) {
  levels({{1, {kBmc}}});
  EXPECT_EQ(ask(), Devices{kBmc});
  EXPECT_EQ(ask(), Devices{}) << "not twice at a time";
  EXPECT_TRUE(answer_off(kBmc));
  EXPECT_TRUE(proven());
  EXPECT_FALSE(may_still_hit(ladder_));
}

TEST_F(LadderTest, BothFeedsMustBeOff) {
  levels({{1, {kFeedA, kFeedB}}});
  EXPECT_EQ(ask(), (Devices{kFeedA, kFeedB}));
  answer_off(kFeedA);
  EXPECT_FALSE(proven());
  answer(kFeedB, Outcome::kConfirmed, PowerState::kOn);
  EXPECT_FALSE(proven());
  now_ = now_ + 2s;
  EXPECT_EQ(ask(), Devices{kFeedB}) << "a feed that is off is left alone";
  answer_off(kFeedB);
  EXPECT_TRUE(proven());
}

TEST_F(LadderTest, AnOldReadingOfOneFeedIsReadAgain) {
  levels({{1, {kFeedA, kFeedB}}});
  ask();
  answer_off(kFeedA);
  answer(kFeedB, Outcome::kUnknown);
  now_ = now_ + policy_.fence_reading_fresh + 1ms;
  ask();
  answer_off(kFeedB);
  EXPECT_FALSE(proven());
  EXPECT_EQ(ask(), Devices{kFeedA});
  answer_off(kFeedA);
  EXPECT_TRUE(proven());
}

TEST_F(LadderTest, NextLevelJoinsAfterATryThatProvedNothing) {
  levels({{1, {kBmc}}, {2, {kFeedA, kFeedB}}});
  EXPECT_EQ(ask(), Devices{kBmc});
  answer(kBmc, Outcome::kFailed);
  EXPECT_EQ(ask(), (Devices{kFeedA, kFeedB})) << "the BMC waits for its back-off";
  now_ = now_ + policy_.fence_retry_first;
  EXPECT_EQ(ask(), Devices{kBmc}) << "lower levels go on";
  answer_off(kFeedA);
  answer_off(kFeedB);
  EXPECT_TRUE(proven());
}

TEST_F(LadderTest, NextLevelJoinsWhenTheFirstTakesTooLong) {
  levels({{1, {kBmc}}, {2, {kFeedA}}, {5, {kFeedB}}});
  ask();
  EXPECT_EQ(ask(), Devices{});
  now_ = now_ + policy_.fence_escalate_after;
  EXPECT_EQ(ask(), Devices{kFeedA});
  now_ = now_ + policy_.fence_escalate_after;
  EXPECT_EQ(ask(), Devices{kFeedB});
}

TEST_F(LadderTest, ARaceAsksAllAtOnce) {
  policy_.fence_race = true;
  levels({{1, {kBmc}}, {2, {kFeedA}}});
  EXPECT_EQ(ask(), (Devices{kBmc, kFeedA}));
  answer_off(kFeedA);
  EXPECT_TRUE(proven()) << "the first level that is proven wins";
}

TEST_F(LadderTest, OnlyOffReadBackCounts) {
  levels({{1, {kBmc}}});
  for (const auto& [outcome, state] : {std::pair{Outcome::kUnknown, PowerState::kUnknown},
                                       std::pair{Outcome::kFailed, PowerState::kUnknown},
                                       std::pair{Outcome::kFailed, PowerState::kOff},
                                       std::pair{Outcome::kUnknown, PowerState::kOff},
                                       std::pair{Outcome::kConfirmed, PowerState::kUnknown},
                                       std::pair{Outcome::kConfirmed, PowerState::kOn}}) {
    now_ = now_ + 60s;
    ASSERT_EQ(ask(), Devices{kBmc});
    answer(kBmc, outcome, state);
    EXPECT_FALSE(proven());
  }
}

TEST_F(LadderTest, AnswersOfOtherRequestsAreNotTaken) {
  levels({{1, {kBmc}}});
  ask();
  EXPECT_FALSE(take_answer(
      ladder_, policy_, rules_,
      {OpId{99}, HostId{1}, PowerVerb::kOff, Outcome::kConfirmed, PowerState::kOff, "", {}}, now_));
  EXPECT_FALSE(take_answer(
      ladder_, policy_, rules_,
      {OpId{}, HostId{1}, PowerVerb::kOff, Outcome::kConfirmed, PowerState::kOff, "", {}}, now_));
  EXPECT_FALSE(proven());
}

TEST_F(LadderTest, AnOffOfUnknownFateIsRemembered) {
  levels({{1, {kBmc}}});
  ask();
  EXPECT_TRUE(may_still_hit(ladder_)) << "under way";
  answer(kBmc, Outcome::kUnknown);
  EXPECT_TRUE(may_still_hit(ladder_));
  now_ = now_ + 60s;
  ask();
  answer(kBmc, Outcome::kFailed);
  EXPECT_TRUE(may_still_hit(ladder_)) << "a refused one does not take back the one before";
  now_ = now_ + 60s;
  ASSERT_EQ(doubtful_rungs(ladder_, now_).size(), 1U);
  asked(ladder_.rungs[0], OpId{50}, PowerVerb::kStatus);
  answer(kBmc, Outcome::kConfirmed, PowerState::kOn);
  EXPECT_FALSE(may_still_hit(ladder_));
}

TEST_F(LadderTest, ChangedLevelsKeepWhatIsKnown) {
  levels({{1, {kBmc}}, {2, {kFeedA}}});
  ask();
  answer(kBmc, Outcome::kUnknown);
  levels({{1, {kFeedB}}, {2, {kBmc}}});
  ASSERT_EQ(ladder_.rungs.size(), 2U);
  EXPECT_EQ(ladder_.rungs[1].tries, 1);
  EXPECT_TRUE(ladder_.rungs[1].may_hit);
  EXPECT_EQ(ask(), Devices{kFeedB});
}

TEST_F(LadderTest, AnAnswerUnderOldSettingsProvesNothingAndTheNewOnesAreAskedAtOnce) {
  levels({{1, {kBmc}}});
  ask();
  EXPECT_TRUE(void_device(ladder_, kBmc, now_));
  EXPECT_EQ(ask(), Devices{}) << "one act at a time, also when the settings changed";
  EXPECT_TRUE(answer_off(kBmc));
  EXPECT_FALSE(proven());
  EXPECT_TRUE(may_still_hit(ladder_)) << "it may have gone to this machine all the same";
  EXPECT_EQ(tries(ladder_), 0) << "the device as it is now was not tried";
  EXPECT_EQ(ladder_.rungs[0].last,
            "off unknown: the settings of this device were changed meanwhile");
  EXPECT_EQ(ask(), Devices{kBmc});
  answer_off(kBmc);
  EXPECT_TRUE(proven());
}

TEST_F(LadderTest, AReadingUnderOldSettingsCountsNoMore) {
  levels({{1, {kFeedA, kFeedB}}});
  ask();
  answer_off(kFeedA);
  answer(kFeedB, Outcome::kUnknown);
  EXPECT_TRUE(void_device(ladder_, kFeedA, now_));
  EXPECT_FALSE(void_device(ladder_, kFeedB, now_)) << "nothing was known of it";
  EXPECT_FALSE(void_device(ladder_, kBmc, now_)) << "no such device here";
  EXPECT_EQ(ask(), (Devices{kFeedA, kFeedB}));
  answer_off(kFeedB);
  EXPECT_FALSE(proven());
  answer_off(kFeedA);
  EXPECT_TRUE(proven());
}

TEST_F(LadderTest, ExplainsEveryDevice) {
  levels({{1, {kBmc}}, {2, {kFeedA}}, {3, {kFeedB}}});
  ask();
  answer(kBmc, Outcome::kUnknown);
  ask();
  const auto lines = explain(ladder_, policy_, now_ + 400ms);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "level 1 BMC: next try in 0.6 s; last: off unknown: said so");
  EXPECT_EQ(lines[1], "level 2 device 7: waits for the answer to power off, try 1");
  EXPECT_EQ(lines[2], "level 3 device 8: joins in when the levels below fail");
}

TEST_F(LadderTest, NoLevelsProveNothing) {
  levels({});
  EXPECT_EQ(ask(), Devices{});
  EXPECT_FALSE(proven());
}

}  // namespace
}  // namespace mold::core
