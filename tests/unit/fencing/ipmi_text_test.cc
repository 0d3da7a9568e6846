// Every text of ipmitool that we know, and what it must be taken for.
#include "fencing/drivers/ipmi_text.h"

#include <gtest/gtest.h>

namespace mold::fencing {
namespace {

runtime::ChildResult failed_with(const std::string& err) {
  runtime::ChildResult result;
  result.exit_code = 1;
  result.err = err;
  return result;
}

TEST(IpmiText, OnlyTheWholeLineIsAState) {
  EXPECT_EQ(parse_power_state("Chassis Power is on\n"), core::PowerState::kOn);
  EXPECT_EQ(parse_power_state("banner\nChassis Power is off\r\n"), core::PowerState::kOff);
  for (const char* text : {"", "Chassis Power is offline", "Chassis Power is ", "off", "on",
                           "xChassis Power is off", "Chassis Power Control: Down/Off"}) {
    EXPECT_EQ(parse_power_state(text), core::PowerState::kUnknown) << text;
  }
}

struct Case {
  const char* err;
  IpmiReach reach;
  ErrorKind error;
};

TEST(IpmiText, TellsWrongPasswordFromDeadBmc) {
  const std::string last = "\nError: Unable to establish IPMI v2 / RMCP+ session\n";
  const Case cases[] = {
      {"> RAKP 2 HMAC is invalid", IpmiReach::kDenied, ErrorKind::kDenied},
      {"> RAKP 2 message indicates an error : unauthorized name", IpmiReach::kDenied,
       ErrorKind::kDenied},
      {"Get Auth Capabilities error", IpmiReach::kNoAnswer, ErrorKind::kUnavailable},
      {"", IpmiReach::kNoAnswer, ErrorKind::kUnavailable},
      {"Error in open session response message : invalid authentication algorithm",
       IpmiReach::kDenied, ErrorKind::kUnsupported},
  };
  for (const Case& c : cases) {
    const IpmiVerdict verdict = classify(failed_with(c.err + last));
    EXPECT_EQ(verdict.reach, c.reach) << c.err;
    EXPECT_EQ(verdict.error, c.error) << c.err;
    EXPECT_FALSE(verdict.advice.empty());
  }
}

TEST(IpmiText, ALostCommandMayHaveWorked) {
  EXPECT_EQ(classify(failed_with("Unable to get Chassis Power Status")).reach,
            IpmiReach::kCommandLost);
  EXPECT_EQ(classify(failed_with("some text nobody has seen")).reach, IpmiReach::kCommandLost);
  runtime::ChildResult stuck;
  stuck.timed_out = true;
  EXPECT_EQ(classify(stuck).reach, IpmiReach::kCommandLost);
}

TEST(IpmiText, ExitZeroIsAnsweredAndNothingMore) {
  runtime::ChildResult fine;
  fine.exit_code = 0;
  EXPECT_EQ(classify(fine).reach, IpmiReach::kAnswered);
}

}  // namespace
}  // namespace mold::fencing
