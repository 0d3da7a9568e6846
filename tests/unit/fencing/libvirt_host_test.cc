// A host that is a domain: what virsh says, and the driver over a script in its place. libvirt's
// own test driver forgets everything between two runs, so it cannot stand in here.
#include "fencing/drivers/libvirt_host.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "fencing/all_drivers.h"
#include "fencing/drivers/manual.h"
#include "fencing/drivers/virsh_text.h"
#include "tests/unit/fencing/ask_driver.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

PowerReading read_of(const std::string& out) {
  runtime::ChildResult result;
  result.exit_code = 0;
  result.out = out + "\n";
  return read_domain_state(result);
}

TEST(VirshText, OnlyAGuestThatIsGoneIsOff) {
  for (const char* on : {"running (booted)", "idle (unknown)", "paused (user)",
                         "in shutdown (user)", "pmsuspended (disk)", "crashed (panicked)"})
    EXPECT_EQ(read_of(on).state, PowerState::kOn) << on;
  for (const char* off : {"shut off (destroyed)", "shut off (shutdown)", "shut off (unknown)",
                          "shut off (crashed)", "shut off"})
    EXPECT_EQ(read_of(off).state, PowerState::kOff) << off;
  for (const char* unknown :
       {"", "no state", "dying", "shut off (migrated)", "shut off (saved)", "shut offline"}) {
    EXPECT_EQ(read_of(unknown).state, PowerState::kUnknown) << unknown;
    EXPECT_FALSE(read_of(unknown).advice.empty());
  }
}

TEST(VirshText, AUriThatRunsSomethingIsRefused) {
  port::PowerTarget target;
  target.options["domain"] = "node1";
  const auto good = [&target](const std::string& uri) {
    target.address = uri;
    return check_libvirt_target(target).has_value();
  };
  EXPECT_TRUE(good("qemu:///system"));
  EXPECT_TRUE(good("qemu+tls://below.example/system"));
  EXPECT_TRUE(good("qemu+ssh://root@below.example/system"));
  for (const char* uri : {"", "below.example", "-c", "qemu+ext:///system?command=/tmp/x",
                          "qemu+ssh://h/system?command=/tmp/x", "qemu+ssh://h/?netcat=/tmp/x"})
    EXPECT_FALSE(good(uri)) << uri;
  target.options = {{"domain", "--all"}};
  EXPECT_FALSE(good("qemu:///system"));
  target.options = {};
  EXPECT_FALSE(good("qemu:///system"));
  target.options = {{"domain", "node1"}, {"plug", "1"}};
  EXPECT_FALSE(good("qemu:///system"));
}

class LibvirtHost : public ::testing::Test {
 protected:
  LibvirtHost() {
    set("state", "running (booted)");
    const std::string path = dir_.file("virsh");
    std::ofstream(path) << "#!/bin/sh\ncd " << dir_.path() << R"sh(
[ "$1 $2 $3 $5 $6" = "--quiet -c qemu:///system --domain node1" ] || exit 9
echo "$4" >> commands
[ -e down ] && { echo "error: failed to connect to the hypervisor" >&2; exit 1; }
case $4 in
  domstate) cat state ;;
  domuuid) echo 4C4C4544-0039-3310-8051-B4C04F564432 ;;
  destroy) [ -e stuck ] || echo "shut off (destroyed)" > state ;;
  shutdown) echo "shut off (shutdown)" > state ;;
  start) [ -e nostart ] && exit 1; echo "running (booted)" > state ;;
  reset) ;;
esac
)sh";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    LibvirtHostSettings settings;
    settings.program = path;
    settings.poll = Duration{20};
    driver_ = make_libvirt_host_driver(*loop_, settings);
    target_.driver = "libvirt";
    target_.address = "qemu:///system";
    target_.options["domain"] = "node1";
  }
  void set(const std::string& name, const std::string& text) {
    std::ofstream(dir_.file(name)) << text << "\n";
  }
  port::PowerResult ask(PowerVerb verb, Duration deadline = runtime::kPatience) {
    return ask_driver(*loop_, *driver_, target_, verb, deadline);
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  std::unique_ptr<port::PowerControl> driver_;
  port::PowerTarget target_;
};

