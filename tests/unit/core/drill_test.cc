// Drills: what counts as good, when a path is due, who is chosen; and which machine is which.
#include "core/fencing/drill.h"

#include <gtest/gtest.h>

namespace mold::core {
namespace {

const HostId kHost{7};
const DeviceId kBmc{};
const DrillPath kOwn{kHost, kBmc, HostId{}};
const DrillPath kByNine{kHost, kBmc, HostId{9}};
const DrillPath kByEight{kHost, kBmc, HostId{8}};

DrillResult worked(Duration took = 200ms) {
  DrillResult result;
  result.outcome = Outcome::kConfirmed;
  result.state = PowerState::kOn;
  result.identity = IdentityVerdict::kSame;
  result.took = took;
  result.text = "on";
  return result;
}

DrillResult silent() {
  DrillResult result;
  result.error = ErrorKind::kTimeout;
  result.text = "no answer";
  return result;
}

class DrillTest : public testing::Test {
 protected:
  void SetUp() override { book.set_paths({kOwn, kByNine, kByEight}, now); }
  void run(const DrillPath& path, DrillResult result, int times = 1) {
    for (int i = 0; i < times; ++i) {
      now = now + 1s;
      book.begin(path);
      book.record(path, result, now);
    }
  }
  DrillState state(const DrillPath& path) const { return book.view(path, now).state; }

