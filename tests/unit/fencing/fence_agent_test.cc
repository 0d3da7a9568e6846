// The fence agents' contract: what an agent is told, what its words mean, and that its exit code
// alone never makes a machine off. Agents are small scripts here; the password comes by stdin.
#include "fencing/drivers/fence_agent.h"

#include <filesystem>
#include <fstream>
#include <optional>

#include "fencing/drivers/fence_agent_text.h"
#include "fencing/drivers/power_agent.h"
#include "tests/unit/fencing/ask_driver.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

runtime::ChildResult ended(int code, const std::string& out = {}, const std::string& err = {}) {
  runtime::ChildResult result;
  result.exit_code = code;
  result.out = out;
  result.err = err;
  return result;
}

TEST(FenceAgentText, TwoIsOffOnlyWhenItSaysSo) {
  EXPECT_EQ(read_agent_status(ended(0, "Status: ON\n")).state, PowerState::kOn);
  EXPECT_EQ(read_agent_status(ended(0)).state, PowerState::kOn);
  EXPECT_EQ(read_agent_status(ended(2, "Status: OFF\n")).state, PowerState::kOff);
  EXPECT_EQ(read_agent_status(ended(2, "off\n")).state, PowerState::kOff);
  for (const char* out : {"", "Status: OFFLINE", "failed to switch off", "usage: x on|off",
                          "Status: ON\nStatus: OFF"}) {
    EXPECT_EQ(read_agent_status(ended(2, out)).state, PowerState::kUnknown) << out;
  }
  EXPECT_EQ(read_agent_status(ended(0, "Status: OFF\n")).state, PowerState::kUnknown);
  EXPECT_EQ(read_agent_status(ended(1, "Status: OFF\n")).state, PowerState::kUnknown);
  runtime::ChildResult stuck = ended(2, "Status: OFF\n");
  stuck.timed_out = true;
  EXPECT_EQ(read_agent_status(stuck).state, PowerState::kUnknown);
}

TEST(FenceAgentText, FailuresAreToldApart) {
  EXPECT_EQ(read_agent_status(ended(3)).error, ErrorKind::kDenied);
  EXPECT_EQ(read_agent_status(ended(4)).error, ErrorKind::kUnavailable);
  EXPECT_EQ(read_agent_status(ended(5)).error, ErrorKind::kTimeout);
  EXPECT_EQ(read_agent_status(ended(10)).error, ErrorKind::kInvalid);
  EXPECT_EQ(read_agent_status(ended(11)).error, ErrorKind::kDenied);
  EXPECT_EQ(read_agent_status(ended(1, "", "Unable to connect/login to fencing device")).error,
            ErrorKind::kUnavailable);
  EXPECT_EQ(read_agent_status(ended(1)).error, ErrorKind::kUnknown);
  EXPECT_FALSE(read_agent_status(ended(1)).advice.empty());
  EXPECT_EQ(read_agent_action(ended(0)).sent, Sent::kAccepted);
  EXPECT_EQ(read_agent_action(ended(3)).sent, Sent::kRefused);
  EXPECT_EQ(read_agent_action(ended(7)).sent, Sent::kMaybe);
  EXPECT_EQ(read_agent_action(ended(1)).sent, Sent::kMaybe);
}

port::PowerTarget some_target() {
  port::PowerTarget target;
  target.driver = "fence_agent";
  target.address = "pdu.example";
  target.port = "22";
  target.username = "apc";
  target.password = Secret("s3cret");
  target.options = {{"agent", "fence_apc"}, {"plug", "7"}, {"arg.ssh", "1"}};
  return target;
}

TEST(FenceAgentText, EverythingGoesByStandardInput) {
  EXPECT_EQ(
      fence_agent_input(some_target(), "off").reveal(),
      "action=off\nip=pdu.example\nipport=22\nusername=apc\npassword=s3cret\nssh=1\nplug=7\n");
}

TEST(FenceAgentText, WhatCouldRunOrLeakSomethingIsRefused) {
  EXPECT_OK(check_fence_agent_target(some_target()));
  const auto refused = [](const std::string& name, const std::string& value) {
    port::PowerTarget target = some_target();
    target.options[name] = value;
    return !check_fence_agent_target(target);
  };
  for (const char* agent : {"", "fence_", "fence_../../bin/sh", "sh", "fence_x y", "fence_X"})
    EXPECT_TRUE(refused("agent", agent)) << agent;
  for (const char* name :
       {"arg.password", "arg.passwd", "arg.action", "arg.ip", "arg.password_script",
        "arg.password-script", "arg.ipmitool_path", "arg.ssh_options", "arg.debug_file", "arg.",
        "arg.a=b", "arg.snmp_priv_passwd", "unknown"})
    EXPECT_TRUE(refused(name, "1")) << name;
  EXPECT_TRUE(refused("plug", "1\naction=on"));
  EXPECT_TRUE(refused("arg.lanplus", "1\npassword_script=/x"));
  port::PowerTarget without = some_target();
  without.options.erase("agent");
  EXPECT_FALSE(check_fence_agent_target(without));
  without = some_target();
  without.password = Secret("two\nlines");
  EXPECT_FALSE(check_fence_agent_target(without));
}