TEST_F(LibvirtHost, SwitchesAndReadsBack) {
  EXPECT_EQ(ask(PowerVerb::kStatus).state, PowerState::kOn);
  EXPECT_EQ(ask(PowerVerb::kOff).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ask(PowerVerb::kStatus).state, PowerState::kOff);
  EXPECT_EQ(ask(PowerVerb::kOn).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ask(PowerVerb::kReset).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ask(PowerVerb::kCycle).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ask(PowerVerb::kSoft).outcome, Outcome::kConfirmed);
}

TEST_F(LibvirtHost, AGuestThatDoesNotDieIsNotOff) {
  set("stuck", "");
  const auto off = ask(PowerVerb::kOff, 1'500ms);
  EXPECT_EQ(off.outcome, Outcome::kUnknown) << off.text;
  EXPECT_EQ(off.state, PowerState::kOn);
}

TEST_F(LibvirtHost, AMigratedGuestIsNotOff) {
  set("state", "shut off (migrated)");
  const auto off = ask(PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kFailed) << off.text;
  EXPECT_NE(off.text.find("migrated away"), std::string::npos);
}

TEST_F(LibvirtHost, AnUnreachableLibvirtIsSaidSo) {
  set("down", "");
  const auto off = ask(PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kFailed);
  EXPECT_EQ(off.error, ErrorKind::kUnavailable) << off.text;
}

TEST_F(LibvirtHost, ACycleThatEndsHalfWayIsNotDone) {
  set("nostart", "");
  const auto cycle = ask(PowerVerb::kCycle, 1'500ms);
  EXPECT_EQ(cycle.outcome, Outcome::kUnknown) << cycle.text;
  EXPECT_EQ(cycle.state, PowerState::kOff);
}

TEST_F(LibvirtHost, TellsItsUuid) {
  std::optional<port::IdentityResult> identity;
  driver_->identify(target_, runtime::kPatience, [&](port::IdentityResult r) { identity = r; });
  EXPECT_TRUE(loop_->run_until([&] { return identity.has_value(); }, runtime::kPatience));
  EXPECT_EQ(identity->outcome, Outcome::kConfirmed);
  EXPECT_EQ(identity->identity.uuid, "4c4c4544-0039-3310-8051-b4c04f564432");
}

TEST(Manual, SaysWhoHasToAndHow) {
  const auto loop = runtime::make_loop();
  const auto driver = make_manual_driver(*loop);
  std::vector<port::PowerResult> results;
  for (const auto verb : {PowerVerb::kOff, PowerVerb::kStatus})
    driver->request({}, verb, 1s, [&](port::PowerResult r) { results.push_back(std::move(r)); });
  EXPECT_TRUE(loop->run_until([&] { return results.size() == 2; }, runtime::kPatience));
  EXPECT_EQ(results[0].outcome, Outcome::kFailed);
  EXPECT_EQ(results[0].error, ErrorKind::kUnsupported);
  EXPECT_NE(results[0].text.find("hactl host confirm-dead"), std::string::npos);
  EXPECT_EQ(results[1].outcome, Outcome::kUnknown);
  EXPECT_EQ(results[1].state, PowerState::kUnknown);
}

TEST(AllDrivers, AreThereUnderTheirNames) {
  const auto loop = runtime::make_loop();
  const auto table = make_all_drivers(*loop);
  EXPECT_THAT(table->names(),
              ::testing::IsSupersetOf({"fence_agent", "ipmitool", "libvirt", "manual", "redfish"}));
  port::PowerTarget target;
  target.address = "10.0.0.1";
  EXPECT_OK(table->check(target));
  target.username = "seventeen-letters";
  EXPECT_FALSE(table->check(target));
  target.username = "ADMIN";
  for (const auto& [name, value] : std::map<std::string, std::string>{{"cipher", "18"},
                                                                      {"cipher", "x"},
                                                                      {"privilege", "ROOT"},
                                                                      {"interface", "open"},
                                                                      {"retries", "11"},
                                                                      {"timeout", "0"},
                                                                      {"plug", "1"}}) {
    target.options = {{name, value}};
    const Status checked = table->check(target);
    ASSERT_FALSE(checked) << name;
    EXPECT_NE(checked.error().what.find(name), std::string::npos) << checked.error().what;
  }
  target.options = {{"cipher", "17"}, {"privilege", "OPERATOR"}, {"retries", "3"}};
  EXPECT_OK(table->check(target));
  target.port = "0";
  EXPECT_FALSE(table->check(target));
  target.driver = "ipmi";
  EXPECT_NE(table->check(target).error().what.find("ipmitool"), std::string::npos);
}

}  // namespace
}  // namespace mold::fencing