  DrillBook book;
  Instant now{1'000'000};
};

TEST_F(DrillTest, AllAreDueWithinTheFirstMinuteAndNotAtOnce) {
  EXPECT_LT(book.due(now).size(), 3U);
  EXPECT_EQ(book.due(now + 60s).size(), 3U);
  EXPECT_EQ(state(kOwn), DrillState::kUnknown);
  EXPECT_EQ(book.view(kOwn, now).reason, "not tried yet");
}

TEST_F(DrillTest, APathIsTriedOnceAtATimeAndAgainLater) {
  now = now + 60s;
  book.begin(kOwn);
  EXPECT_EQ(book.due(now).size(), 2U);
  book.record(kOwn, worked(), now);
  EXPECT_EQ(book.due(now).size(), 2U);
  const auto next = book.view(kOwn, now).next;
  ASSERT_TRUE(next);
  EXPECT_GE(*next - now, 570s);
  EXPECT_LE(*next - now, 630s);
  book.record(kByNine, silent(), now);
  EXPECT_LE(*book.view(kByNine, now).next - now, 63s) << "failing ones sooner";
  book.begin(kByEight);
  book.postpone(kByEight, now + 5s);
  EXPECT_TRUE(book.due(now).empty());
  EXPECT_EQ(book.due(now + 5s), std::vector{kByEight});
}

TEST_F(DrillTest, OneFailureDegradesMoreAreBadAndItRecovers) {
  run(kOwn, worked(), 8);
  EXPECT_EQ(state(kOwn), DrillState::kGood);
  EXPECT_EQ(book.view(kOwn, now).score, 100);
  run(kOwn, silent());
  EXPECT_EQ(state(kOwn), DrillState::kDegraded);
  EXPECT_EQ(book.view(kOwn, now).reason, "no answer");
  run(kOwn, silent());
  EXPECT_EQ(state(kOwn), DrillState::kBad);
  run(kOwn, worked());
  EXPECT_EQ(state(kOwn), DrillState::kDegraded);
  EXPECT_EQ(book.view(kOwn, now).reason, "works now, but failed lately");
  run(kOwn, worked(), 2);
  EXPECT_EQ(state(kOwn), DrillState::kGood);
}

TEST_F(DrillTest, WrongPasswordAndWrongMachineAreBadAtOnce) {
  run(kOwn, worked(), 8);
  DrillResult denied = silent();
  denied.error = ErrorKind::kDenied;
  run(kOwn, denied);
  EXPECT_EQ(state(kOwn), DrillState::kBad);
  EXPECT_EQ(book.view(kOwn, now).score, 0);
  run(kOwn, worked(), 8);
  run(kByNine, worked(), 8);
  DrillResult other = worked();
  other.identity = IdentityVerdict::kOther;
  other.text = "this BMC belongs to another machine";
  run(kByNine, other);
  EXPECT_EQ(state(kByNine), DrillState::kBad);
  const DrillView device = book.device_view(kHost, kBmc, now);
  EXPECT_EQ(device.state, DrillState::kBad) << "whatever the other paths say";
  EXPECT_EQ(device.reason, other.text);
  DrillResult off = worked();
  off.state = PowerState::kOff;
  off.host_heard = true;
  run(kByNine, off);
  EXPECT_EQ(state(kByNine), DrillState::kBad);
}

TEST_F(DrillTest, DoubtOutlivesTheHost) {
  DrillResult off = worked();
  off.state = PowerState::kOff;
  off.host_heard = true;
  off.text = "off while it runs";
  run(kOwn, off);
  EXPECT_EQ(book.distrust(kHost, kBmc), off.text);
  off.host_heard = false;
  off.text = "off";
  run(kOwn, off, 8);
  EXPECT_EQ(book.distrust(kHost, kBmc), "off while it runs") << "the host died; off is no news";
  EXPECT_EQ(book.device_view(kHost, kBmc, now).state, DrillState::kBad);
  run(kOwn, worked());
  EXPECT_NE(book.distrust(kHost, kBmc), "") << "on, but nobody heard the host";
  DrillResult on = worked();
  on.host_heard = true;
  run(kOwn, on);
  EXPECT_EQ(book.distrust(kHost, kBmc), "");
}

TEST_F(DrillTest, AnotherMachineStaysAnotherUntilItSaysOtherwise) {
  DrillResult other = worked();
  other.identity = IdentityVerdict::kOther;
  other.text = "another machine";
  run(kOwn, other);
  DrillResult vague = worked();
  vague.identity = IdentityVerdict::kUnknown;
  vague.host_heard = true;
  run(kOwn, vague);
  run(kByNine, silent());
  EXPECT_EQ(book.distrust(kHost, kBmc), other.text) << "silence takes nothing back";
  EXPECT_EQ(book.distrust(kHost, DeviceId{3}), "");
  run(kOwn, worked());
  EXPECT_EQ(book.distrust(kHost, kBmc), "");
  run(kOwn, other);
  book.set_paths({}, now);
  EXPECT_EQ(book.distrust(kHost, kBmc), other.text);
  book.forget(kHost, kBmc, now);
  EXPECT_EQ(book.distrust(kHost, kBmc), "") << "other settings, another device";
}

TEST_F(DrillTest, SlowIsDegradedAndUncheckedIsGood) {
  run(kOwn, worked(8s), 3);
  EXPECT_EQ(state(kOwn), DrillState::kDegraded);
  EXPECT_EQ(book.view(kOwn, now).reason, "slow: it took 8.0 s");
  DrillResult unchecked = worked();
  unchecked.identity = IdentityVerdict::kUnknown;
  run(kByNine, unchecked);
  EXPECT_EQ(state(kByNine), DrillState::kGood);
}

TEST_F(DrillTest, AStateThatCannotBeReadIsNoSuccess) {
  DrillResult vague = worked();
  vague.state = PowerState::kUnknown;
  run(kOwn, vague);
  EXPECT_EQ(state(kOwn), DrillState::kBad);
}

TEST_F(DrillTest, OldResultsSayNothing) {
  run(kOwn, worked());
  EXPECT_EQ(book.view(kOwn, now + 31min).state, DrillState::kUnknown);
}

TEST_F(DrillTest, ADeviceIsAsGoodAsItsBestPathAHostAsItsWorstDevice) {
  const DrillPath feed{kHost, DeviceId{3}, HostId{}};
  book.set_paths({kOwn, kByNine, feed}, now);
  run(kOwn, silent(), 3);
  run(kByNine, worked());
  EXPECT_EQ(book.device_view(kHost, kBmc, now).state, DrillState::kGood);
  EXPECT_EQ(book.host_view(kHost, now)->state, DrillState::kUnknown);
  run(feed, silent(), 2);
  EXPECT_EQ(book.host_view(kHost, now)->state, DrillState::kBad);
  EXPECT_FALSE(book.host_view(HostId{99}, now));
}

TEST_F(DrillTest, WhatGoesIsForgottenWhatStaysIsKept) {
  run(kOwn, worked());
  book.set_paths({kOwn}, now);
  EXPECT_EQ(state(kOwn), DrillState::kGood);
  EXPECT_EQ(book.paths_of(kHost).size(), 1U);
  book.record(kByNine, worked(), now);
  EXPECT_EQ(book.paths_of(kHost).size(), 1U) << "the answer of a path that went";
  book.forget(kHost, kBmc, now);
  EXPECT_EQ(state(kOwn), DrillState::kUnknown);
  EXPECT_EQ(book.due(now), std::vector{kOwn});
}

TEST_F(DrillTest, TheManagerFirstThenTheBest) {
  const std::vector<HostId> all{HostId{9}, HostId{8}, kHost};
  const auto chosen = [&] { return choose_executor(book, kHost, kBmc, all, now); };
  EXPECT_EQ(chosen(), HostId{}) << "never tried";
  run(kByNine, worked(), 8);
  run(kOwn, worked(8s));
  EXPECT_EQ(chosen(), HostId{9}) << "degraded";
  run(kByEight, worked(), 8);
  EXPECT_EQ(chosen(), HostId{8}) << "the lowest id of equals";
  run(kOwn, worked(), 8);
  EXPECT_EQ(chosen(), HostId{});
  run(kOwn, silent(), 2);
  run(kByEight, silent(), 3);
  run(kByNine, silent(), 3);
  EXPECT_EQ(chosen(), HostId{}) << "the manager is the best of bad ones";
  run(kOwn, silent(), 8);
  EXPECT_EQ(choose_executor(book, kHost, kBmc, {HostId{5}}, now), HostId{5})
      << "an untried one beats one that is known to be dead";
  EXPECT_EQ(choose_executor(book, kHost, kBmc, {kHost}, now), HostId{});
}

const std::string kUuid = "00112233-4455-6677-8899-aabbccddeeff";

TEST(Identity, SpellingsOfOneUuid) {
  EXPECT_TRUE(same_uuid(kUuid, "00112233445566778899AABBCCDDEEFF"));
  EXPECT_TRUE(same_uuid(kUuid, "{00112233-4455-6677-8899-AABBCCDDEEFF}"));
  EXPECT_TRUE(same_uuid(kUuid, "33221100-5544-7766-8899-aabbccddeeff")) << "byte-swapped";
  EXPECT_TRUE(same_uuid("33221100-5544-7766-8899-aabbccddeeff", kUuid));
  EXPECT_TRUE(same_uuid(kUuid, "ffeeddcc-bbaa-9988-6677-445500112233")) << "IPMI's own encoding";
  EXPECT_TRUE(same_uuid("ccddeeff-aabb-8899-7766-554433221100", kUuid)) << "and back";
  EXPECT_FALSE(same_uuid(kUuid, "00112233-4455-6677-8899-aabbccddee00"));
  EXPECT_FALSE(same_uuid("", ""));
  EXPECT_FALSE(
      same_uuid("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"));
}

TEST(Identity, OneEqualFactIsEnough) {
  EXPECT_EQ(compare_identity({kUuid, "S1"}, {kUuid, "S2"}), IdentityVerdict::kSame);
  EXPECT_EQ(compare_identity({"10112233-4455-6677-8899-aabbccddeeff", " s1 "}, {kUuid, "S1"}),
            IdentityVerdict::kSame);
  EXPECT_EQ(compare_identity({"10112233-4455-6677-8899-aabbccddeeff", ""}, {kUuid, ""}),
            IdentityVerdict::kOther);
  EXPECT_EQ(compare_identity({"", "S1"}, {"", "S2"}), IdentityVerdict::kOther);
}

TEST(Identity, WhatIsNotSaidIsUnknown) {
  EXPECT_EQ(compare_identity({}, {kUuid, "S1"}), IdentityVerdict::kUnknown);
  EXPECT_EQ(compare_identity({kUuid, ""}, {"", "S1"}), IdentityVerdict::kUnknown);
  EXPECT_EQ(compare_identity({"", "To be filled by O.E.M."}, {"", "S1"}),
            IdentityVerdict::kUnknown);
  EXPECT_EQ(compare_identity({"03000200-0400-0500-0006-000700080009", "0000"}, {kUuid, "S1"}),
            IdentityVerdict::kUnknown);
  EXPECT_EQ(compare_identity({"no uuid", "Default string"}, {kUuid, ""}),
            IdentityVerdict::kUnknown);
}

TEST_F(DrillTest, RestoredDoubtHoldsBeforeAnyPathIsKnownAndEndsAsUsual) {
  DrillBook fresh;
  const Doubt doubt{true, false, "another machine's"};
  fresh.restore(kHost, kBmc, doubt);
  EXPECT_EQ(fresh.distrust(kHost, kBmc), "another machine's");
  EXPECT_EQ(fresh.doubts(), (DrillBook::Doubts{{{kHost, kBmc}, doubt}}));
  fresh.set_paths({kOwn}, now);
  EXPECT_EQ(fresh.device_view(kHost, kBmc, now).state, DrillState::kBad);
  DrillResult quiet = worked();
  quiet.identity = IdentityVerdict::kUnknown;
  fresh.record(kOwn, quiet, now);
  EXPECT_FALSE(fresh.doubts().empty()) << "a device that does not say clears nothing";
  fresh.record(kOwn, worked(), now);
  EXPECT_TRUE(fresh.doubts().empty());
}

TEST_F(DrillTest, AFailedUseIsForgottenWithTheSettings) {
  book.note_use(kOwn, false, now);
  book.forget(kHost, kBmc, now);
  EXPECT_FALSE(book.failed_lately(kOwn, now));
}

TEST(DrillChoice, TheLatestUseInEarnestTurnsTheNextElsewhere) {
  DrillBook book;
  const HostId host{1};
  const DrillPath own{host, DeviceId{}, HostId{}};
  const DrillPath by2{host, DeviceId{}, HostId{2}};
  const DrillPath by3{host, DeviceId{}, HostId{3}};
  Instant now{1'000};
  book.set_paths({own, by2, by3}, now);
  const std::vector<HostId> candidates{HostId{2}, HostId{3}};
  const auto chosen = [&] { return choose_executor(book, host, DeviceId{}, candidates, now); };
  EXPECT_EQ(chosen(), HostId{});
  book.note_use(own, false, now);
  EXPECT_EQ(chosen(), HostId{2});
  now = now + 1s;
  book.note_use(by2, false, now);
  EXPECT_EQ(chosen(), HostId{3});
  now = now + 1s;
  book.note_use(by3, false, now);
  EXPECT_EQ(chosen(), HostId{}) << "it failed longest ago";
  now = now + 1s;
  book.note_use(own, false, now);
  EXPECT_EQ(chosen(), HostId{2}) << "each gets its turn";
  book.note_use(by3, true, now);
  EXPECT_EQ(chosen(), HostId{3});
  now = now + 61s;
  EXPECT_EQ(chosen(), HostId{}) << "failures of long ago say nothing";
}

}  // namespace
}  // namespace mold::core