TEST(FenceAgentText, WhatSaysOffOfARunningMachineIsRefused) {
  port::PowerTarget target = some_target();
  for (const char* agent :
       {"fence_scsi", "fence_mpath", "fence_ifmib", "fence_brocade", "fence_sanbox2",
        "fence_cisco_mds", "fence_compute", "fence_evacuate", "fence_kdump", "fence_sbd",
        "fence_crosslink", "fence_heuristics_ping", "fence_dummy", "fence_ack_manual"}) {
    target.options["agent"] = agent;
    const Status checked = check_fence_agent_target(target);
    ASSERT_FALSE(checked) << agent;
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(checked.error().what.find("no power device"), std::string::npos)
        << checked.error().what;
  }
  for (const char* setting : {"arg.missing_as_off", "arg.missing-as-off", "arg.network_fencing"}) {
    target = some_target();
    target.options[setting] = "1";
    EXPECT_FALSE(check_fence_agent_target(target)) << setting;
  }
}

// As the agents' library writes it.
constexpr const char* kPowerMetadata =
    "<resource-agent name=\"fence_test\"><parameters/><actions>\n"
    "<action name=\"on\" automatic=\"0\"/><action name=\"off\" /><action name=\"reboot\" />"
    "<action name=\"status\" /><action name=\"monitor\" /></actions></resource-agent>";
constexpr const char* kFabricMetadata =
    "<resource-agent name=\"fence_test\"><parameters/><actions>\n"
    "<action name=\"on\" on_target=\"1\" automatic=\"1\"/><action name=\"off\" />"
    "<action name=\"status\" /><action name=\"monitor\" /></actions></resource-agent>";

TEST(PowerAgent, IsWhatItsMetadataMakesIt) {
  EXPECT_OK(read_agent_metadata("fence_x", ended(0, kPowerMetadata)));
  const auto kind = [](const std::string& metadata) {
    const Status read = read_agent_metadata("fence_x", ended(0, metadata));
    return read ? ErrorKind::kInternal : read.error().kind;
  };
  EXPECT_EQ(kind(kFabricMetadata), ErrorKind::kUnsupported);
  const auto without = [](const std::string& piece) {
    std::string text = kPowerMetadata;
    return text.erase(text.find(piece), piece.size());
  };
  for (const char* action : {"off", "reboot", "status"}) {
    const std::string piece = "<action name=\"" + std::string(action) + "\" />";
    EXPECT_EQ(kind(without(piece)), ErrorKind::kUnsupported) << action;
  }
  std::string unfences = kPowerMetadata;
  unfences.replace(unfences.find("automatic=\"0\""), 13, "automatic=\"1\"");
  EXPECT_EQ(kind(unfences), ErrorKind::kUnsupported);
  for (const char* text : {"", "usage: x", "<resource-agent/>", "<actions>"})
    EXPECT_EQ(kind(text), ErrorKind::kUnknown) << text;
  EXPECT_FALSE(read_agent_metadata("fence_x", ended(1, kPowerMetadata)));
  EXPECT_FALSE(read_agent_metadata("fence_dummy", ended(0, kPowerMetadata)));
}

class FenceAgentDriverTest : public ::testing::Test {
 protected:
  FenceAgentDriverTest() {
    FenceAgentSettings settings;
    settings.directory = dir_.path();
    settings.poll = Duration{20};
    driver_ = make_fence_agent_driver(*loop_, settings);
    set_power("ON");
  }
  // `body` sees the settings as shell variables; "power" is the machine.
  void install(const std::string& body, const std::string& metadata = kPowerMetadata) {
    std::ofstream(dir_.file("metadata")) << metadata;
    const std::string path = dir_.file("fence_test");
    std::ofstream(path) << "#!/bin/sh\ncd " + dir_.path() +
                               "\nwhile IFS== read -r k v; do eval \"$k=\\$v\"; done\n"
                               "echo \"$action\" >> actions\n"
                               "[ $action = metadata ] && { cat metadata; exit; }\n"
                               "[ \"$password\" = s3cret ] || exit 3\n"
                               "status() { s=$(cat power); echo \"Status: $s\"; "
                               "[ $s = ON ] && exit 0; exit 2; }\n" +
                               body;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  void set_power(const std::string& state) { std::ofstream(dir_.file("power")) << state << "\n"; }
  std::string read(const std::string& name) {
    std::ifstream file(dir_.file(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  port::PowerResult ask(PowerVerb verb, Duration deadline = runtime::kPatience) {
    return ask_driver(*loop_, *driver_, target_, verb, deadline);
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  std::unique_ptr<port::PowerControl> driver_;
  port::PowerTarget target_ = [] {
    port::PowerTarget target = some_target();
    target.options["agent"] = "fence_test";
    return target;
  }();
};

constexpr const char* kHonest = R"sh(case $action in
  status) status ;;
  on) echo ON > power ;;
  off) echo OFF > power ;;
  reboot) ;;
esac
)sh";

