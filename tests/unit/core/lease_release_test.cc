// What an expired lease frees: the VMs that the host promised to stop, and no others. And which
// hosts could be proven dead at all.
#include <algorithm>

#include "tests/unit/core/brain_fixture.h"

namespace mold::core {
namespace {

constexpr PoolId kOther{2};

class LeaseReleases : public BrainFixture {
 protected:
  void SetUp() override { add_pool(kPool, "nas", PoolKind::kDirectory, true); }
  void add_pool(PoolId id, const std::string& name, PoolKind kind, bool heartbeat) {
    Pool pool;
    pool.id = id;
    pool.cluster = kCluster;
    pool.name = name;
    pool.path = "/" + name;
    pool.kind = kind;
    pool.heartbeat = heartbeat;
    if (kind == PoolKind::kLocal) pool.host = HostId{1};
    feed(PoolAdded{pool});
  }
  void join_all(bool has_power_control) {
    for (std::uint64_t i = 1; i <= 3; ++i) join(i, has_power_control);
  }
  static Disk disk_on(PoolId pool) {
    Disk disk;
    disk.pool = pool;
    return disk;
  }
  static LeaseReading reading(std::uint64_t subject, Duration unchanged) {
    LeaseReading r;
    r.pool = kPool;
    r.subject = HostId{subject};
    r.readable = true;
    r.counter = 5;
    r.armed = true;
    r.deadline = 10s;
    r.unchanged = unchanged;
    return r;
  }
  // Host 1 is silent; the others see that its beat on the pool does not move.
  void fall_silent(Duration time) {
    if (!silent_since_) silent_since_ = now_;
    const Instant until = now_ + time;
    while (now_ < until) {
      now_ = now_ + 500ms;
      for (const std::uint64_t observer : {2U, 3U}) {
        BeatReceived e = next_beat(observer);
        e.readings = {reading(1, now_ - *silent_since_), reading(5 - observer, 200ms)};
        feed(e);
      }
    }
  }
  std::optional<Instant> silent_since_;

