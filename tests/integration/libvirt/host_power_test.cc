// The power driver of hosts that are VMs, on a real libvirtd with a nano guest under TCG.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "fencing/drivers/libvirt_host.h"
#include "lib/runtime/child_process.h"
#include "tests/unit/fencing/ask_driver.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr const char* kUuid = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
constexpr Duration kAnHour{3'600'000};

class HostPower : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::access("/usr/sbin/libvirtd", X_OK) != 0) GTEST_SKIP() << "needs libvirtd";
    runtime::ChildSpec spec;
    spec.program = "/bin/sh";
    spec.args = {MOLD_LIBVIRTD_SCRIPT, dir_.path()};
    spec.deadline = kAnHour;
    daemon_ = runtime::run_child(*loop_, spec, [](const auto&) {});
    target_.driver = "libvirt";
    target_.address = "qemu+unix:///system?socket=" + dir_.file("sock/libvirt-sock");
    target_.options["domain"] = "node1";
    ASSERT_TRUE(
        loop_->run_until([this] { return std::filesystem::exists(dir_.file("sock/libvirt-sock")); },
                         runtime::kPatience));
    define();
  }
  void TearDown() override {
    if (daemon_.running()) ask(PowerVerb::kOff);
    daemon_.cancel();
  }
  void define() {
    std::ofstream(dir_.file("node1.xml"))
        << "<domain type='qemu'><name>node1</name><uuid>" << kUuid
        << "</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type>"
           "</os></domain>\n";
    runtime::ChildSpec spec;
    spec.program = "virsh";
    spec.args = {"-c", target_.address, "define", dir_.file("node1.xml")};
    spec.deadline = runtime::kPatience;
    std::optional<Result<runtime::ChildResult>> result;
    const auto child = runtime::run_child(*loop_, spec, [&result](auto r) { result.emplace(r); });
    ASSERT_TRUE(loop_->run_until([&result] { return result.has_value(); }, runtime::kPatience));
    ASSERT_TRUE(*result && (*result)->ok()) << (*result ? (*result)->err : "not started");
  }
  port::PowerResult ask(PowerVerb verb, Duration deadline = runtime::kPatience) {
    return ask_driver(*loop_, *driver_, target_, verb, deadline);
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  std::unique_ptr<port::PowerControl> driver_ = make_libvirt_host_driver(*loop_);
  port::PowerTarget target_;
  runtime::ChildHandle daemon_;
};

TEST_F(HostPower, AGuestIsSwitchedAndReadBack) {
  EXPECT_EQ(ask(PowerVerb::kStatus).state, PowerState::kOff);
  for (const auto& [verb, state] : {std::pair{PowerVerb::kOn, PowerState::kOn},
                                    {PowerVerb::kReset, PowerState::kOn},
                                    {PowerVerb::kCycle, PowerState::kOn},
                                    {PowerVerb::kOff, PowerState::kOff},
                                    {PowerVerb::kOff, PowerState::kOff}}) {
    const auto result = ask(verb);
    EXPECT_EQ(result.outcome, Outcome::kConfirmed) << result.text;
    EXPECT_EQ(result.state, state) << result.text;
  }
  std::optional<port::IdentityResult> identity;
  driver_->identify(target_, runtime::kPatience, [&](port::IdentityResult r) { identity = r; });
  ASSERT_TRUE(loop_->run_until([&] { return identity.has_value(); }, runtime::kPatience));
  EXPECT_EQ(identity->identity.uuid, kUuid) << identity->text;
}

TEST_F(HostPower, WhatIsNotThereIsNotOff) {
  target_.options["domain"] = "node2";
  const auto off = ask(PowerVerb::kOff);
  EXPECT_EQ(off.outcome, Outcome::kFailed) << off.text;
  EXPECT_EQ(off.error, ErrorKind::kNotFound) << off.text;
  target_.options["domain"] = "node1";
  EXPECT_EQ(ask(PowerVerb::kOn).outcome, Outcome::kConfirmed);
  const port::PowerTarget here = target_;
  target_.address += "-gone";
  const auto gone = ask(PowerVerb::kOff);
  EXPECT_EQ(gone.outcome, Outcome::kFailed) << gone.text;
  EXPECT_EQ(gone.error, ErrorKind::kUnavailable) << gone.text;
  target_ = here;
}

}  // namespace
}  // namespace mold::fencing
