// VMs that ended or stopped by themselves: started again, resumed, and not over and over.
#include <utility>

#include "tests/unit/core/brain_fixture.h"

namespace mold::core {
namespace {

class VmCare : public BrainFixture {
 protected:
  void SetUp() override {
    add_pool(PoolKind::kDirectory);
    join(1, true);
    run_vm_on_nas();
    actions_.clear();
  }
  void report(DomainPower power, GoneReason reason = GoneReason::kUnknown, bool io_error = false) {
    VmReport r;
    r.vm = VmId{1};
    r.generation = the_vm().generation;
    r.power = power;
    r.gone_reason = reason;
    r.io_error = io_error;
    feed(ReportReceived{HostId{1}, the_host(1).epoch, {r}});
  }
  void pause() { report(DomainPower::kPaused, GoneReason::kUnknown, true); }
  void crash() { report(DomainPower::kGone, GoneReason::kCrashed); }
  // Lets so much time pass while the host beats.
  void live(Duration time) {
    for (Duration passed{0}; passed < time; passed += 500ms) {
      now_ = now_ + 500ms;
      beat(1);
    }
  }
  // Until it is ordered to start; how long that took.
  Duration time_to_start() {
    const Instant from = now_;
    while (the_vm().state != VmState::kStarting && now_ - from < 60s) live(500ms);
    answer_orders();
    EXPECT_EQ(the_vm().state, VmState::kRunning);
    return now_ - from;
  }
};

TEST_F(VmCare, AVmThatCrashesAgainAndAgainIsStartedWithGrowingPauses) {
  crash();
  EXPECT_EQ(time_to_start(), 0ms) << "the first time at once";
  const Policy p;
  for (const Duration pause : {p.vm_retry_first, p.vm_retry_first * 2, p.vm_retry_first * 4}) {
    live(2s);
    crash();
    EXPECT_EQ(the_vm().state, VmState::kStopped);
    EXPECT_EQ(time_to_start(), pause);
  }
}

TEST_F(VmCare, AVmThatRanForAWhileIsStartedAtOnce) {
  for (int i = 0; i < 3; ++i) {
    live(Policy{}.vm_settled_after);
    crash();
    EXPECT_EQ(time_to_start(), 0ms);
  }
}

// What simulator seed 904625 found: the clock of another run of ours.
TEST_F(VmCare, ARestartOfOursForgetsTheClocks) {
  now_ = Instant{1'000'000};
  for (int i = 0; i < 3; ++i) {
    live(2s);
    crash();
    if (i < 2) time_to_start();
  }
  ASSERT_EQ(the_vm().state, VmState::kStopped);
  Brain again{Policy{}, brain_.state()};
  again.resume(Now{Instant{5}, WallTime{}});
  for (std::int64_t now = 500; now <= 20'000; now += 500)
    again.step(next_beat(1), Now{Instant{now}, WallTime{}});
  EXPECT_EQ(again.state().vms.at(VmId{1}).state, VmState::kStarting);
}

TEST_F(VmCare, APersonsStartDoesNotWait) {
  crash();
  time_to_start();
  crash();
  ASSERT_EQ(the_vm().state, VmState::kStopped);
  VmRequested start;
  start.vm = VmId{1};
  start.wish = VmWish::kStart;
  start.job = JobId{9};
  feed(start);
  EXPECT_EQ(the_vm().state, VmState::kStarting);
}

TEST_F(VmCare, AVmThatQemuPausedIsToldAndResumedWithGrowingPauses) {
  pause();
  ASSERT_EQ(all<NoteEvidence>().size(), 1U);
  EXPECT_EQ(all<NoteEvidence>()[0].kind, EvidenceKind::kAlarm);
  EXPECT_NE(the_vm().reason.find("did not take a write"), std::string::npos) << the_vm().reason;
  EXPECT_TRUE(all<SendOrder>().empty());
  live(Policy{}.vm_retry_first);
  ASSERT_EQ(all<SendOrder>().size(), 1U);
  const Order resume = all<SendOrder>()[0].order;
  EXPECT_EQ(resume.kind, OrderKind::kStartVm);
  EXPECT_EQ(resume.generation, the_vm().generation);
  EXPECT_EQ(resume.op, OpId{});
  live(60s);
  EXPECT_LT(all<SendOrder>().size(), 10U);
  EXPECT_EQ(all<NoteEvidence>().size(), 1U) << "told once";
  report(DomainPower::kRunning);
  EXPECT_NE(the_vm().reason.find("runs again"), std::string::npos) << the_vm().reason;
  actions_.clear();
  live(60s);
  EXPECT_TRUE(all<SendOrder>().empty());
  EXPECT_EQ(the_vm().state, VmState::kRunning);
}

TEST_F(VmCare, AResumeThatDoesNotLastIsNoNewAlarm) {
  pause();
  live(2s);
  report(DomainPower::kRunning);
  pause();
  EXPECT_EQ(all<NoteEvidence>().size(), 1U);
}

TEST_F(VmCare, AVmThatSomebodyElsePausedIsLetBe) {
  report(DomainPower::kPaused);
  live(60s);
  EXPECT_TRUE(all<SendOrder>().empty());
}

TEST_F(VmCare, AForcedRebootIsCarriedOutAsOne) {
  for (const bool forced : {true, false}) {
    VmRequested wish;
    wish.vm = VmId{1};
    wish.wish = VmWish::kReboot;
    wish.forced = forced;
    wish.job = JobId{9};
    feed(wish);
    ASSERT_EQ(all<SendOrder>().size(), 1U);
    EXPECT_EQ(all<SendOrder>()[0].order.kind, OrderKind::kRebootVm);
    EXPECT_EQ(all<SendOrder>()[0].order.forced, forced);
    answer_orders();
    EXPECT_FALSE(the_vm().force_stop);
  }
}

}  // namespace
}  // namespace mold::core
