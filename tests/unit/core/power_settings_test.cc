// Settings of power devices that are changed while something is asked of them: nothing that the
// device said as it was set up before may prove anything, or end well.
#include <algorithm>
#include <utility>

#include "tests/unit/core/brain_fixture.h"

namespace mold::core {
namespace {

constexpr HostId kHost{1};
constexpr DeviceId kFeed{7};

// One host that fell silent; its storage is on no pool that anybody reads.
class PowerSettings : public BrainFixture {
 protected:
  void add(HostId id, HaState ha = HaState::kAvailable) {
    Host host;
    host.id = id;
    host.cluster = kCluster;
    host.name = "h" + std::to_string(id.value);
    host.has_power_control = true;
    host.ha_enabled = true;
    host.ha = ha;
    host.epoch = Epoch{1};
    feed(HostAdded{host});
  }
  void SetUp() override { add(kHost); }

  void answer(const RequestPower& asked, PowerState state = PowerState::kOff) {
    feed(PowerAnswered{asked.op, asked.host, asked.verb, Outcome::kConfirmed, state, "read",
                       asked.device});
  }
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    for (const Action& action : std::exchange(actions_, {})) {
      if (const T* t = std::get_if<T>(&action)) found.push_back(*t);
    }
    return found;
  }
  // Until it is asked about, its silence seen step by step.
  std::vector<RequestPower> next_requests() {
    for (int i = 0; i < 600; ++i) {
      auto asked = take<RequestPower>();
      if (!asked.empty()) return asked;
      now_ = now_ + 100ms;
      feed(TimePassed{});
    }
    ADD_FAILURE() << "nothing was asked";
    return {RequestPower{}};
  }
  RequestPower next_request() { return next_requests().front(); }
  const Host& host() const { return brain_.state().hosts.at(kHost); }
};

TEST_F(PowerSettings, ThePowerOfAHostIsWhatItsBmcSays) {
  feed(PowerAnswered{OpId{90}, kHost, PowerVerb::kStatus, Outcome::kConfirmed, PowerState::kOn, "",
                     DeviceId{}});
  EXPECT_EQ(host().power, PowerState::kOn);
  feed(PowerAnswered{OpId{91}, kHost, PowerVerb::kOff, Outcome::kConfirmed, PowerState::kOff, "",
                     kFeed});
  EXPECT_EQ(host().power, PowerState::kOn) << "one of two feeds is off";
  feed(PowerSettingsChanged{kHost, kFeed});
  EXPECT_EQ(host().power, PowerState::kOn);
  feed(PowerSettingsChanged{kHost, DeviceId{}});
  EXPECT_EQ(host().power, PowerState::kUnknown) << "another BMC, and nothing is known of it";
}

TEST_F(PowerSettings, AReadingThatWasAskedOfTheOldBmcIsNoProof) {
  const RequestPower old = next_request();
  ASSERT_EQ(old.verb, PowerVerb::kStatus);
  now_ = now_ + 20s;
  feed(PowerSettingsChanged{kHost, DeviceId{}});
  answer(old);
  EXPECT_NE(host().ha, HaState::kFenced);
  const RequestPower fresh = next_request();
  EXPECT_NE(fresh.op, old.op);
  EXPECT_EQ(fresh.verb, PowerVerb::kStatus);
  feed(PowerAnswered{old.op, kHost, old.verb, Outcome::kConfirmed, PowerState::kOff, "", {}});
  EXPECT_NE(host().ha, HaState::kFenced);
}

TEST_F(PowerSettings, APersonsRequestToTheOldBmcEndsAsFailedAndProvesNothing) {
  next_request();
  feed(PowerRequested{kHost, PowerVerb::kOff, JobId{5}});
  const auto asked = take<RequestPower>();
  ASSERT_EQ(asked.size(), 1U);
  feed(PowerSettingsChanged{kHost, kFeed});
  EXPECT_TRUE(take<FinishJob>().empty()) << "another device";
  feed(PowerSettingsChanged{kHost, DeviceId{}});
  const auto ended = take<FinishJob>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].job.id, JobId{5});
  EXPECT_EQ(ended[0].job.status, JobStatus::kFailed);
  EXPECT_EQ(ended[0].job.error_text,
            "the settings of this device were changed meanwhile; read the power state again");
  now_ = now_ + 20s;
  answer(asked[0]);
  EXPECT_NE(host().ha, HaState::kFenced);
  EXPECT_TRUE(brain_.state().jobs.empty());
}

TEST_F(PowerSettings, WhatWasAskedOfABmcThatWasSwitchedOffProvesNothing) {
  const RequestPower reading = next_request();
  feed(PowerRequested{kHost, PowerVerb::kOff, JobId{5}});
  const auto wish = take<RequestPower>();
  ASSERT_EQ(wish.size(), 1U);
  feed(PowerControlSet{kHost, false});
  const auto ended = take<FinishJob>();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].job.status, JobStatus::kFailed);
  now_ = now_ + 20s;
  feed(PowerControlSet{kHost, true});
  answer(reading);
  answer(wish[0]);
  EXPECT_NE(host().ha, HaState::kFenced);
}

