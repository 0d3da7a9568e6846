// The brain's actions reach hypervisor and link, and their answers reach the brain. The rules
// themselves are tested in tests/unit/core.
#include "agentd/brain_shell.h"

#include <gtest/gtest.h>

#include "tests/fakes/ceph/fake_ceph.h"
#include "tests/unit/agentd/board_double.h"

namespace mold::agentd {
namespace {

using core::Outcome;
using port::HypervisorResult;
using runtime::kPatience;
using runtime::TempDir;

class HypervisorDouble final : public port::Hypervisor {
 public:
  explicit HypervisorDouble(runtime::EventLoop& loop) : loop_(loop) {}
  void start(Events given) override { events = std::move(given); }
  void create_paused(const port::VmRef&, const core::VmSpec&, Done done) override {
    answer("create", std::move(done), true);
  }
  void resume(const port::VmRef&, Done done) override { answer("resume", std::move(done), true); }
  void shutdown(const port::VmRef&, Done done) override {
    answer("shutdown", std::move(done), true);
  }
  void destroy(const port::VmRef&, Done done) override {
    answer("destroy", std::move(done), false);
  }
  void reboot(const port::VmRef&, Done done) override { answer("reboot", std::move(done), true); }
  void reset(const port::VmRef&, Done done) override { answer("reset", std::move(done), true); }

  Events events;
  std::vector<std::string> calls;
  std::function<void(const std::string&)> on_call;

