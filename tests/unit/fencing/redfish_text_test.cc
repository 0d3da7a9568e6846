// Bodies of Redfish services, and what they must be taken for. And bodies that nobody sends.
#include "fencing/drivers/redfish_text.h"

#include <gtest/gtest.h>

#include "fencing/drivers/redfish_quirks.h"
#include "lib/base/rng.h"

namespace mold::fencing {
namespace {

using core::PowerState;
using core::PowerVerb;

const std::string kSystem = R"({
  "@odata.id": "/redfish/v1/Systems/1",
  "Id": "1", "UUID": "4C4C4544-0042-1000-8000-C8C04F4D3132", "SerialNumber": " ABC123 ",
  "Manufacturer": "Dell Inc.", "Model": "PowerEdge R650", "PowerState": "Off",
  "Actions": {"#ComputerSystem.Reset": {
    "target": "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset",
    "ResetType@Redfish.AllowableValues": ["On", "ForceOff", 7, "PowerCycle"],
    "@Redfish.ActionInfo": "/redfish/v1/Systems/1/ResetActionInfo"}}
})";

TEST(RedfishText, ReadsASystem) {
  const auto system = parse_redfish_system(kSystem);
  ASSERT_TRUE(system.has_value());
  EXPECT_EQ(system->power, PowerState::kOff);
  EXPECT_EQ(system->uuid, "4c4c4544-0042-1000-8000-c8c04f4d3132");
  EXPECT_EQ(system->serial, "ABC123");
  EXPECT_EQ(system->manufacturer, "Dell Inc.");
  EXPECT_EQ(system->model, "PowerEdge R650");
  EXPECT_EQ(system->reset_target, "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset");
  EXPECT_EQ(system->reset_types, (std::vector<std::string>{"On", "ForceOff", "PowerCycle"}));
  EXPECT_EQ(system->action_info, "/redfish/v1/Systems/1/ResetActionInfo");
}

TEST(RedfishText, OnlyOnAndOffAreStates) {
  const auto power = [](const std::string& value) {
    return parse_redfish_system("{\"PowerState\": " + value + "}").value();
  };
  EXPECT_EQ(power("\"On\"").power, PowerState::kOn);
  EXPECT_EQ(power("\"Off\"").power, PowerState::kOff);
  for (const char* value : {"null", "\"PoweringOff\"", "\"PoweringOn\"", "\"Paused\"", "\"off\"",
                            "\"OFF\"", "\"Off \"", "false", "0", "[\"Off\"]", "{\"Off\": 1}"}) {
    EXPECT_EQ(power(value).power, PowerState::kUnknown) << value;
    EXPECT_FALSE(power(value).power_text.empty()) << value;
  }
  EXPECT_EQ(parse_redfish_system("{}")->power_text, "absent");
}

TEST(RedfishText, WhatIsNotJsonIsSaidSo) {
  EXPECT_NE(parse_redfish_system("<html>").error().what.find("web page"), std::string::npos);
  EXPECT_NE(parse_redfish_system(" ").error().what.find("empty"), std::string::npos);
  EXPECT_NE(parse_redfish_root("hello\x01").error().what.find("hello"), std::string::npos);
  for (const char* body : {"[]", "\"Off\"", "{\"PowerState\": \"Off\"", "null", "Off"}) {
    const auto system = parse_redfish_system(body);
    ASSERT_FALSE(system.has_value()) << body;
    EXPECT_EQ(system.error().kind, ErrorKind::kCorrupt);
  }
}

TEST(RedfishText, FindsTheSessionsWhereverTheRootHasThem) {
  const auto links = parse_redfish_root(
      R"({"Systems":{"@odata.id":"/s"},"Links":{"Sessions":{"@odata.id":"/odd/Sessions"}},
          "SessionService":{"@odata.id":"/ss"},"Vendor":"HPE"})");
  EXPECT_EQ(links->sessions, "/odd/Sessions");
  EXPECT_EQ(links->systems, "/s");
  EXPECT_EQ(links->vendor, "HPE");
  EXPECT_EQ(parse_redfish_root(R"({"SessionService":{"@odata.id":"/ss/"}})")->sessions,
            "/ss/Sessions");
  EXPECT_TRUE(parse_redfish_root("{}")->sessions.empty());
}