class PowerSettingsOfTheFenced : public PowerSettings {
 protected:
  void SetUp() override { add(kHost, HaState::kFencing); }
};

TEST_F(PowerSettingsOfTheFenced, AnOffOfTheOldBmcIsNoProofAndTheNewOneIsAskedAtOnce) {
  const RequestPower old = next_request();
  ASSERT_EQ(old.verb, PowerVerb::kOff);
  feed(PowerSettingsChanged{kHost, DeviceId{}});
  EXPECT_TRUE(take<RequestPower>().empty()) << "the old request is not over";
  answer(old);
  EXPECT_EQ(host().ha, HaState::kFencing);
  EXPECT_EQ(host().power, PowerState::kUnknown);
  const auto asked = take<RequestPower>();
  ASSERT_EQ(asked.size(), 1U) << "no back-off for a device that was not tried yet";
  EXPECT_NE(asked[0].op, old.op);
  answer(old);
  EXPECT_EQ(host().ha, HaState::kFencing);
  answer(asked[0]);
  EXPECT_EQ(host().ha, HaState::kFenced);
}

TEST_F(PowerSettingsOfTheFenced, AnOffOfTheOldFeedIsForgotten) {
  feed(FenceDevicesSet{kHost, {{1, {kFeed}}}});
  const auto both = next_requests();
  ASSERT_EQ(both.size(), 2U);
  const auto& feed_request = both[0].device ? both[0] : both[1];
  const auto& bmc_request = both[0].device ? both[1] : both[0];
  answer(feed_request);
  feed(PowerSettingsChanged{kHost, kFeed});
  answer(bmc_request);
  EXPECT_EQ(host().ha, HaState::kFencing) << "the feed that was read is not this one";
  const auto again = take<RequestPower>();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].device, kFeed);
  answer(again[0]);
  EXPECT_EQ(host().ha, HaState::kFenced);
}

TEST_F(PowerSettingsOfTheFenced, AnOffOfABmcThatWasSwitchedOffIsNoProof) {
  const RequestPower old = next_request();
  feed(PowerControlSet{kHost, false});
  answer(old);
  EXPECT_EQ(host().ha, HaState::kFencing);
  feed(PowerControlSet{kHost, true});
  const auto asked = take<RequestPower>();
  ASSERT_EQ(asked.size(), 1U) << "nothing is known of it";
  answer(old);
  EXPECT_EQ(host().ha, HaState::kFencing) << "also when it was switched on again meanwhile";
  answer(asked[0]);
  EXPECT_EQ(host().ha, HaState::kFenced);
}

TEST_F(PowerSettingsOfTheFenced, AnOffOfAFeedThatWasSwitchedOffIsNoProof) {
  feed(FenceDevicesSet{kHost, {{1, {kFeed}}}});
  const auto both = next_requests();
  ASSERT_EQ(both.size(), 2U);
  feed(FenceDevicesSet{kHost, {}});
  feed(FenceDevicesSet{kHost, {{1, {kFeed}}}});
  answer(both[0]);
  answer(both[1]);
  EXPECT_EQ(host().ha, HaState::kFencing) << "the feed is another one, or may be";
}

TEST_F(PowerSettingsOfTheFenced, WhatWasVoidedStandsInTheLedger) {
  next_request();
  feed(PowerSettingsChanged{kHost, DeviceId{}});
  const auto lines = take<NoteEvidence>();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].text,
            "the settings of its BMC were changed: nothing that it said or is still to say counts");
  feed(PowerSettingsChanged{kHost, kFeed});
  EXPECT_TRUE(take<NoteEvidence>().empty()) << "nothing was asked of it";
}

TEST(PowerSettingsInRecovery, AResetThroughTheOldBmcIsOfUnknownFate) {
  Policy policy;
  policy.recover_attempts = 1;
  State state;
  Host host;
  host.id = kHost;
  host.has_power_control = true;
  host.ha_enabled = true;
  host.ha = HaState::kRecovering;
  host.epoch = Epoch{1};
  host.fence.op = OpId{3};
  host.fence.verb = PowerVerb::kReset;
  state.hosts.emplace(kHost, host);
  state.next_op = OpId{10};
  Brain brain(policy, state);
  brain.step(PowerSettingsChanged{kHost, DeviceId{}}, Now{Instant{1'000}, WallTime{}});
  const Host& now = brain.state().hosts.at(kHost);
  EXPECT_EQ(now.ha, HaState::kFencing);
  EXPECT_EQ(now.fence.op, OpId{});
  EXPECT_TRUE(now.fence.off_sent) << "it may still reset this host";
}

}  // namespace
}  // namespace mold::core
