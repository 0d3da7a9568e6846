// The adapter on a real libvirtd with nano guests under TCG: a VM's life, and libvirtd's death.
#include <signal.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/runtime/child_process.h"
#include "tests/integration/libvirt/hypervisor_fixture.h"

namespace mold::agentd {
namespace {

using core::DomainPower;
using core::GoneReason;
using core::Outcome;

constexpr const char* kUuid = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
constexpr Duration kAnHour{3'600'000};

class LibvirtdTest : public HypervisorFixture {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::access("/usr/sbin/libvirtd", X_OK) != 0) GTEST_SKIP() << "needs libvirtd";
    disk_ = dir_.file("disk.raw");
    ASSERT_TRUE(run("/bin/bash", {MOLD_NANO_BUILD, disk_}));
    start_daemon();
    LibvirtHypervisor::Options options;
    options.connection.uri = "qemu+unix:///system?socket=" + dir_.file("sock/libvirt-sock");
    options.domain_type = "qemu";
    options.defaults.disk_cache = "writethrough";
    start(options);
    ASSERT_TRUE(until([this] { return !lists_.empty(); })) << hypervisor_->trouble();
  }
  void TearDown() override {
    if (!hypervisor_) return;
    for (std::uint64_t generation = 1; generation < 4; ++generation) {
      wait([&](auto done) { hypervisor_->destroy(ref(generation), done); });
    }
    daemon_.cancel();
  }

  bool run(const std::string& program, std::vector<std::string> arguments) {
    runtime::ChildSpec spec;
    spec.program = program;
    spec.args = std::move(arguments);
    spec.deadline = Duration{60'000};
    std::optional<Result<runtime::ChildResult>> result;
    const auto child = runtime::run_child(*loop_, spec, [&result](auto r) { result.emplace(r); });
    EXPECT_TRUE(until([&result] { return result.has_value(); }));
    return result && *result && (*result)->ok();
  }
  void start_daemon() {
    runtime::ChildSpec spec;
    spec.program = "/bin/sh";
    spec.args = {MOLD_LIBVIRTD_SCRIPT, dir_.path()};
    spec.deadline = kAnHour;
    daemon_ = runtime::run_child(*loop_, spec, [](const auto&) {});
  }
  static port::VmRef ref(std::uint64_t generation) {
    return {VmId{7}, Generation{generation}, kUuid};
  }
  void boot(std::uint64_t generation) {
    core::VmSpec spec;
    spec.name = "nano";
    spec.uuid = kUuid;
    spec.memory_bytes = 4 << 20;
    spec.disks = {{PoolId{1}, disk_, "raw", "", 0}};
    const auto made =
        wait([&](auto done) { hypervisor_->create_paused(ref(generation), spec, done); });
    ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
    ASSERT_TRUE(sees(Generation{generation}, DomainPower::kPaused));
    const auto again =
        wait([&](auto done) { hypervisor_->create_paused(ref(generation), spec, done); });
    EXPECT_EQ(again.outcome, Outcome::kConfirmed) << again.text;  // this very generation
    const auto other =
        wait([&](auto done) { hypervisor_->create_paused(ref(generation + 1), spec, done); });
    EXPECT_EQ(other.error, ErrorKind::kConflict);
    EXPECT_TRUE(other.exists);
    const auto resumed = wait([&](auto done) { hypervisor_->resume(ref(generation), done); });
    ASSERT_EQ(resumed.outcome, Outcome::kConfirmed) << resumed.text;
    ASSERT_TRUE(sees(Generation{generation}, DomainPower::kRunning));
  }
  // The guest counts on its disk.
  bool disk_changes() {
    const std::string before = runtime::must(runtime::read_file(disk_, 4 << 20));
    return until([&] { return runtime::must(runtime::read_file(disk_, 4 << 20)) != before; });
  }
  int qemu_pid() {
    const auto text = runtime::read_file(dir_.file("run/qemu/nano.pid"));
    return text ? parse_number<int>(trim(*text)).value_or(0) : 0;
  }

  runtime::TempDir dir_;
  std::string disk_;
  runtime::ChildHandle daemon_;
};

TEST_F(LibvirtdTest, ALifeThatEndsByPowerButton) {
  boot(1);
  EXPECT_TRUE(disk_changes());
  EXPECT_EQ(wait([&](auto done) { hypervisor_->shutdown(ref(1), done); }).outcome,
            Outcome::kConfirmed);
  EXPECT_TRUE(sees(Generation{1}, DomainPower::kGone, GoneReason::kShutdown)) << seen();
}

TEST_F(LibvirtdTest, ALifeThatEndsByForce) {
  boot(1);
  const auto killed = wait([&](auto done) { hypervisor_->destroy(ref(1), done); });
  EXPECT_EQ(killed.outcome, Outcome::kConfirmed);
  EXPECT_FALSE(killed.exists);
  EXPECT_TRUE(sees(Generation{1}, DomainPower::kGone, GoneReason::kKilled));
  boot(2);  // the name is free again
}

TEST_F(LibvirtdTest, AKilledQemuIsACrash) {
  boot(1);
  const int pid = qemu_pid();
  ASSERT_GT(pid, 0);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_TRUE(sees(Generation{1}, DomainPower::kGone, GoneReason::kCrashed));
}

TEST_F(LibvirtdTest, LibvirtdDiesAndTheVmGoesOn) {
  boot(1);
  daemon_.cancel();  // SIGKILL
  ASSERT_TRUE(until([this] { return !hypervisor_->connected(); }));
  const auto blind = wait([&](auto done) { hypervisor_->destroy(ref(1), done); });
  EXPECT_EQ(blind.error, ErrorKind::kUnavailable);
  EXPECT_TRUE(disk_changes());
  const std::size_t before = lists_.size();
  start_daemon();
  ASSERT_TRUE(until([&] { return lists_.size() > before && !lists_.back().ours.empty(); }));
  EXPECT_EQ(lists_.back().ours[0].generation, Generation{1});
  EXPECT_EQ(lists_.back().ours[0].power, DomainPower::kRunning);
  EXPECT_TRUE(disk_changes());
}

}  // namespace
}  // namespace mold::agentd
