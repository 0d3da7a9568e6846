// A guest on an RBD image: a real Ceph, a real libvirtd and QEMU. The key reaches QEMU through a
// libvirt secret, clients are read before creation and resume, and a stranger is seen.
#include <gmock/gmock.h>
#include <unistd.h>

#include "agentd/host/addresses.h"
#include "agentd/storage/disk_paths.h"
#include "agentd/storage/vm_disks.h"
#include "fencing/ceph/ceph_tool.h"
#include "lib/runtime/child_process.h"
#include "tests/contract/ceph_cluster.h"
#include "tests/integration/libvirt/hypervisor_fixture.h"

namespace mold::agentd {
namespace {

using contract::CephCluster;
using core::DomainPower;
using core::Outcome;
using core::StartStep;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUuid = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
constexpr const char* kUser = "mold-host-rbdtest";
constexpr Duration kAnHour{3'600'000};
constexpr Duration kDeadline{60'000};

class RbdTest : public HypervisorFixture {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (::access("/usr/sbin/libvirtd", X_OK) != 0) GTEST_SKIP() << "needs libvirtd";
    ceph_ = std::make_unique<ceph::CephTool>(*loop_, ceph::CephToolSettings{MOLD_CEPH_PROGRAM});
    VmDisks::Options disks;
    disks.files.tag = "tag";
    disks.clients_deadline = kDeadline;  // a slow machine is no finding
    disks_ = std::make_unique<VmDisks>(*loop_, disks, ceph_.get(), ceph_.get());
    disks_->set_hooks({[this](PoolId) { return &pool_; }, {}, [] { return own_addresses(); }});
    find_pool();
    run("/bin/bash", {MOLD_NANO_BUILD, dir_.file("nano.raw")});
    spec_.name = "nano-rbd";
    spec_.uuid = kUuid;
    spec_.memory_bytes = 4 << 20;
    spec_.disks = {{PoolId{1}, pool_.path + "/nano", "raw", dir_.file("nano.raw"), 0}};
    start_daemon();
    LibvirtHypervisor::Options options;
    options.connection.uri = uri();
    options.domain_type = "qemu";
    start(options);
    hypervisor_->set_pools([this](PoolId) { return &pool_; });
    ASSERT_TRUE(until([this] { return !lists_.empty(); })) << hypervisor_->trouble();
  }
  void TearDown() override {
    if (!hypervisor_) return;
    wait([&](auto done) { hypervisor_->destroy(ref(), done); });
    daemon_.cancel();
  }
  void find_pool() {
    CephCluster& cluster = CephCluster::get();
    pool_.id = PoolId{1};
    pool_.kind = core::PoolKind::kRbd;
    pool_.path = "rbd:" + cluster.env("POOL");
    pool_.source = cluster.env("MON_HOST");
    const port::CephAccess manager = contract::RealCephRig().fencer();  // with all its rights
    std::optional<port::CephStorage::Key> granted;
    ceph_->grant(manager, kUser, {manager.pool}, kDeadline, [&](auto key) { granted = key; });
    ASSERT_TRUE(until([&] { return granted.has_value(); }));
    ASSERT_EQ(granted->outcome, Outcome::kConfirmed) << granted->text;
    pool_.user = kUser;
    pool_.key = granted->key;
  }
  [[nodiscard]] std::string uri() const {
    return "qemu+unix:///system?socket=" + dir_.file("sock/libvirt-sock");
  }
  std::string run(const std::string& program, std::vector<std::string> arguments) {
    runtime::ChildSpec spec;
    spec.program = program;
    spec.args = std::move(arguments);
    spec.deadline = kDeadline;
    std::optional<Result<runtime::ChildResult>> result;
    const auto child = runtime::run_child(*loop_, spec, [&result](auto r) { result.emplace(r); });
    EXPECT_TRUE(until([&result] { return result.has_value(); }));
    EXPECT_TRUE(result && *result && (*result)->ok()) << program;
    return result && *result ? (*result)->out + (*result)->err : "";
  }
  void start_daemon() {
    runtime::ChildSpec spec;
    spec.program = "/bin/sh";
    spec.args = {MOLD_LIBVIRTD_SCRIPT, dir_.path()};
    spec.deadline = kAnHour;
    daemon_ = runtime::run_child(*loop_, spec, [](const auto&) {});
  }
  static port::VmRef ref() { return {VmId{7}, Generation{1}, kUuid}; }
  core::DiskReading read() {
    std::optional<core::DiskReading> reading;
    disks_->read(spec_, [&reading](core::DiskReading r) { reading = std::move(r); });
    EXPECT_TRUE(until([&reading] { return reading.has_value(); }));
    return reading.value_or(core::DiskReading{});
  }
  // What keeps the VM from going on; empty: nothing.
  std::string refusal(StartStep step) {
    const auto refused = core::judge_clients(step, spec_, read(), {});
    return refused ? refused->text : "";
  }
  std::string secrets() { return run("virsh", {"-c", uri(), "secret-list"}); }

  runtime::TempDir dir_;
  wire::PoolInfo pool_;
  core::VmSpec spec_;
  std::unique_ptr<ceph::CephTool> ceph_;
  std::unique_ptr<VmDisks> disks_;
  runtime::ChildHandle daemon_;
};

TEST_F(RbdTest, AGuestLivesOnAnImageAndNobodyElseMayStartIt) {
  const auto made = wait([&](auto done) { disks_->create(spec_, done); });
  ASSERT_EQ(made.outcome, Outcome::kConfirmed) << made.text;
  EXPECT_EQ(refusal(StartStep::kBeforeCreate), "");
  const auto created = wait([&](auto done) { hypervisor_->create_paused(ref(), spec_, done); });
  ASSERT_EQ(created.outcome, Outcome::kConfirmed) << created.text;
  EXPECT_EQ(refusal(StartStep::kBeforeResume), "");
  const auto resumed = wait([&](auto done) { hypervisor_->resume(ref(), done); });
  ASSERT_EQ(resumed.outcome, Outcome::kConfirmed) << resumed.text;
  ASSERT_TRUE(sees(Generation{1}, DomainPower::kRunning)) << seen();
  // A second start anywhere finds it.
  EXPECT_THAT(refusal(StartStep::kBeforeCreate), HasSubstr("is open at"));
  const auto kept = wait([&](auto done) { disks_->remove(spec_, done); });
  EXPECT_EQ(kept.error, ErrorKind::kConflict) << kept.text;

  const auto described = run("virsh", {"-c", uri(), "dumpxml", "--security-info", spec_.name});
  EXPECT_THAT(described, HasSubstr("protocol='rbd'"));
  EXPECT_THAT(described, Not(HasSubstr(pool_.key.reveal())));
  EXPECT_THAT(secrets(), HasSubstr(kUser));

  // A libvirtd that comes back has forgotten the key, and is told again.
  daemon_.cancel();
  ASSERT_TRUE(until([this] { return !hypervisor_->connected(); }));
  const std::size_t before = lists_.size();
  start_daemon();
  ASSERT_TRUE(until([&] { return lists_.size() > before && !lists_.back().ours.empty(); }));
  EXPECT_TRUE(until([this] { return secrets().find(kUser) != std::string::npos; }));

  const auto killed = wait([&](auto done) { hypervisor_->destroy(ref(), done); });
  EXPECT_EQ(killed.outcome, Outcome::kConfirmed) << killed.text;
  EXPECT_TRUE(until([this] { return refusal(StartStep::kBeforeCreate).empty(); }));
  const auto removed = wait([&](auto done) { disks_->remove(spec_, done); });
  EXPECT_EQ(removed.outcome, Outcome::kConfirmed) << removed.text;
}

}  // namespace
}  // namespace mold::agentd
