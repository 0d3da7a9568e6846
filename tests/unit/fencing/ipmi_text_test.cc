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

TEST(IpmiText, ARefusalIsNoLostAnswer) {
  const Case cases[] = {
      {"Set Chassis Power Control to Down/Off failed: Unspecified error", IpmiReach::kRefused,
       ErrorKind::kConflict},
      {"Set Chassis Power Control to Down/Off failed: Insufficient privilege level",
       IpmiReach::kRefused, ErrorKind::kDenied},
      {"Unable to set Chassis Power Control to Down/Off", IpmiReach::kCommandLost,
       ErrorKind::kTimeout},
      {"Unable to send RAW command (channel=0x0 netfn=0x6 lun=0x0 cmd=0x37 rsp=0xc1): Invalid "
       "command",
       IpmiReach::kRefused, ErrorKind::kConflict},
      {"Unable to send RAW command (channel=0x0 netfn=0x6 lun=0x0 cmd=0x37)",
       IpmiReach::kCommandLost, ErrorKind::kTimeout},
      // A harmless question of ipmitool's own was refused, then the real command got lost.
      {"Invalid completion code received: Insufficient privilege level\n"
       "Unable to set Chassis Power Control to Down/Off",
       IpmiReach::kCommandLost, ErrorKind::kTimeout},
      {"Error in open session response message : insufficient resources for session",
       IpmiReach::kNoAnswer, ErrorKind::kBusy},
  };
  for (const Case& c : cases) {
    const IpmiVerdict verdict = classify(failed_with(c.err));
    EXPECT_EQ(verdict.reach, c.reach) << c.err;
    EXPECT_EQ(verdict.error, c.error) << c.err;
  }
}

TEST(IpmiText, AGuidHasSixteenBytes) {
  EXPECT_EQ(parse_system_guid(" 44 45 4c 4c 39 00 10 33 80 51 b4 c0 4f 56 44 32\n"),
            "4c4c4544-0039-3310-8051-b4c04f564432");
  for (const char* text : {"", " 44 45", "no hex at all",
                           " 44 45 4c 4c 39 00 10 33 80 51 b4 c0 4f 56 "
                           "44 32 00"}) {
    EXPECT_EQ(parse_system_guid(text), "") << text;
  }
}

TEST(IpmiText, AnInventoryMayTellLittle) {
  const auto full = parse_fru(
      "FRU Device Description : Builtin FRU Device (ID 0)\n Chassis Serial        : CH-1\n"
      " Product Manufacturer  : Acme\n Product Name          : Box: 9000\n"
      " Product Serial        : SER-42\n");
  EXPECT_EQ(full.serial, "SER-42");
  EXPECT_EQ(full.model, "Acme Box: 9000");
  EXPECT_EQ(parse_fru(" Chassis Serial        : CH-1\n").serial, "CH-1");
  EXPECT_EQ(parse_fru("").serial, "");
}

TEST(IpmiText, AUserIsFoundByItsWholeName) {
  const std::string list =
      "1,,true,false,true,USER\n2,ADMIN,true,false,true,ADMINISTRATOR\n"
      "3,ADMIN2,true,false,true,OPERATOR\n4,a,b c,true,false,true,USER\n"
      "5,twice,true,false,false,USER\n6,twice,true,false,false,Unknown (0x00)\n";
  EXPECT_EQ(parse_user_id(list, "ADMIN"), 2);
  EXPECT_EQ(parse_user_id(list, "a,b c"), 4);
  EXPECT_EQ(parse_user_id(list, "admin"), std::nullopt);
  EXPECT_EQ(parse_user_id(list, "ADM"), std::nullopt);
  EXPECT_EQ(parse_user_id(list, "twice"), std::nullopt) << "which of the two?";
  EXPECT_EQ(parse_user_id("2,ADMIN", "ADMIN"), std::nullopt);
}

TEST(IpmiText, APasswordIsSetAsBytes) {
  EXPECT_EQ(set_password_command(2, Secret("a \"'")).reveal(),
            "raw 0x06 0x47 0x02 0x02 0x61 0x20 0x22 0x27 0x00 0x00 0x00 0x00 0x00 0x00 0x00 0x00 "
            "0x00 0x00 0x00 0x00");
  const std::string twenty = set_password_command(3, Secret("12345678901234567")).reveal();
  EXPECT_TRUE(twenty.starts_with("raw 0x06 0x47 0x83 0x02 0x31 "));
  EXPECT_TRUE(twenty.ends_with(" 0x37 0x00 0x00 0x00"));
}

TEST(IpmiText, ExitZeroIsAnsweredAndNothingMore) {
  runtime::ChildResult fine;
  fine.exit_code = 0;
  EXPECT_EQ(classify(fine).reach, IpmiReach::kAnswered);
}

}  // namespace
}  // namespace mold::fencing
