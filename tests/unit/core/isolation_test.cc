// Isolation from a Ceph pool as a proof: what it covers, how it ends.
#include "core/isolation/isolation.h"

#include <algorithm>

#include "tests/unit/core/brain_fixture.h"

namespace mold::core {
namespace {

class Isolation : public RbdFixture {
 protected:
  // All others see that the counter of host 1 stands still for as long as it is silent.
  void beat(std::uint64_t host) override {
    BeatReceived e = next_beat(host);
    for (std::uint64_t other = 1; other <= 3; ++other) {
      if (other == host) continue;
      LeaseReading reading;
      reading.pool = kPool;
      reading.subject = HostId{other};
      reading.readable = true;
      reading.counter = other == 1 ? 5 : said_;
      reading.deadline = 600s;
      if (other == 1) reading.unchanged = now_ - silent_since_;
      e.readings.push_back(reading);
    }
    feed(e);
  }
  // Host 1 is silent on network and storage for so long that it is to be fenced.
  void host_1_dies() {
    silent_since_ = now_;
    for (int i = 0; i < 30; ++i) {
      now_ = now_ + 250ms;
      beat(2);
      beat(3);
    }
    ASSERT_EQ(the_host(1).ha, HaState::kFencing);
  }
  void time_passes(Duration span) {
    const Instant until = now_ + span;
    while (now_ < until) {
      now_ = now_ + 500ms;
      beat(2);
      beat(3);
    }
  }
  void answer(Outcome outcome, std::vector<std::string> listed = {}) {
    const auto asked = requests();
    ASSERT_FALSE(asked.empty());
    feed(IsolationAnswered{asked.back().op, HostId{1}, kPool, outcome, std::move(listed), "said"});
  }

  Instant silent_since_{1'000};
};

TEST_F(Isolation, AHealthyHostIsNotIsolated) {
  clients_seen();
  beat(1);
  EXPECT_TRUE(requests().empty());
}

TEST_F(Isolation, ConfirmedItFreesTheVmWithoutAnyBmc) {
  clients_seen();
  host_1_dies();
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(requests()[0].verb, IsolationVerb::kIsolate);
  EXPECT_EQ(requests()[0].clients, std::vector<std::string>{kClient});
  EXPECT_EQ(requests()[0].images, std::vector<std::string>{"v1"});
  EXPECT_EQ(the_vm().host, HostId{1});
  answer(Outcome::kConfirmed, {kClient});
  EXPECT_NE(the_vm().host, HostId{1});
  EXPECT_EQ(the_vm().generation, Generation{2});
  ASSERT_TRUE(the_host(1).proof);
  EXPECT_EQ(the_host(1).proof->method, ProofMethod::kStorageIsolated);
  EXPECT_FALSE(the_host(1).proof->whole_host);
}

TEST_F(Isolation, UnknownFreesNobodyAndIsAskedAgain) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kUnknown, {kClient});
  EXPECT_EQ(the_vm().host, HostId{1});
  time_passes(5s);
  EXPECT_EQ(requests().size(), 2U);
}

TEST_F(Isolation, AVmWhoseClientsNobodySawIsNotCovered) {
  host_1_dies();
  answer(Outcome::kConfirmed, {"10.0.0.1:0/99"});
  EXPECT_EQ(the_vm().host, HostId{1});
}

TEST_F(Isolation, AConfirmationThatLeavesAClientOutProvesNothing) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kConfirmed, {"10.0.0.1:0/99"});
  EXPECT_EQ(the_vm().host, HostId{1});
  EXPECT_FALSE(the_host(1).isolations.at(0).proven);
}

// Its clients are watched for half a minute after its end, and a start elsewhere is refused so
// long.
TEST_F(Isolation, AHostProvenDeadInAnotherWayIsIsolatedToo) {
  clients_seen();
  silent_since_ = now_;
  time_passes(1s);
  feed(FencedElsewhere{HostId{1}, "pacemaker", "node h1", now_});
  time_passes(2500ms);
  ASSERT_EQ(the_host(1).ha, HaState::kFenced);
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(requests()[0].verb, IsolationVerb::kIsolate);
  EXPECT_EQ(requests()[0].clients, std::vector<std::string>{kClient});
  EXPECT_NE(the_vm().host, HostId{1});
}

TEST_F(Isolation, ClientsOfAnotherGenerationDoNotCount) {
  feed(ClientsSeen{VmId{1}, Generation{9}, {kClient}});
  EXPECT_TRUE(the_vm().clients.empty());
}

TEST_F(Isolation, NobodyIsPlacedThereBeforeItBootsAnew) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kConfirmed, {kClient});
  answer_orders();
  feed(hello(1, "b1"));  // it thawed
  EXPECT_FALSE(the_host(1).isolations.at(0).lifting);
  EXPECT_TRUE(keeps_out(brain_.state().pools, the_host(1), the_vm()));
}

TEST_F(Isolation, RebornItGetsItsAccessBack) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kConfirmed, {kClient});
  answer_orders();
  time_passes(9s);
  feed(hello(1, "b2"));
  ASSERT_EQ(requests().back().verb, IsolationVerb::kLift);
  EXPECT_EQ(requests().back().clients, std::vector<std::string>{kClient});
  answer(Outcome::kUnknown);
  EXPECT_FALSE(the_host(1).isolations.empty());
  time_passes(5s);
  answer(Outcome::kConfirmed);
  EXPECT_TRUE(the_host(1).isolations.empty());
}

