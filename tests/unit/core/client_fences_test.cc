// Clients of one VM put off its disks, while its host lives on.
#include <algorithm>

#include "core/isolation/isolation.h"
#include "tests/unit/core/brain_fixture.h"

namespace mold::core {
namespace {

class ClientFences : public RbdFixture {
 protected:
  void beat(std::uint64_t host) override { feed(next_beat(host)); }
  void time_passes(Duration span) {
    const Instant until = now_ + span;
    while (now_ < until) {
      now_ = now_ + 500ms;
      for (std::uint64_t host = 1; host <= 3; ++host) beat(host);
    }
  }
  void report(Generation generation, DomainPower power, GoneReason reason = GoneReason::kUnknown) {
    VmReport line;
    line.vm = VmId{1};
    line.generation = generation;
    line.power = power;
    line.gone_reason = reason;
    feed(ReportReceived{HostId{1}, the_host(1).epoch, {line}});
  }
  void fence() {
    VmRequested wish;
    wish.vm = VmId{1};
    wish.wish = VmWish::kFence;
    wish.job = JobId{7};
    feed(wish);
  }
  void answer(Outcome outcome) {
    const auto asked = requests();
    ASSERT_FALSE(asked.empty());
    const IsolationAnswered e{asked.back().op, HostId{1}, kPool, outcome, {}, "said", VmId{1}};
    feed(e);
  }
  std::vector<FinishJob> jobs() const { return all<FinishJob>(); }
};

TEST_F(ClientFences, AKilledQemuIsPutOffItsDisksBeforeTheNextStart) {
  clients_seen();
  report(the_vm().generation, DomainPower::kGone, GoneReason::kSelfFenced);
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(requests()[0].verb, IsolationVerb::kEvict);
  EXPECT_EQ(requests()[0].vm, VmId{1});
  EXPECT_EQ(requests()[0].clients, std::vector<std::string>{kClient});
  EXPECT_LT(requests()[0].expiry, 3600s);
  EXPECT_EQ(the_vm().state, VmState::kStopped);
  answer(Outcome::kConfirmed);
  EXPECT_EQ(the_vm().state, VmState::kStarting);
  EXPECT_TRUE(the_vm().fences.empty());
}

TEST_F(ClientFences, AStartDoesNotWaitForEverForThat) {
  clients_seen();
  report(the_vm().generation, DomainPower::kGone, GoneReason::kSelfFenced);
  answer(Outcome::kUnknown);
  time_passes(Policy{}.eviction_wait + 1s);
  EXPECT_EQ(the_vm().state, VmState::kStarting);
  EXPECT_FALSE(the_vm().fences.empty());  // tried again meanwhile
}

TEST_F(ClientFences, AGuestThatShutsDownClosedItsDisksItself) {
  clients_seen();
  report(the_vm().generation, DomainPower::kGone, GoneReason::kShutdown);
  EXPECT_TRUE(requests().empty());
}

TEST_F(ClientFences, AVmFencedAloneRunsElsewhereAndItsHostIsLeftAlone) {
  clients_seen();
  fence();
  ASSERT_EQ(requests().size(), 1U);
  EXPECT_EQ(requests()[0].verb, IsolationVerb::kEvict);
  EXPECT_EQ(requests()[0].expiry, Policy{}.isolation_expiry);
  EXPECT_EQ(the_vm().host, HostId{1});
  answer(Outcome::kConfirmed);
  EXPECT_NE(the_vm().host, HostId{1});
  EXPECT_EQ(the_vm().state, VmState::kStarting);
  EXPECT_EQ(the_host(1).ha, HaState::kAvailable);
  EXPECT_TRUE(the_host(1).isolations.empty());
  ASSERT_FALSE(jobs().empty());
  EXPECT_EQ(jobs().back().job.status, JobStatus::kSucceeded);
  answer_orders();
  // The copy that hangs there is killed as soon as the host speaks of it; then its clients go off
  // the list.
  report(Generation{1}, DomainPower::kRunning);
  EXPECT_EQ(all<SendOrder>().back().order.kind, OrderKind::kKillVm);
  EXPECT_TRUE(requests().empty());
  report(Generation{1}, DomainPower::kGone);
  ASSERT_FALSE(requests().empty());
  EXPECT_EQ(requests().back().verb, IsolationVerb::kReadmit);
  answer(Outcome::kConfirmed);
  EXPECT_TRUE(the_vm().fences.empty());
}

TEST_F(ClientFences, UnknownFreesNobodyAndIsAskedAgain) {
  clients_seen();
  fence();
  answer(Outcome::kUnknown);
  EXPECT_EQ(the_vm().host, HostId{1});
  time_passes(5s);
  EXPECT_EQ(requests().size(), 2U);
  EXPECT_EQ(the_vm().host, HostId{1});
}

TEST_F(ClientFences, AClientThatIsSeenMeanwhileHasToBeListedToo) {
  clients_seen();
  fence();
  feed(ClientsSeen{VmId{1}, the_vm().generation, {"10.0.0.1:0/78"}});
  answer(Outcome::kConfirmed);
  EXPECT_EQ(the_vm().host, HostId{1});
  time_passes(1s);
  EXPECT_EQ(requests().back().clients, (std::vector<std::string>{kClient, "10.0.0.1:0/78"}));
  answer(Outcome::kConfirmed);
  EXPECT_NE(the_vm().host, HostId{1});
}

TEST_F(ClientFences, ItIsNotPlacedWhereItsFencedCopyMayBe) {
  clients_seen();
  fence();
  answer(Outcome::kConfirmed);
  EXPECT_TRUE(keeps_out(brain_.state().pools, the_host(1), the_vm()));
  EXPECT_FALSE(keeps_out(brain_.state().pools, the_host(2), the_vm()));
}

TEST_F(ClientFences, WhatCannotBeFencedAloneSaysWhy) {
  fence();
  ASSERT_FALSE(jobs().empty());
  EXPECT_EQ(jobs().back().job.status, JobStatus::kFailed);
  EXPECT_EQ(jobs().back().job.error_text, "who has its disks open was not seen yet");
  EXPECT_TRUE(requests().empty());
}

}  // namespace
}  // namespace mold::core
