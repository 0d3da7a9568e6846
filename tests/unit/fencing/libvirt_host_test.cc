// A host that is a domain: what virsh says, and the driver over a script in its place. libvirt's
// own test driver forgets everything between two runs, so it cannot stand in here.
#include "fencing/drivers/libvirt_host.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "fencing/all_drivers.h"
#include "fencing/drivers/libvirt_uri.h"
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

constexpr const char* kGoodUris[] = {
    "qemu:///system",
    "qemu+tls://below.example/system",
    "qemu+tls://below.example:16514/system",
    "qemu+tls://10.0.0.7/system",
    "qemu+tls://[fd00::7]/system",
    "qemu+tls://[fd00::7]:16514/system",
    "qemu+ssh://below.example/system",
    "qemu+ssh://root@below.example/system",
    "qemu+ssh://fence_user-1@below:2222/system",
    "qemu+ssh://root@[fd00::7]:22/system",
};

// What runs a program here, reads a file, speaks to a made-up libvirt, or might once it is
// understood otherwise than it is written.
constexpr const char* kHostileUris[] = {
    "", "below.example", "-c", "system", "qemu", "qemu:", "qemu://", "qemu:///", "/system",
    // programs
    "qemu+ext:///system?command=/tmp/x", "qemu+ext://h/system",
    "qemu+ssh://h/system?command=/tmp/x", "qemu+ssh://h/?netcat=/tmp/x",
    "qemu+ssh://h/system?netcat=/tmp/x", "qemu+ssh://h/system?proxy=netcat",
    "qemu+ssh://h/system?sshauth=agent", "qemu:///system?command=/tmp/x",
    "qemu+tls://h/system?command=/tmp/x",
    // the same in other letters
    "QEMU+EXT:///system?command=/tmp/x", "qemu+EXT:///system", "Qemu:///system", "qemu:///SYSTEM",
    "qemu+SSH://h/system", "qemu+ssh://h/system?COMMAND=/tmp/x",
    "qemu+ssh://h/system?%63ommand=/tmp/x", "qemu%2bext:///system", "qemu+%65xt:///system",
    "qemu+ssh://h/system%3fcommand=/tmp/x", "qemu+ssh://h%2fsystem?command=x/system",
    "qemu:///%73ystem", "qemu+ssh://h/system?no_tty=1&command=/tmp/x",
    "qemu+ssh://h/system?no_tty=1;command=/tmp/x", "qemu+ssh://h/system#x?command=/tmp/x",
    // parameters behind which the end looks right
    "qemu+ssh://h/?command=/tmp/x/system", "qemu+ext://?command=/tmp/x/system",
    "qemu+tls://h/?pkipath=/tmp/system", "qemu+ssh://h?command=x/system", "qemu+ssh://h#/system",
    "qemu+ssh://h\\/system",
    // files, unchecked certificates, other sockets
    "qemu+ssh://h/system?keyfile=/tmp/k", "qemu+ssh://h/system?known_hosts=/tmp/k",
    "qemu+tls://h/system?no_verify=1", "qemu+tls://h/system?pkipath=/tmp",
    "qemu+ssh://h/system?socket=/tmp/s", "qemu+unix:///system?socket=/tmp/s",
    "qemu+unix:///system?%73ocket=/tmp/s", "qemu+unix:///system", "qemu:///system?socket=/tmp/s",
    "qemu:///system?mode=direct", "qemu:///system?", "qemu:///system#", "qemu:///system/",
    // other libvirts
    "test:///default", "test:///tmp/made-up.xml", "test+ssh://h/default", "xen:///system",
    "lxc:///system", "esx://h/", "vbox:///session", "qemu:///session", "qemu+tls://h/session",
    "qemu:///embed?root=/tmp", "qemu+tcp://h/system", "qemu+libssh://h/system",
    "qemu+libssh2://h/system", "qemu+ssh:///system", "qemu+tls:///system", "qemu+://h/system",
    "qemu+ssh+ext://h/system", "remote+ssh://h/system", "http://h/system",
    // options of ssh, users with passwords, names with more in them
    "qemu+ssh://-oProxyCommand=x/system", "qemu+ssh://-oProxyCommand@h/system",
    "qemu+ssh://root@-h/system", "qemu+ssh://root:secret@h/system", "qemu+ssh://@h/system",
    "qemu+ssh://a@b@h/system", "qemu+tls://root@h/system", "qemu+ssh://h/x/system",
    "qemu+ssh://h//system", "qemu+ssh://h/../system", "qemu+ssh://h,x/system",
    "qemu+ssh://$(x)/system", "qemu+ssh://`x`/system", "qemu+ssh://h;x/system",
    "qemu+ssh://h x/system", " qemu:///system", "qemu:///system ", "qemu:///system\n",
    "qemu+ssh://h\n-oX/system", "qemu+ssh://.h/system", "qemu+ssh://h\xc3\xa9/system",
    // ports
    "qemu+ssh://h:/system", "qemu+ssh://h:0/system", "qemu+ssh://h:65536/system",
    "qemu+ssh://h:+22/system", "qemu+ssh://h:22x/system", "qemu+ssh://h:22:22/system",
    "qemu+ssh://[fd00::7/system", "qemu+ssh://[h]/system", "qemu+ssh://[fe80::1%25eth0]/system",
    "qemu+ssh://[fd00::7]22/system", "qemu+ssh://[]/system"};

TEST(LibvirtUri, OnlyWhatIsOnTheListIsTaken) {
  for (const char* uri : kGoodUris) EXPECT_TRUE(check_libvirt_uri(uri)) << uri;
  for (const char* uri : kHostileUris) {
    const Status status = check_libvirt_uri(uri);
    ASSERT_FALSE(status) << uri;
    EXPECT_EQ(status.error().kind, ErrorKind::kInvalid);
    EXPECT_NE(status.error().what.find("must be qemu:///system, qemu+tls://HOST[:PORT]/system or "
                                       "qemu+ssh://[USER@]HOST[:PORT]/system"),
              std::string::npos)
        << status.error().what;
  }
  const std::string zero("qemu:///system\0?command=x", 25);
  EXPECT_FALSE(check_libvirt_uri(zero));
  EXPECT_FALSE(check_libvirt_uri("qemu+ssh://" + std::string(254, 'h') + "/system"));
  EXPECT_FALSE(check_libvirt_uri("qemu+ssh://" + std::string(33, 'u') + "@h/system"));
}

TEST(LibvirtUri, OtherDriversTakeNoUris) {
  const auto loop = runtime::make_loop();
  const auto drivers = make_all_drivers(*loop);
  for (const char* name : {"ipmitool", "redfish", "fence_agent", "pacemaker"}) {
    port::PowerTarget target;
    target.driver = name;
    target.address = "qemu:///system";
    if (target.driver == "fence_agent") target.options["agent"] = "fence_apc";
    const Status status = drivers->check(target);
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().what.rfind("address", 0), 0U) << name << ": " << status.error().what;
  }
}

TEST(VirshText, ATargetNamesOneDomainAndAUri) {
  port::PowerTarget target;
  target.options["domain"] = "node1";
  const auto good = [&target](const std::string& uri) {
    target.address = uri;
    return check_libvirt_target(target).has_value();
  };
  EXPECT_TRUE(good("qemu+ssh://root@below.example/system"));
  EXPECT_FALSE(good("qemu+ssh://h/system?command=/tmp/x"));
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
