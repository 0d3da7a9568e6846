#pragma once
// What every PowerControl must do, whatever it talks to (lib/port/power_control.h). The same tests
// run, each with its rig (power_rig.h), on every driver and on every fake that stands in for one.
#include <gtest/gtest.h>

#include <memory>

#include "tests/contract/power_rig.h"

namespace mold::contract {

using MakeRig = std::unique_ptr<PowerRig> (*)();

class PowerControlContract : public ::testing::TestWithParam<MakeRig> {
 protected:
  void SetUp() override { rig_ = GetParam()(); }

  port::PowerResult ask(core::PowerVerb verb, Duration deadline = 8'000ms) {
    return ask(rig_->target(), verb, deadline);
  }
  port::PowerResult ask(const port::PowerTarget& target, core::PowerVerb verb,
                        Duration deadline = 8'000ms) {
    port::PowerResult answer;
    int answers = 0;
    rig_->driver().request(target, verb, deadline, [&](port::PowerResult result) {
      answer = std::move(result);
      ++answers;
    });
    EXPECT_EQ(answers, 0) << "a completion never comes inside the call";
    EXPECT_TRUE(rig_->loop().run_until([&] { return answers > 0; }, deadline + 30'000ms));
    EXPECT_EQ(answers, 1);
    EXPECT_FALSE(answer.text.empty()) << "every answer has a story for an admin";
    const std::string password = rig_->target().password.reveal();
    EXPECT_TRUE(password.empty() || answer.text.find(password) == std::string::npos);
    return answer;
  }

  std::unique_ptr<PowerRig> rig_;
};

TEST_P(PowerControlContract, ReadsTheState) {
  for (const bool on : {true, false}) {
    rig_->set_power(on);
    const auto answer = ask(core::PowerVerb::kStatus);
    if (!rig_->reads_state()) {
      EXPECT_EQ(answer.outcome, core::Outcome::kUnknown) << answer.text;
      EXPECT_EQ(answer.state, core::PowerState::kUnknown);
      continue;
    }
    EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
    EXPECT_EQ(answer.state, on ? core::PowerState::kOn : core::PowerState::kOff);
  }
  EXPECT_EQ(rig_->commands(), 0) << "reading changes nothing";
}

TEST_P(PowerControlContract, OffIsConfirmedOnlyWhenItIsOff) {
  rig_->set_power(true);
  const auto answer = ask(core::PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.state, core::PowerState::kOff);
  EXPECT_FALSE(rig_->power());
}

TEST_P(PowerControlContract, OffOfAnOffMachineSendsNothing) {
  if (!rig_->reads_state()) GTEST_SKIP() << "asks each time: it cannot see that it is off";
  rig_->set_power(false);
  const auto answer = ask(core::PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(rig_->commands(), 0);
}

TEST_P(PowerControlContract, OnAndResetLeaveItOn) {
  rig_->set_power(false);
  const bool reads = rig_->reads_state();
  EXPECT_EQ(ask(core::PowerVerb::kOn).outcome,
            reads ? core::Outcome::kConfirmed : core::Outcome::kUnknown);
  EXPECT_TRUE(rig_->power());
  EXPECT_EQ(ask(core::PowerVerb::kReset).outcome,
            reads ? core::Outcome::kConfirmed : core::Outcome::kFailed);
  EXPECT_TRUE(rig_->power());
}

TEST_P(PowerControlContract, ResetOfAnOffMachineFails) {
  rig_->set_power(false);
  EXPECT_EQ(ask(core::PowerVerb::kReset).outcome, core::Outcome::kFailed);
  EXPECT_FALSE(rig_->power());
}

TEST_P(PowerControlContract, AcceptedIsNotOff) {
  rig_->set_power(true);
  rig_->accept_but_ignore(true);
  const auto answer = ask(core::PowerVerb::kOff, 3'000ms);
  EXPECT_EQ(answer.outcome, core::Outcome::kUnknown) << answer.text;
  // The deadline may fall into the last reading; then it says so, and holds no older one for true.
  const bool cut_off = answer.text.find("then the state could not be read") != std::string::npos;
  const bool seen = rig_->reads_state() && !cut_off;
  EXPECT_EQ(answer.state, seen ? core::PowerState::kOn : core::PowerState::kUnknown) << answer.text;
}

TEST_P(PowerControlContract, ALateOffIsWaitedFor) {
  rig_->set_power(true);
  rig_->act_late(1'500ms);
  const auto answer = ask(core::PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, core::Outcome::kConfirmed) << answer.text;
  EXPECT_FALSE(rig_->power());
}

TEST_P(PowerControlContract, NoAnswerIsNeverOff) {
  rig_->set_power(false);
  rig_->go_away();
  for (const auto verb : {core::PowerVerb::kStatus, core::PowerVerb::kOff}) {
    const auto answer = ask(verb);
    EXPECT_NE(answer.outcome, core::Outcome::kConfirmed) << answer.text;
    EXPECT_EQ(answer.state, core::PowerState::kUnknown);
    const bool asked = verb == core::PowerVerb::kOff || rig_->reads_state();
    EXPECT_EQ(answer.error, asked ? ErrorKind::kUnavailable : ErrorKind::kUnsupported)
        << answer.text;
  }
}

TEST_P(PowerControlContract, AWrongPasswordIsSaidSo) {
  if (!rig_->logs_in()) GTEST_SKIP() << "takes no user and no password";
  rig_->set_power(true);
  port::PowerTarget target = rig_->target();
  target.password = Secret("not-the-one");
  const auto answer = ask(target, core::PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed) << answer.text;
  EXPECT_EQ(answer.error, ErrorKind::kDenied) << answer.text;
  EXPECT_TRUE(rig_->power());
}

TEST_P(PowerControlContract, AnUnknownUserIsSaidSo) {
  if (!rig_->logs_in()) GTEST_SKIP() << "takes no user and no password";
  rig_->set_power(true);
  port::PowerTarget target = rig_->target();
  target.username = "nobody-here";
  const auto answer = ask(target, core::PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, core::Outcome::kFailed) << answer.text;
  EXPECT_EQ(answer.error, ErrorKind::kDenied) << answer.text;
  EXPECT_TRUE(rig_->power());
}

}  // namespace mold::contract
