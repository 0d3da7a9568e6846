// How a request goes over a device whose answers are written down: what is lost, refused or late.
#include "fencing/drivers/power_steps.h"

#include <deque>
#include <optional>

#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr auto kOn = PowerState::kOn;
constexpr auto kOff = PowerState::kOff;
constexpr auto kNoIdea = PowerState::kUnknown;

struct Script {
  std::deque<PowerState> readings;  // the last one stays
  std::deque<Sent> answers;
  std::vector<PowerVerb> acted;
};

class ScriptedDevice final : public PowerDevice {
 public:
  ScriptedDevice(runtime::EventLoop& loop, Script& script) : loop_(loop), script_(script) {}
  void read(Duration, std::function<void(PowerReading)> done) override {
    const PowerState state = script_.readings.front();
    if (script_.readings.size() > 1) script_.readings.pop_front();
    loop_.post([done = std::move(done), state] {
      done({state, ErrorKind::kUnavailable, "it does not answer"});
    });
  }
  void act(PowerVerb verb, Duration, std::function<void(PowerActed)> done) override {
    script_.acted.push_back(verb);
    const Sent sent = script_.answers.front();
    if (script_.answers.size() > 1) script_.answers.pop_front();
    loop_.post([done = std::move(done), sent] { done({sent, ErrorKind::kBusy, "so it says"}); });
  }

 private:
  runtime::EventLoop& loop_;
  Script& script_;
};

class PowerSteps : public ::testing::Test {
 protected:
  port::PowerResult run(PowerVerb verb, Duration deadline = 500ms) {
    std::optional<port::PowerResult> result;
    run_power_request(*loop_, under_way_, std::make_unique<ScriptedDevice>(*loop_, script_),
                      {"test", verb, deadline, Duration{1}},
                      [&](port::PowerResult r) { result = std::move(r); });
    EXPECT_FALSE(result) << "never inside the call";
    EXPECT_TRUE(loop_->run_until([&] { return result.has_value(); }, runtime::kPatience));
    EXPECT_EQ(under_way_.count(), 0U);
    return result.value_or(port::PowerResult{});
  }
  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  UnderWay under_way_{*loop_};
  Script script_;
};

TEST_F(PowerSteps, NothingIsSentToAMachineThatCannotBeRead) {
  script_.readings = {kNoIdea};
  const auto result = run(PowerVerb::kOff);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.error, ErrorKind::kUnavailable);
  EXPECT_TRUE(script_.acted.empty());
  EXPECT_EQ(run(PowerVerb::kStatus).outcome, Outcome::kUnknown);
}

TEST_F(PowerSteps, ALostOffIsReadBack) {
  script_.readings = {kOn, kNoIdea, kOff};
  script_.answers = {Sent::kMaybe};
  const auto result = run(PowerVerb::kOff, runtime::kPatience);
  EXPECT_EQ(result.outcome, Outcome::kConfirmed) << result.text;
  EXPECT_EQ(script_.acted.size(), 1U);
}

TEST_F(PowerSteps, ALostOffThatDidNothingIsSentOnceMore) {
  script_.readings = {kOn, kOn, kOff};
  script_.answers = {Sent::kMaybe, Sent::kAccepted};
  const auto result = run(PowerVerb::kOff, runtime::kPatience);
  EXPECT_EQ(result.outcome, Outcome::kConfirmed) << result.text;
  EXPECT_EQ(script_.acted.size(), 2U);
}

TEST_F(PowerSteps, WhatMayHaveBeenSentIsNeverCertainlyNot) {
  script_.readings = {kOn};
  script_.answers = {Sent::kMaybe, Sent::kNot};
  EXPECT_EQ(run(PowerVerb::kOff).outcome, Outcome::kUnknown);
  script_.answers = {Sent::kMaybe, Sent::kRefused};
  EXPECT_EQ(run(PowerVerb::kOff).outcome, Outcome::kUnknown);
}

TEST_F(PowerSteps, NotSentIsAFailureAtOnce) {
  script_.readings = {kOn};
  script_.answers = {Sent::kNot};
  const auto result = run(PowerVerb::kOff, runtime::kPatience);
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.error, ErrorKind::kBusy);
}

TEST_F(PowerSteps, ARefusedOffOfAMachineThatIsOffIsOff) {
  script_.readings = {kOn, kOff};
  script_.answers = {Sent::kRefused};
  EXPECT_EQ(run(PowerVerb::kOff).outcome, Outcome::kConfirmed);
  script_.readings = {kOn};
  const auto result = run(PowerVerb::kOff, runtime::kPatience);
  EXPECT_EQ(result.outcome, Outcome::kFailed) << "refused and still on: no use in waiting";
  EXPECT_NE(result.text.find("so it says"), std::string::npos);
}

TEST_F(PowerSteps, AcceptedIsNotOff) {
  script_.readings = {kOn};
  script_.answers = {Sent::kAccepted};
  const auto result = run(PowerVerb::kOff);
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.state, kOn);
  EXPECT_EQ(script_.acted.size(), 1U);
}

TEST_F(PowerSteps, AMachineThatGoesSilentIsNotOff) {
  script_.readings = {kOn, kNoIdea};
  script_.answers = {Sent::kAccepted};
  const auto result = run(PowerVerb::kOff);
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.state, kNoIdea);
}

TEST_F(PowerSteps, ARestartCountsOnlyWhenAccepted) {
  script_.readings = {kOn};
  for (const auto& [sent, outcome] : {std::pair{Sent::kAccepted, Outcome::kConfirmed},
                                      {Sent::kMaybe, Outcome::kUnknown},
                                      {Sent::kRefused, Outcome::kFailed},
                                      {Sent::kNot, Outcome::kFailed}}) {
    script_.answers = {sent};
    EXPECT_EQ(run(PowerVerb::kReset).outcome, outcome);
  }
}

TEST_F(PowerSteps, WhoIsGoneIsToldNothing) {
  script_.readings = {kOff};
  bool told = false;
  {
    UnderWay short_lived(*loop_);
    run_power_request(*loop_, short_lived, std::make_unique<ScriptedDevice>(*loop_, script_),
                      {"test", PowerVerb::kOff, 500ms, Duration{1}},
                      [&](const port::PowerResult&) { told = true; });
  }
  run(PowerVerb::kOff);
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace mold::fencing