TEST_F(FenceAgentDriverTest, SwitchesAndReadsBack) {
  install(kHonest);
  EXPECT_EQ(ask(PowerVerb::kStatus).state, PowerState::kOn);
  const auto off = ask(PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kConfirmed) << off.text;
  EXPECT_EQ(read("power"), "OFF\n");
  EXPECT_EQ(ask(PowerVerb::kOn).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ask(PowerVerb::kReset).outcome, Outcome::kConfirmed);
  EXPECT_EQ(read("actions"),
            "metadata\nstatus\nstatus\noff\nstatus\nstatus\non\nstatus\nstatus\nreboot\nstatus\n");
  EXPECT_EQ(ask(PowerVerb::kSoft).error, ErrorKind::kUnsupported);
}

TEST_F(FenceAgentDriverTest, WhatCutsStorageOrNetworkIsNoProof) {
  set_power("OFF");
  for (const char* metadata : {kFabricMetadata, ""}) {
    install(kHonest, metadata);
    const auto status = ask(PowerVerb::kStatus);
    EXPECT_EQ(status.outcome, Outcome::kUnknown) << status.text;
    EXPECT_EQ(status.state, PowerState::kUnknown);
    const auto off = ask(PowerVerb::kOff);
    EXPECT_EQ(off.outcome, Outcome::kFailed) << off.text;
    EXPECT_NE(off.text.find("power device"), std::string::npos) << off.text;
    EXPECT_EQ(off.state, PowerState::kUnknown);
  }
  EXPECT_EQ(read("actions"), "metadata\nmetadata\nmetadata\nmetadata\n") << "nothing was done";
}

TEST_F(FenceAgentDriverTest, ItsSuccessIsNotOff) {
  install("case $action in status) status ;; off) echo 'Success: Powered OFF' ;; esac\n");
  const auto off = ask(PowerVerb::kOff, 1'500ms);
  EXPECT_EQ(off.outcome, Outcome::kUnknown) << off.text;
  EXPECT_EQ(off.state, PowerState::kOn);
}

TEST_F(FenceAgentDriverTest, ItsFailureMayBeOff) {
  install("case $action in status) status ;; off) echo OFF > power; exit 1 ;; esac\n");
  EXPECT_EQ(ask(PowerVerb::kOff).outcome, Outcome::kConfirmed);
}

TEST_F(FenceAgentDriverTest, AWrongPasswordIsSaidSo) {
  install(kHonest);
  target_.password = Secret("other");
  const auto off = ask(PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kFailed) << off.text;
  EXPECT_EQ(off.error, ErrorKind::kDenied);
  EXPECT_EQ(read("power"), "ON\n");
}

TEST_F(FenceAgentDriverTest, OneThatNeverEndsIsKilled) {
  install("sleep 600\n");
  const auto off = ask(PowerVerb::kOff, 500ms);
  EXPECT_EQ(off.outcome, Outcome::kFailed) << off.text;
  EXPECT_EQ(off.error, ErrorKind::kTimeout);
}

TEST_F(FenceAgentDriverTest, OneThatIsNotInstalledIsAFailure) {
  const auto off = ask(PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kFailed);
  EXPECT_EQ(off.error, ErrorKind::kNotFound);
  EXPECT_NE(off.text.find("fence_test"), std::string::npos) << off.text;
}

TEST_F(FenceAgentDriverTest, TellsThatItCannotTell) {
  install(kHonest);
  std::optional<port::IdentityResult> identity;
  driver_->identify(target_, runtime::kPatience, [&](port::IdentityResult r) { identity = r; });
  EXPECT_TRUE(loop_->run_until([&] { return identity.has_value(); }, runtime::kPatience));
  EXPECT_EQ(identity->outcome, Outcome::kConfirmed);
  EXPECT_TRUE(identity->identity.uuid.empty());
  std::optional<port::PowerResult> change;
  driver_->change_password(target_, Secret("x"), 1s, [&](port::PowerResult r) { change = r; });
  EXPECT_TRUE(loop_->run_until([&] { return change.has_value(); }, runtime::kPatience));
  EXPECT_EQ(change->error, ErrorKind::kUnsupported);
}

}  // namespace
}  // namespace mold::fencing
