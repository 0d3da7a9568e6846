// The agent's door: which orders a host carries out, and what it tells of them.
#include "core/agent/agent_brain.h"

#include <gtest/gtest.h>

namespace mold::core {
namespace {

constexpr VmId kVm{1};
constexpr PoolId kPool{1};

class AgentDoor : public ::testing::Test {
 protected:
  void SetUp() override {
    lease_.valid = true;
    lease_.pools.push_back({kPool, true, Instant{100'000}});
    step(DomainsListed{});
    step(SessionAccepted{Epoch{3}, 0});
    out_.clear();
  }
  void step(const AgentEvent& event) { out_ = brain_.step(event, lease_, now_); }

  static Order order(OrderKind kind, std::uint64_t generation = 1, std::uint64_t epoch = 3) {
    Order o;
    o.kind = kind;
    o.op = OpId{70 + generation};
    o.epoch = Epoch{epoch};
    o.vm = kVm;
    o.generation = Generation{generation};
    Disk disk;
    disk.pool = kPool;
    o.spec.disks.push_back(disk);
    return o;
  }
  template <class T>
  const T* only() const {
    const T* found = nullptr;
    for (const auto& action : out_) {
      if (const T* t = std::get_if<T>(&action)) {
        EXPECT_EQ(found, nullptr);
        found = t;
      }
    }
    return found;
  }
  // The hypervisor call of the last step, answered.
  void answer(Outcome outcome, bool exists) {
    const Hypervise* call = only<Hypervise>();
    ASSERT_NE(call, nullptr);
    HypervisorAnswered answered;
    answered.call = call->call;
    answered.outcome = outcome;
    answered.exists = exists;
    answered.text = "so";
    step(answered);
  }
  void start_vm(std::uint64_t generation = 1) {
    step(OrderArrived{order(OrderKind::kStartVm, generation)});
    answer(Outcome::kConfirmed, true);
    answer(Outcome::kConfirmed, true);
  }

  AgentBrain brain_;
  LeaseView lease_;
  Instant now_{10'000};
  std::vector<AgentAction> out_;
};

TEST_F(AgentDoor, StartsPausedThenResumes) {
  step(OrderArrived{order(OrderKind::kStartVm)});
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kCreatePaused);
  answer(Outcome::kConfirmed, true);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kResume);
  answer(Outcome::kConfirmed, true);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_EQ(only<SendResult>()->result.outcome, Outcome::kConfirmed);
  EXPECT_FALSE(only<SendResult>()->result.gone);
  EXPECT_EQ(brain_.vms().at(0).power, DomainPower::kRunning);
}

TEST_F(AgentDoor, OldEpochsAreDeaf) {
  step(OrderArrived{order(OrderKind::kStartVm, 1, 2)});
  EXPECT_TRUE(out_.empty());
  step(SessionRefused{});
  step(OrderArrived{order(OrderKind::kStartVm)});
  EXPECT_EQ(only<Hypervise>(), nullptr);
}

TEST_F(AgentDoor, AClosedGenerationNeverStarts) {
  step(OrderArrived{order(OrderKind::kStopVm, 4)});
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_TRUE(only<SendResult>()->result.gone);
  for (const std::uint64_t generation : {1U, 4U}) {
    step(OrderArrived{order(OrderKind::kStartVm, generation)});
    EXPECT_EQ(only<Hypervise>(), nullptr);
    ASSERT_NE(only<SendResult>(), nullptr);
    EXPECT_EQ(only<SendResult>()->result.outcome, Outcome::kFailed);
    EXPECT_TRUE(only<SendResult>()->result.gone);
  }
  step(OrderArrived{order(OrderKind::kStartVm, 5)});
  EXPECT_NE(only<Hypervise>(), nullptr);
}

TEST_F(AgentDoor, NoFreshLeaseNoStart) {
  const auto refused = [this](std::uint64_t generation) {
    step(OrderArrived{order(OrderKind::kStartVm, generation)});
    return only<Hypervise>() == nullptr && only<SendResult>() != nullptr &&
           only<SendResult>()->result.gone;
  };
  lease_.pools[0].valid_until = now_ + Policy{}.start_guard - 1ms;
  EXPECT_TRUE(refused(1));
  lease_.pools[0] = {kPool, false, Instant{100'000}};
  EXPECT_TRUE(refused(2));
  lease_.pools.clear();
  EXPECT_TRUE(refused(3));
  lease_.valid = false;
  EXPECT_TRUE(refused(4));
}

TEST_F(AgentDoor, TheStartGuardIsWhatTheManagerSaid) {
  const Duration guard = Policy{}.start_guard + 3'000ms;
  lease_.pools[0].valid_until = now_ + guard - 1ms;
  step(SessionAccepted{Epoch{3}, 0, guard});
  step(OrderArrived{order(OrderKind::kStartVm, 1)});
  EXPECT_EQ(only<Hypervise>(), nullptr);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_TRUE(only<SendResult>()->result.gone);
  // Each session brings its own: the manager may have been set anew.
  step(SessionAccepted{Epoch{4}, 0, guard - 1ms});
  step(OrderArrived{order(OrderKind::kStartVm, 2, 4)});
  EXPECT_NE(only<Hypervise>(), nullptr);
}

TEST_F(AgentDoor, ALeaseLostWhileCreatingKillsTheStart) {
  step(OrderArrived{order(OrderKind::kStartVm)});
  lease_.pools[0].held = false;
  lease_.incarnation = 1;
  answer(Outcome::kConfirmed, true);
  EXPECT_NE(only<SayHello>(), nullptr) << "a lost lease voids the session";
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
  answer(Outcome::kConfirmed, false);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_TRUE(only<SendResult>()->result.gone);
}

TEST_F(AgentDoor, AnUnknownCreateIsUndoneBeforeItIsAnswered) {
  step(OrderArrived{order(OrderKind::kStartVm)});
  answer(Outcome::kUnknown, false);
  EXPECT_EQ(only<SendResult>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
  answer(Outcome::kConfirmed, false);
  EXPECT_TRUE(only<SendResult>()->result.gone);
  // It comes up late after all: killed on sight.
  VmReport late;
  late.vm = kVm;
  late.generation = Generation{1};
  late.power = DomainPower::kPaused;
  step(DomainObserved{late});
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
}

TEST_F(AgentDoor, AKillThatWasOnlySentIsNotGone) {
  start_vm();
  step(OrderArrived{order(OrderKind::kKillVm)});
  answer(Outcome::kUnknown, true);
  EXPECT_EQ(only<SendResult>(), nullptr);
  ASSERT_TRUE(brain_.deadline().has_value());
  now_ = *brain_.deadline();
  step(AgentTimePassed{});
  ASSERT_NE(only<Hypervise>(), nullptr) << "tried again";
  answer(Outcome::kConfirmed, false);
  EXPECT_TRUE(only<SendResult>()->result.gone);
}

TEST_F(AgentDoor, ASoftStopIsForcedAfterItsGrace) {
  start_vm();
  Order stop = order(OrderKind::kStopVm);
  stop.grace = 5s;
  step(OrderArrived{stop});
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kShutdown);
  answer(Outcome::kConfirmed, true);
  EXPECT_EQ(brain_.deadline(), now_ + 5s);
  now_ = now_ + 5s;
  step(AgentTimePassed{});
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
}

TEST_F(AgentDoor, ASoftStopEndsWhenTheGuestIsGone) {
  start_vm();
  Order stop = order(OrderKind::kStopVm);
  stop.grace = 5s;
  step(OrderArrived{stop});
  answer(Outcome::kConfirmed, true);
  VmReport gone;
  gone.vm = kVm;
  gone.generation = Generation{1};
  gone.power = DomainPower::kGone;
  step(DomainObserved{gone});
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_TRUE(only<SendResult>()->result.gone);
  EXPECT_FALSE(brain_.deadline().has_value());
}

// A person's patience ended while the guest was still being asked.
class AgentStops : public AgentDoor {
 protected:
  void SetUp() override {
    AgentDoor::SetUp();
    start_vm(2);
    Order stop = order(OrderKind::kStopVm, 2);
    stop.grace = 30s;
    step(OrderArrived{stop});
    asked_ = *only<Hypervise>();
    ASSERT_EQ(asked_.verb, HypervisorVerb::kShutdown);
  }
  static Order kill(std::uint64_t generation = 2) {
    Order forced = order(OrderKind::kKillVm, generation);
    forced.op = OpId{99};
    return forced;
  }
  void answer_shutdown() {
    HypervisorAnswered answered;
    answered.call = asked_.call;
    answered.outcome = Outcome::kConfirmed;
    answered.exists = true;
    step(answered);
  }
  Hypervise asked_;
};

TEST_F(AgentStops, AKillDuringTheGraceIsCarriedOutAtOnce) {
  answer_shutdown();
  step(OrderArrived{kill()});
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
  answer(Outcome::kConfirmed, false);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_TRUE(only<SendResult>()->result.gone);
  EXPECT_EQ(only<SendResult>()->result.op, OpId{99});
  EXPECT_FALSE(brain_.deadline().has_value());
}

TEST_F(AgentStops, AKillDuringTheShutdownCallFollowsItAtOnce) {
  step(OrderArrived{kill()});
  EXPECT_TRUE(out_.empty()) << "one call of a VM at a time";
  answer_shutdown();
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kDestroy);
  answer(Outcome::kConfirmed, false);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_EQ(only<SendResult>()->result.op, OpId{99});
}

TEST_F(AgentStops, AKillThatNobodyWaitsForTakesNoAnswerAway) {
  answer_shutdown();
  Order stray = kill();
  stray.op = OpId{};
  step(OrderArrived{stray});
  answer(Outcome::kConfirmed, false);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_EQ(only<SendResult>()->result.op, OpId{72});
}

TEST_F(AgentStops, AKillOfAnOlderGenerationHastensNothing) {
  answer_shutdown();
  step(OrderArrived{kill(1)});
  EXPECT_TRUE(out_.empty());
  EXPECT_EQ(brain_.deadline(), now_ + 30s);
}

// QEMU paused it: a disk did not take a write.
class AgentPaused : public AgentDoor {
 protected:
  void SetUp() override {
    AgentDoor::SetUp();
    start_vm();
    VmReport paused;
    paused.vm = kVm;
    paused.generation = Generation{1};
    paused.power = DomainPower::kPaused;
    paused.io_error = true;
    step(DomainObserved{paused});
  }
  static Order resume() {
    Order again = order(OrderKind::kStartVm);
    again.op = OpId{};
    return again;
  }
  void expect_left_alone() {
    EXPECT_EQ(only<Hypervise>(), nullptr);
    ASSERT_NE(only<SendResult>(), nullptr);
    EXPECT_FALSE(only<SendResult>()->result.gone);
    EXPECT_EQ(brain_.vms().at(0).power, DomainPower::kPaused);
    EXPECT_TRUE(brain_.vms().at(0).io_error);
  }
};

TEST_F(AgentPaused, ItIsReportedAndResumedByTheOrderThatStartedIt) {
  EXPECT_NE(only<SendReport>(), nullptr);
  EXPECT_TRUE(brain_.vms().at(0).io_error);
  step(OrderArrived{resume()});
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kResume);
  answer(Outcome::kConfirmed, true);
  EXPECT_NE(only<SendReport>(), nullptr);
  EXPECT_EQ(brain_.vms().at(0).power, DomainPower::kRunning);
  EXPECT_FALSE(brain_.vms().at(0).io_error);
}

TEST_F(AgentPaused, WithoutAFreshLeaseItStaysPausedAndIsNotKilled) {
  lease_.pools[0].held = false;
  step(OrderArrived{resume()});
  expect_left_alone();
}

TEST_F(AgentPaused, AResumeThatDoesNotLastKillsNothing) {
  step(OrderArrived{resume()});
  answer(Outcome::kFailed, true);
  expect_left_alone();
}

TEST_F(AgentPaused, AResumeOfWhatIsGoneMakesNoNewDomain) {
  VmReport gone;
  gone.vm = kVm;
  gone.generation = Generation{1};
  gone.power = DomainPower::kGone;
  step(DomainObserved{gone});
  step(OrderArrived{resume()});
  EXPECT_TRUE(out_.empty());
}

TEST_F(AgentDoor, AForcedRebootAsksNoGuest) {
  start_vm();
  Order reboot = order(OrderKind::kRebootVm);
  reboot.forced = true;
  step(OrderArrived{reboot});
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kReset);
  answer(Outcome::kConfirmed, true);
  step(OrderArrived{reboot});
  EXPECT_EQ(only<Hypervise>(), nullptr) << "its answer was lost, not its effect";
}

TEST_F(AgentDoor, AnUnreachableHypervisorTakesNoGraceAway) {
  start_vm();
  Order stop = order(OrderKind::kStopVm);
  stop.grace = 30s;
  step(OrderArrived{stop});
  const Hypervise* call = only<Hypervise>();
  ASSERT_NE(call, nullptr);
  HypervisorAnswered down;
  down.call = call->call;
  down.outcome = Outcome::kFailed;
  down.exists = true;
  down.error = ErrorKind::kUnavailable;
  step(down);
  EXPECT_EQ(only<Hypervise>(), nullptr) << "not killed";
  now_ = *brain_.deadline();
  step(AgentTimePassed{});
  ASSERT_NE(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kShutdown) << "asked again";
}

TEST_F(AgentDoor, ARepeatedRebootIsAnsweredNotRepeated) {
  start_vm();
  step(OrderArrived{order(OrderKind::kRebootVm)});
  EXPECT_EQ(only<Hypervise>()->verb, HypervisorVerb::kReboot);
  answer(Outcome::kConfirmed, true);
  step(OrderArrived{order(OrderKind::kRebootVm)});
  EXPECT_EQ(only<Hypervise>(), nullptr);
  ASSERT_NE(only<SendResult>(), nullptr);
  EXPECT_EQ(only<SendResult>()->result.outcome, Outcome::kConfirmed);
}

TEST_F(AgentDoor, ARepeatedStartIsAnsweredNotRepeated) {
  start_vm();
  step(OrderArrived{order(OrderKind::kStartVm)});
  EXPECT_EQ(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<SendResult>()->result.outcome, Outcome::kConfirmed);
}

TEST_F(AgentDoor, AnotherGenerationIsNeverStartedBesideARunningOne) {
  start_vm(1);
  step(OrderArrived{order(OrderKind::kStartVm, 2)});
  EXPECT_EQ(only<Hypervise>(), nullptr);
  EXPECT_TRUE(only<SendResult>()->result.gone);
  EXPECT_EQ(brain_.vms().at(0).power, DomainPower::kRunning);
}

TEST_F(AgentDoor, ACrashIsReportedAndClosesItsGeneration) {
  start_vm();
  VmReport gone;
  gone.vm = kVm;
  gone.generation = Generation{1};
  gone.power = DomainPower::kGone;
  gone.gone_reason = GoneReason::kCrashed;
  step(DomainObserved{gone});
  EXPECT_NE(only<SendReport>(), nullptr);
  EXPECT_EQ(brain_.vms().at(0).gone_reason, GoneReason::kCrashed);
  step(OrderArrived{order(OrderKind::kStartVm)});
  EXPECT_TRUE(only<SendResult>()->result.gone);
}

TEST_F(AgentDoor, ARestartedAgentFindsItsDomains) {
  AgentBrain fresh;
  VmReport running;
  running.vm = kVm;
  running.generation = Generation{9};
  const auto out = fresh.step(DomainsListed{{running}}, lease_, now_);
  EXPECT_EQ(out.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<SayHello>(out.at(0)));
  ASSERT_EQ(fresh.vms().size(), 1U);
  EXPECT_EQ(fresh.vms()[0].generation, Generation{9});
}

TEST_F(AgentDoor, DisksOfARunningVmAreNotDeleted) {
  start_vm();
  step(OrderArrived{order(OrderKind::kDeleteDisk)});
  EXPECT_EQ(only<Hypervise>(), nullptr);
  EXPECT_EQ(only<SendResult>()->result.outcome, Outcome::kFailed);
}

}  // namespace
}  // namespace mold::core