TEST(RedfishText, AListMustBeWhole) {
  const auto members = parse_redfish_members(
      R"({"Members":[{"@odata.id":"/a"},{"@odata.id":"/b"}],"Members@odata.nextLink":"/more"})");
  EXPECT_EQ(members->paths, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(members->next, "/more");
  // A member that cannot be named must not turn two systems into one.
  EXPECT_FALSE(parse_redfish_members(R"({"Members":[{"@odata.id":"/a"},{}]})").has_value());
  EXPECT_FALSE(parse_redfish_members("{}").has_value());
  EXPECT_FALSE(parse_redfish_members(R"({"Members":7})").has_value());
}

TEST(RedfishText, ATaskIsDoneOrFailedOnlyWhenItSaysSo) {
  const auto state = [](const char* body) { return parse_redfish_task(body)->state; };
  EXPECT_EQ(state(R"({"TaskState":"Completed","TaskStatus":"OK"})"), RedfishTask::State::kDone);
  EXPECT_EQ(state(R"({"TaskState":"Completed","TaskStatus":"Critical"})"),
            RedfishTask::State::kFailed);
  EXPECT_EQ(state(R"({"TaskState":"Exception"})"), RedfishTask::State::kFailed);
  for (const char* body : {"{}", R"({"TaskState":"Running"})", R"({"TaskState":"New"})"}) {
    EXPECT_EQ(state(body), RedfishTask::State::kRunning) << body;
  }
}

TEST(RedfishText, ErrorBodiesOfManyShapes) {
  EXPECT_EQ(redfish_error_text(
                R"({"error":{"message":"general","@Message.ExtendedInfo":[{"Message":"no"}]}})"),
            "no");
  EXPECT_EQ(redfish_error_text(R"({"error":{"message":"general"}})"), "general");
  EXPECT_EQ(redfish_error_text(R"({"error":{"@Message.ExtendedInfo":[{"MessageId":"A.1"}]}})"),
            "A.1");
  EXPECT_EQ(redfish_error_text("<html>"), "");
  EXPECT_EQ(redfish_printable("a\nb\x1b[2J", 4), "a b ");
}

TEST(RedfishText, EveryWishHasItsLegalTypes) {
  using Types = std::vector<std::string>;
  EXPECT_EQ(plan_reset(PowerVerb::kOff, {"On", "ForceOff"}, false).types, Types{"ForceOff"});
  // Off is never said as a wish to an operating system, nor as a toggle.
  const Types soft_only = {"On", "GracefulShutdown", "PushPowerButton", "Nmi"};
  EXPECT_TRUE(plan_reset(PowerVerb::kOff, soft_only, false).types.empty());
  EXPECT_EQ(plan_reset(PowerVerb::kOff, soft_only, true).types, Types{"ForceOff"});
  EXPECT_EQ(plan_reset(PowerVerb::kSoft, soft_only, false).types, Types{"GracefulShutdown"});
  EXPECT_EQ(plan_reset(PowerVerb::kOn, {"ForceOn"}, false).types, Types{"ForceOn"});
  EXPECT_EQ(plan_reset(PowerVerb::kOn, {}, false).types, (Types{"On", "ForceOn"}));
  EXPECT_EQ(plan_reset(PowerVerb::kReset, {"PowerCycle", "FullPowerCycle"}, false).types,
            (Types{"PowerCycle", "FullPowerCycle"}));
  EXPECT_EQ(plan_reset(PowerVerb::kCycle, {"ForceRestart"}, false).types, Types{"ForceRestart"});
  const ResetPlan both = plan_reset(PowerVerb::kCycle, {"On", "ForceOff"}, false);
  EXPECT_TRUE(both.types.empty());
  EXPECT_TRUE(both.off_then_on);
  const ResetPlan none = plan_reset(PowerVerb::kCycle, {"Nmi"}, false);
  EXPECT_TRUE(none.types.empty());
  EXPECT_FALSE(none.off_then_on);
  EXPECT_TRUE(plan_reset(PowerVerb::kStatus, {}, false).types.empty());
}

TEST(RedfishText, NoVendorMayToggle) {
  for (const auto verb :
       {PowerVerb::kOff, PowerVerb::kOn, PowerVerb::kReset, PowerVerb::kCycle, PowerVerb::kSoft}) {
    for (const bool incomplete : {false, true}) {
      for (const auto& type : plan_reset(verb, {"PushPowerButton"}, incomplete).types) {
        EXPECT_NE(type, "PushPowerButton");
        EXPECT_TRUE(verb != PowerVerb::kOff || type == "ForceOff");
      }
    }
  }
}

TEST(RedfishText, QuirksAreFoundByEitherName) {
  EXPECT_EQ(redfish_quirk("", "Dell Inc.").vendor, "Dell iDRAC");
  EXPECT_EQ(redfish_quirk("HPE", "").vendor, "HPE iLO");
  EXPECT_EQ(redfish_quirk("", "Hewlett Packard Enterprise").vendor, "HPE iLO");
  EXPECT_TRUE(redfish_quirk("Supermicro", "").types_incomplete);
  EXPECT_TRUE(redfish_quirk("Nobody", "Special").vendor.empty());
  EXPECT_FALSE(redfish_quirk("Lenovo", "").verified);
}

// A good body with random damage, parsed by everything. Nothing to expect but that it ends, and
// that nothing is "Off" that does not say so.
TEST(RedfishText, DamagedBodiesDoNoHarm) {
  constexpr int kRounds = 20'000;
  const std::string kPieces[] = {"\"Off\"", "{",    "}",        "[",       "]", "null",
                                 "\"\"",    "1e99", "\xff\xfe", "\\ud800", ",", ":"};
  Rng rng(20'251'121);
  for (int round = 0; round < kRounds; ++round) {
    std::string body = kSystem;
    for (std::uint64_t i = 1 + rng.below(6); i > 0; --i) {
      const auto at = static_cast<std::size_t>(rng.below(body.size() + 1));
      switch (rng.below(4)) {
        case 0:
          if (at < body.size()) body[at] = static_cast<char>(rng.below(256));
          break;
        case 1:
          body.erase(at, static_cast<std::size_t>(rng.below(30)));
          break;
        case 2:
          body.insert(at, kPieces[rng.below(std::size(kPieces))]);
          break;
        default:
          body.resize(at);
          break;
      }
    }
    const auto system = parse_redfish_system(body);
    if (system && system->power == PowerState::kOff) {
      ASSERT_NE(body.find("\"Off\""), std::string::npos) << body;
    }
    (void)parse_redfish_root(body);
    (void)parse_redfish_members(body);
    (void)parse_redfish_task(body);
    (void)parse_redfish_account(body);
    (void)parse_redfish_action_info(body);
    (void)parse_redfish_link(body, "Actions");
    EXPECT_LE(redfish_error_text(body).size(), 200u);
  }
}

TEST(RedfishText, DeepNestingIsOnlyText) {
  EXPECT_FALSE(parse_redfish_system(std::string(500'000, '[')).has_value());
  EXPECT_FALSE(
      parse_redfish_system(std::string(200'000, '[') + std::string(200'000, ']')).has_value());
}

}  // namespace
}  // namespace mold::fencing