 private:
  void answer(const std::string& name, Done done, bool exists) {
    calls.push_back(name);
    if (on_call) on_call(name);
    loop_.post([done = std::move(done), exists] {
      done({Outcome::kConfirmed, exists, ErrorKind::kInternal, ""});
    });
  }
  runtime::EventLoop& loop_;
};

class BrainShellTest : public ::testing::Test {
 protected:
  BrainShellTest()
      : loop_(runtime::make_loop()),
        board_(dir_.file("leases")),
        leases_(dir_.file("leases")),
        hypervisor_(*loop_),
        ceph_(*loop_),
        disks_(*loop_, options(), &ceph_, &ceph_),
        shell_(*loop_, hypervisor_, disks_, leases_) {
    leases_.set_host(kThisHost);
    wire::PoolInfo pool;
    pool.id = PoolId{4};
    pool.uuid = kPoolA;
    pool.path = dir_.path();
    wire::PoolInfo rbd;
    rbd.id = PoolId{5};
    rbd.uuid = kPoolB;
    rbd.kind = core::PoolKind::kRbd;
    rbd.path = "rbd:vms";
    rbd.source = "fake";
    rbd.user = "h1";
    ceph_.cluster().add_pool("vms");
    ceph_.cluster().add_image("vms", "7", 4096);
    rbd.key = ceph_.cluster().add_user("h1", false, {"vms"});
    leases_.set_pools({pool, rbd});
    VmDisks::Hooks hooks;
    hooks.pool = [this](PoolId id) { return leases_.pool(id); };
    hooks.own_addresses = [this] { return own_; };
    disks_.set_hooks(std::move(hooks));
    board_.add_held_pool(kPoolA, loop_->now() + 600'000ms);
    board_.add_held_pool(kPoolB, loop_->now() + 600'000ms);
    board_.publish(loop_->now() + 500'000ms);
    shell_.start({[this](core::OrderResult result) { results_.push_back(std::move(result)); },
                  [this] { ++reports_; }, [this] { ++hellos_; }});
    hypervisor_.events.on_list({{}, 2});
    shell_.feed(core::SessionAccepted{Epoch{5}, 0});
  }
  static VmDisks::Options options() {
    VmDisks::Options out;
    out.files.tag = "tag";
    out.clients_deadline = Duration{200};
    return out;
  }
  core::Order rbd_order() {
    core::Order out = order(core::OrderKind::kStartVm, 2);
    out.spec.disks = {{PoolId{5}, "rbd:vms/7", "raw", "", 4096}};
    return out;
  }
  // Somebody opens the image; its address.
  std::string open_image() {
    auto& cluster = ceph_.cluster();
    const std::string client = cluster.connect("h1", cluster_key()).value();
    EXPECT_EQ(cluster.open(client, "vms", "7"), 0);
    return client;
  }
  Secret cluster_key() { return leases_.pools()[1].key; }
  core::Order order(core::OrderKind kind, std::uint64_t op) {
    core::Order out;
    out.kind = kind;
    out.op = OpId{op};
    out.epoch = Epoch{5};
    out.vm = VmId{7};
    out.generation = Generation{3};
    out.spec.name = "vm";
    out.spec.uuid = kPoolB;
    out.spec.memory_bytes = 4096;
    out.spec.disks = {{PoolId{4}, dir_.file("disk"), "raw", "", 4096}};
    return out;
  }
  core::OrderResult carried_out(const core::Order& given) {
    const std::size_t before = results_.size();
    shell_.feed(core::OrderArrived{given});
    EXPECT_TRUE(loop_->run_until([&] { return results_.size() > before; }, kPatience));
    return results_.empty() ? core::OrderResult{} : results_.back();
  }

  TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  BoardDouble board_;
  LeaseWatch leases_;
  HypervisorDouble hypervisor_;
  fakes::FakeCeph ceph_;
  std::vector<std::string> own_ = {"127.0.0.1"};
  VmDisks disks_;
  BrainShell shell_;
  std::vector<core::OrderResult> results_;
  int reports_ = 0;
  int hellos_ = 0;
};

TEST_F(BrainShellTest, TheFirstListOpensTheWayToAHello) {
  EXPECT_EQ(hellos_, 1);
  EXPECT_TRUE(shell_.brain().ready());
  EXPECT_EQ(shell_.foreign_domains(), 2U);
}

TEST_F(BrainShellTest, ADiskIsMadeAVmStartsAndIsKilled) {
  EXPECT_EQ(carried_out(order(core::OrderKind::kCreateDisk, 1)).outcome, Outcome::kConfirmed);
  EXPECT_TRUE(runtime::file_exists(dir_.file("disk")));
  EXPECT_EQ(carried_out(order(core::OrderKind::kStartVm, 2)).outcome, Outcome::kConfirmed);
  EXPECT_EQ(hypervisor_.calls, (std::vector<std::string>{"create", "resume"}));
  ASSERT_EQ(shell_.brain().vms().size(), 1U);
  EXPECT_EQ(shell_.brain().vms()[0].power, core::DomainPower::kRunning);
  const core::OrderResult killed = carried_out(order(core::OrderKind::kKillVm, 3));
  EXPECT_EQ(killed.outcome, Outcome::kConfirmed);
  EXPECT_TRUE(killed.gone);
  EXPECT_EQ(carried_out(order(core::OrderKind::kDeleteDisk, 4)).outcome, Outcome::kConfirmed);
  EXPECT_FALSE(runtime::file_exists(dir_.file("disk")));
}

TEST_F(BrainShellTest, DisksOutsideOfTheirPoolAreRefused) {
  for (const auto kind :
       {core::OrderKind::kCreateDisk, core::OrderKind::kDeleteDisk, core::OrderKind::kStartVm}) {
    core::Order bad = order(kind, 1);
    bad.spec.disks[0].path = "/etc/passwd";
    EXPECT_EQ(carried_out(bad).outcome, Outcome::kFailed);
  }
  EXPECT_TRUE(runtime::file_exists("/etc/passwd"));
  EXPECT_TRUE(hypervisor_.calls.empty());
}

TEST_F(BrainShellTest, AnImageThatNobodyElseHasOpenLetsItsVmStart) {
  hypervisor_.on_call = [this](const std::string& call) {
    if (call == "create") open_image();  // as QEMU does, paused or not
  };
  const core::OrderResult started = carried_out(rbd_order());
  EXPECT_EQ(started.outcome, Outcome::kConfirmed) << started.text;
  EXPECT_EQ(hypervisor_.calls, (std::vector<std::string>{"create", "resume"}));
  EXPECT_EQ(ceph_.asked(), (std::vector<std::string>{"clients", "clients"}));
}

TEST_F(BrainShellTest, AForeignClientKeepsItFromStarting) {
  const std::string client = open_image();
  const core::OrderResult refused = carried_out(rbd_order());
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.error, ErrorKind::kConflict);
  EXPECT_TRUE(refused.gone);
  EXPECT_NE(refused.text.find(client), std::string::npos) << refused.text;
  EXPECT_TRUE(hypervisor_.calls.empty());
}

TEST_F(BrainShellTest, AForeignClientBeforeTheResumeUndoesTheStart) {
  hypervisor_.on_call = [this](const std::string& call) {
    if (call != "create") return;
    open_image();
    open_image();
  };
  const core::OrderResult refused = carried_out(rbd_order());
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.error, ErrorKind::kConflict);
  EXPECT_EQ(hypervisor_.calls, (std::vector<std::string>{"create", "destroy"}));
}

TEST_F(BrainShellTest, AClusterThatDoesNotAnswerStartsNothing) {
  ceph_.set_lag(Duration{400});
  const core::OrderResult refused = carried_out(rbd_order());
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_EQ(refused.error, ErrorKind::kTimeout) << refused.text;
  EXPECT_TRUE(hypervisor_.calls.empty());
}

TEST_F(BrainShellTest, AnImageOutsideOfItsPoolIsRefused) {
  core::Order bad = rbd_order();
  bad.spec.disks[0].path = "rbd:vms/../other/7";
  EXPECT_EQ(carried_out(bad).outcome, Outcome::kFailed);
  EXPECT_TRUE(ceph_.asked().empty());
}

TEST_F(BrainShellTest, WithoutALeaseNothingStarts) {
  board_.pool(0).head.state = static_cast<std::uint8_t>(heartbeat::LeaseState::kLost);
  board_.publish(loop_->now() + 500'000ms);
  const core::OrderResult refused = carried_out(order(core::OrderKind::kStartVm, 2));
  EXPECT_EQ(refused.outcome, Outcome::kFailed);
  EXPECT_TRUE(refused.gone);
  EXPECT_TRUE(hypervisor_.calls.empty());
}

TEST_F(BrainShellTest, ALostLeaseVoidsTheSessionByItself) {
  board_.head().incarnation = 1;
  board_.publish(loop_->now() + 500'000ms);
  EXPECT_TRUE(loop_->run_until([this] { return hellos_ == 2; }, kPatience));
}

TEST_F(BrainShellTest, ACrashUnderALostLeaseIsASelfFence) {
  carried_out(order(core::OrderKind::kStartVm, 2));
  board_.pool(0).head.state = static_cast<std::uint8_t>(heartbeat::LeaseState::kLost);
  board_.publish(loop_->now() + 500'000ms);
  leases_.refresh();
  hypervisor_.events.on_domain(
      {VmId{7}, kPoolB, Generation{3}, core::DomainPower::kGone, core::GoneReason::kCrashed});
  ASSERT_EQ(shell_.brain().vms().size(), 1U);
  EXPECT_EQ(shell_.brain().vms()[0].gone_reason, core::GoneReason::kSelfFenced);
  EXPECT_GE(reports_, 1);
}

}  // namespace
}  // namespace mold::agentd