  // The host as it was, with the VM or without.
  void come_back(bool with_vm) {
    HelloReceived e = hello(1);
    if (with_vm) {
      VmReport r;
      r.vm = VmId{1};
      r.generation = the_vm().generation;
      e.vms.push_back(r);
    }
    feed(e);
  }
  void beat_with(std::vector<OwnLease> leases, Duration time) {
    const Instant from = now_;
    while (now_ - from < time) {
      now_ = now_ + 500ms;
      for (const std::uint64_t id : {1U, 2U, 3U}) {
        BeatReceived e = next_beat(id);
        if (id == 1) e.leases = leases;
        feed(e);
      }
    }
  }
};

TEST_F(LeaseReleases, AVmOnThePoolIsFreed) {
  join_all(false);
  run_vm(disk_on(kPool));
  fall_silent(12s);
  EXPECT_EQ(the_host(1).ha, HaState::kFenced);
  EXPECT_NE(the_vm().host, HostId{1});
}

TEST_F(LeaseReleases, AVmOnALocalDiskStaysWhereItIs) {
  add_pool(kOther, "disk1", PoolKind::kLocal, false);
  join_all(true);
  run_vm(disk_on(kOther));
  actions_.clear();
  fall_silent(12s);
  EXPECT_EQ(the_host(1).ha, HaState::kFenced);
  EXPECT_EQ(the_vm().host, HostId{1});
  EXPECT_EQ(the_vm().state, VmState::kRunning);
  come_back(true);
  EXPECT_EQ(the_vm().host, HostId{1});
  EXPECT_EQ(the_vm().state, VmState::kRunning);
  EXPECT_EQ(the_host(1).ha, HaState::kRecovered);
  for (const SendOrder& sent : all<SendOrder>())
    EXPECT_NE(sent.order.kind, OrderKind::kKillVm) << "a healthy VM is let be";
}

TEST_F(LeaseReleases, WhatDidNotComeBackWithTheHostIsStartedAgain) {
  add_pool(kOther, "disk1", PoolKind::kLocal, false);
  join_all(false);
  run_vm(disk_on(kOther));
  fall_silent(12s);
  ASSERT_EQ(the_host(1).ha, HaState::kFenced);
  come_back(false);
  EXPECT_EQ(the_vm().generation, Generation{1});
  EXPECT_EQ(the_vm().state, VmState::kStopped);
  for (int i = 0; i < 10; ++i) {
    now_ = now_ + 500ms;
    for (const std::uint64_t id : {1U, 2U, 3U}) beat(id);
  }
  EXPECT_EQ(the_vm().state, VmState::kStarting);
  EXPECT_EQ(the_vm().generation, Generation{2});
}

TEST_F(LeaseReleases, OneOfItsDisksIsEnough) {
  add_pool(kOther, "disk1", PoolKind::kLocal, false);
  join_all(false);
  Disk both = disk_on(kPool);
  run_vm(both);
  fall_silent(12s);
  EXPECT_NE(the_vm().host, HostId{1});
}

// It could run elsewhere, and a device may yet say that the host is off: that goes on being asked.
TEST_F(LeaseReleases, ASharedPoolWithoutHeartbeatWaitsForAnotherProof) {
  add_pool(kOther, "plain", PoolKind::kDirectory, false);
  join_all(true);
  run_vm(disk_on(kOther));
  actions_.clear();
  fall_silent(12s);
  EXPECT_EQ(the_host(1).ha, HaState::kFencing);
  EXPECT_EQ(the_vm().host, HostId{1});
  const auto asked = all<RequestPower>();
  const auto off = std::find_if(asked.begin(), asked.end(), [](const RequestPower& r) {
    return r.host == HostId{1} && r.verb == PowerVerb::kOff;
  });
  ASSERT_NE(off, asked.end());
  feed(PowerAnswered{off->op, HostId{1}, off->verb, Outcome::kConfirmed, PowerState::kOff, "", {}});
  EXPECT_EQ(the_host(1).ha, HaState::kFenced);
  EXPECT_NE(the_vm().host, HostId{1});
}

TEST_F(LeaseReleases, WithoutADeviceItIsFencedAndTheVmWaits) {
  add_pool(kOther, "plain", PoolKind::kDirectory, false);
  join_all(false);
  run_vm(disk_on(kOther));
  fall_silent(12s);
  EXPECT_EQ(the_host(1).ha, HaState::kFenced);
  EXPECT_EQ(the_vm().host, HostId{1});
  feed(DeathConfirmed{HostId{1}, "admin", "pulled the plug"});
  EXPECT_NE(the_vm().host, HostId{1});
}

// ---- one pool that nobody can read --------------------------------------------------------------

TEST_F(LeaseReleases, APoolThatNobodyReadsIsNamed) {
  add_pool(kOther, "san", PoolKind::kDirectory, true);
  join_all(true);
  fall_silent(6s);
  ASSERT_EQ(the_host(1).ha, HaState::kChecking);
  EXPECT_NE(the_host(1).reason.find("on pool san"), std::string::npos) << the_host(1).reason;
}

TEST_F(LeaseReleases, APoolThatNobodyReadsHidesNoPowerThatIsOff) {
  add_pool(kOther, "san", PoolKind::kDirectory, true);
  join_all(true);
  for (int i = 0; i < 80; ++i) {  // sessions that are not young any more
    now_ = now_ + 500ms;
    for (const std::uint64_t id : {1U, 2U, 3U}) beat(id);
  }
  actions_.clear();
  fall_silent(2500ms);  // its beat is young still
  ASSERT_EQ(the_host(1).ha, HaState::kChecking);
  const auto first = all<RequestPower>();
  ASSERT_EQ(first.size(), 1U);
  feed(PowerAnswered{
      first[0].op, HostId{1}, first[0].verb, Outcome::kConfirmed, PowerState::kOff, "", {}});
  ASSERT_NE(the_host(1).ha, HaState::kFenced) << "it may have beaten just now";
  actions_.clear();
  fall_silent(4s);
  const auto again = all<RequestPower>();
  ASSERT_FALSE(again.empty()) << "read again";
  feed(PowerAnswered{
      again[0].op, HostId{1}, again[0].verb, Outcome::kConfirmed, PowerState::kOff, "", {}});
  EXPECT_EQ(the_host(1).ha, HaState::kFenced);
}

TEST_F(LeaseReleases, AHostThatNeverBeatsOnAPoolIsToldOnce) {
  add_pool(kOther, "san", PoolKind::kDirectory, true);
  join_all(true);
  actions_.clear();
  const auto alarms = [this] {
    const auto lines = all<NoteEvidence>();
    return std::count_if(lines.begin(), lines.end(), [](const NoteEvidence& n) {
      return n.text.find("never beat on pool san") != std::string::npos;
    });
  };
  beat_with({{kPool, true, true}, {kOther, false, false}}, 20s);
  EXPECT_EQ(alarms(), 0) << "it may be starting";
  beat_with({{kPool, true, true}, {kOther, false, false}}, 60s);
  EXPECT_EQ(alarms(), 1);
}

// ---- eligibility --------------------------------------------------------------------------------

TEST_F(LeaseReleases, WithoutADeviceAHostThatIsArmedNowhereIsIneligible) {
  join_all(false);
  beat_with({}, 60s);
  EXPECT_EQ(the_host(1).ha, HaState::kAvailable) << "nothing is known of its leases";
  beat_with({{kPool, true, false}}, 20s);
  EXPECT_EQ(the_host(1).ha, HaState::kAvailable) << "it may be starting";
  beat_with({{kPool, true, false}}, 20s);
  EXPECT_EQ(the_host(1).ha, HaState::kIneligible);
  EXPECT_NE(the_host(1).reason.find("armed on no heartbeat pool"), std::string::npos);
  beat_with({{kPool, true, true}}, 1s);
  EXPECT_EQ(the_host(1).ha, HaState::kAvailable);
}

TEST_F(LeaseReleases, ARestartOfOursMakesNobodyEligible) {
  join_all(false);
  beat_with({{kPool, true, false}}, 40s);
  ASSERT_EQ(the_host(1).ha, HaState::kIneligible);
  State state = brain_.state();
  state.hosts.at(HostId{1}).leases.clear();  // not durable
  Brain again{Policy{}, state};
  again.resume(Now{Instant{5}, WallTime{}});
  const Host& host = again.state().hosts.at(HostId{1});
  EXPECT_EQ(host.ha, HaState::kIneligible) << "its word is waited for";
  BeatReceived e;
  e.host = HostId{1};
  e.epoch = host.epoch;
  e.sequence = ++said_;
  e.leases = {{kPool, true, false}};
  again.step(e, Now{Instant{600}, WallTime{}});
  EXPECT_EQ(host.ha, HaState::kIneligible);
  e.sequence = ++said_;
  e.leases = {{kPool, true, true}};
  again.step(e, Now{Instant{1'100}, WallTime{}});
  EXPECT_EQ(host.ha, HaState::kAvailable);
}

TEST_F(LeaseReleases, ACephPoolOrADeviceMakesItEligibleUnarmed) {
  join_all(true);
  beat_with({{kPool, true, false}}, 60s);
  EXPECT_EQ(the_host(1).ha, HaState::kAvailable);
  feed(PowerControlSet{HostId{1}, false});
  add_pool(kOther, "ceph", PoolKind::kRbd, true);
  beat_with({{kPool, true, false}, {kOther, true, false}}, 60s);
  EXPECT_EQ(the_host(1).ha, HaState::kAvailable) << "it can be isolated";
}

}  // namespace
}  // namespace mold::core