// Simulator seed 2005128: a frozen host's client was read on a disk that was given to the next
// host; when that one was reborn, the frozen one was let in again.
TEST_F(Isolation, ALiftLeavesWhatBelongsToAnotherHost) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kConfirmed, {kClient});
  answer_orders();
  ASSERT_EQ(the_vm().state, VmState::kRunning);
  feed(ClientsSeen{VmId{1}, the_vm().generation, {kClient, "10.0.0.2:0/5"}});
  EXPECT_EQ(the_vm().clients, std::vector<std::string>{"10.0.0.2:0/5"});
}

TEST_F(Isolation, ItIsRenewedLongBeforeItExpires) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kConfirmed, {kClient});
  const Policy policy;
  EXPECT_LT(policy.isolation_renew * 10, policy.isolation_expiry);
  time_passes(policy.isolation_deadline);  // read back once more, when nothing can land late
  ASSERT_EQ(requests().size(), 2U);
  EXPECT_EQ(requests().back().verb, IsolationVerb::kRenew);
  answer(Outcome::kConfirmed, {kClient});
  time_passes(60s);
  EXPECT_EQ(requests().size(), 2U);
  now_ = now_ + policy.isolation_renew;
  feed(TimePassed{});
  EXPECT_EQ(requests().size(), 3U);
}

TEST_F(Isolation, AccessThatCameBackIsTakenAgain) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kConfirmed, {kClient});
  time_passes(Policy{}.isolation_deadline);
  answer(Outcome::kFailed);
  time_passes(5s);
  EXPECT_EQ(requests().back().verb, IsolationVerb::kIsolate);
}

// Whoever has the image open by then is listed: it must not be the next host.
TEST_F(Isolation, NobodyOpensAnImageWhileItsUsersAreBeingListed) {
  clients_seen();
  host_1_dies();
  ASSERT_EQ(requests().size(), 1U);
  feed(FencedElsewhere{HostId{1}, "pacemaker", "node h1", now_});
  time_passes(1s);
  ASSERT_EQ(the_host(1).ha, HaState::kFenced);
  EXPECT_EQ(the_vm().state, VmState::kStopped);
  answer(Outcome::kUnknown);
  EXPECT_EQ(the_vm().state, VmState::kStarting);
}

TEST_F(Isolation, WhatCertainlyDidNothingIsForgottenWhenTheHostIsBack) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kFailed);
  beat(1);
  beat(1);
  EXPECT_TRUE(the_host(1).isolations.empty());
  EXPECT_EQ(the_vm().host, HostId{1});
}

// The fencer lacked a right: given later, it must not hit a host that has long been well.
TEST_F(Isolation, WhatFailedTwiceDidNothingEither) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kFailed);
  time_passes(5s);
  ASSERT_EQ(requests().size(), 2U);
  answer(Outcome::kFailed);
  beat(1);
  beat(1);
  EXPECT_TRUE(the_host(1).isolations.empty());
}

TEST_F(Isolation, AFailureTakesNoEarlierDoubtAway) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kUnknown);
  time_passes(5s);
  answer(Outcome::kFailed);
  beat(1);
  beat(1);
  EXPECT_FALSE(the_host(1).isolations.empty());
}

// One user for all pools of a Ceph cluster: taken from one, it is taken from all.
TEST_F(Isolation, ItKeepsVmsOfItsCephClusterAway) {
  Pool other;
  other.id = PoolId{2};
  other.cluster = kCluster;
  other.kind = PoolKind::kRbd;
  other.path = "rbd:more";
  clients_seen();
  host_1_dies();
  Vm vm;
  Disk disk;
  disk.pool = other.id;
  disk.path = "rbd:more/v2";
  vm.spec.disks.push_back(disk);
  std::map<PoolId, Pool> pools = brain_.state().pools;
  pools[other.id] = other;
  EXPECT_FALSE(keeps_out(pools, the_host(1), vm));
  for (auto& [id, pool] : pools) pool.ceph_fsid = "f";
  EXPECT_TRUE(keeps_out(pools, the_host(1), vm));
}

// No VM is left that a power cut would free, and the next one would hit the host when it boots.
TEST_F(Isolation, ItEndsTheFencingOfAHostWithoutVms) {
  feed(PowerControlSet{HostId{1}, true});
  clients_seen();
  host_1_dies();
  const auto cuts = all<RequestPower>();
  ASSERT_FALSE(cuts.empty());
  answer(Outcome::kConfirmed, {kClient});
  time_passes(1s);
  EXPECT_EQ(the_host(1).ha, HaState::kFencing);  // that one may still hit
  PowerAnswered failed;
  failed.op = cuts.back().op;
  failed.host = HostId{1};
  failed.verb = PowerVerb::kOff;
  failed.outcome = Outcome::kFailed;
  feed(failed);
  EXPECT_EQ(the_host(1).ha, HaState::kFenced);
  time_passes(60s);
  EXPECT_EQ(all<RequestPower>().size(), cuts.size());
}

TEST_F(Isolation, ABegunOneIsBroughtToItsEndAlthoughTheHostIsBack) {
  clients_seen();
  host_1_dies();
  answer(Outcome::kUnknown, {kClient});
  for (int i = 0; i < 10; ++i) {
    now_ = now_ + 500ms;
    for (std::uint64_t host = 1; host <= 3; ++host) beat(host);
  }
  ASSERT_EQ(requests().size(), 2U);
  answer(Outcome::kConfirmed, {kClient});
  EXPECT_NE(the_vm().host, HostId{1});
}

}  // namespace
}  // namespace mold::core
