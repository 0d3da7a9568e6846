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

  AgentBrain brain_{Policy{}};
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
  AgentBrain fresh{Policy{}};
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
