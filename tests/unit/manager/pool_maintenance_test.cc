// Maintenance of a pool: its VMs are stopped first, a restart of the manager goes on, and what was
// stopped is started again.
#include "manager/storage/pool_maintenance.h"

#include "manager/storage/pool_kind.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

class PoolMaintenanceTest : public testing::Test {
 protected:
  void SetUp() override {
    world.policy.job_deadline = 400ms;
    world.restart();
    world.make_ground();
    world.engine->start();
    host = world.add_host("h1");
    world.engine->submit(world.hello(host, 1));
    beat();
    pool = add_pool("p1");
    vm = add_vm("web1");
    make_maintenance();
  }
  void TearDown() override { maintenance.reset(); }
  void make_maintenance() {
    PoolMaintenance::Options options;
    options.look_every = 5ms;
    options.patience = 50ms;
    options.reach = [this](const PoolRecord&) { return reach; };
    maintenance = std::make_unique<PoolMaintenance>(*world.loop, *world.engine, *world.inventory,
                                                    std::move(options));
    maintenance->start();
  }
  void beat() {
    world.engine->submit(world.beat(host, world.engine->state().hosts.at(host).epoch));
  }
  PoolId add_pool(const std::string& name) {
    const auto made = world.inventory->create(
        PoolRecord{.cluster = world.cluster, .name = name, .path = "/srv/" + name});
    world.engine->submit(core::PoolAdded{core_pool(*made)});
    return made->id;
  }
  VmId add_vm(const std::string& name) {
    const auto offering =
        world.inventory->create(ServiceOffering{.name = name, .memory_bytes = 64ULL << 20});
    const auto tmpl =
        world.inventory->create(Template{.name = name, .path = "/t", .account = world.account});
    VmRecord record;
    record.name = name;
    record.account = world.account;
    record.cluster = world.cluster;
    record.offering = offering->id;
    record.template_id = tmpl->id;
    record.pool = pool;
    const auto made = world.inventory->create(record);
    EXPECT_TRUE(made) << made.error().text();
    core::VmDeployed deployed;
    deployed.vm.id = made->id;
    deployed.vm.cluster = world.cluster;
    deployed.vm.spec.uuid = made->uuid;
    deployed.vm.spec.disks.push_back({.pool = pool, .path = "/srv/p1/d"});
    deployed.job = world.engine->open_job({.command = "deployVirtualMachine"})->id;
    world.engine->submit(deployed);
    until_ordered(core::OrderKind::kCreateDisk);
    answer(false);
    until_ordered(core::OrderKind::kStartVm);
    answer(false);
    EXPECT_EQ(brain_vm(made->id).state, core::VmState::kRunning);
    return made->id;
  }
  const core::Vm& brain_vm(VmId id) const { return world.engine->state().vms.at(id); }
  bool until_ordered(core::OrderKind kind) {
    const bool came = world.loop->run_until(
        [&] {
          beat();
          return !world.orders.empty() && world.orders.back().kind == kind;
        },
        5s);
    EXPECT_TRUE(came) << static_cast<int>(kind);
    return came;
  }
  void answer(bool gone) {
    const core::Order& order = world.orders.back();
    core::OrderAnswered answered;
    answered.host = order.host;
    answered.result.op = order.op;
    answered.result.vm = order.vm;
    answered.result.generation = order.generation;
    answered.result.outcome = core::Outcome::kConfirmed;
    answered.result.gone = gone;
    world.engine->submit(answered);
  }
  const PoolRecord& record() const { return *world.inventory->pools().find(pool); }
  PoolMaintenance::Done noted() {
    return [this](const Status& status) { ended = status; };
  }
  bool until_ended() {
    return world.loop->run_until(
        [&] {
          beat();
          return ended.has_value();
        },
        5s);
  }

  World world;
  HostId host;
  PoolId pool;
  VmId vm;
  PoolReach reach{1, 1};
  std::optional<Status> ended;
  std::unique_ptr<PoolMaintenance> maintenance;
};

TEST_F(PoolMaintenanceTest, StopsTheVmsFirstAndStartsThemAfterwards) {
  ASSERT_TRUE(maintenance->prepare(pool, noted()));
  EXPECT_EQ(record().state, PoolState::kPrepareForMaintenance);
  EXPECT_FALSE(world.engine->state().pools.at(pool).admits_vms);
  EXPECT_EQ(maintenance->prepare(pool, {}).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(maintenance->cancel(pool, {}).error().kind, ErrorKind::kConflict);
  until_ordered(core::OrderKind::kStopVm);
  EXPECT_FALSE(ended);
  answer(true);
  ASSERT_TRUE(until_ended());
  EXPECT_TRUE(*ended);
  EXPECT_EQ(record().state, PoolState::kMaintenance);
  EXPECT_FALSE(world.engine->state().pools.at(pool).heartbeat);

  ended.reset();
  reach = {1, 0};
  ASSERT_TRUE(maintenance->cancel(pool, noted()));
  EXPECT_EQ(record().state, PoolState::kUp);
  world.turn_for(50ms);
  EXPECT_FALSE(ended) << "no host has it yet";
  EXPECT_EQ(brain_vm(vm).desired, core::Desired::kStopped);
  reach = {1, 1};
  ASSERT_TRUE(until_ended());
  EXPECT_TRUE(*ended);
  EXPECT_TRUE(record().stopped_vms.empty());
  until_ordered(core::OrderKind::kStartVm);
}

TEST_F(PoolMaintenanceTest, AVmThatDoesNotStopIsNotForgotten) {
  ASSERT_TRUE(maintenance->prepare(pool, noted()));
  ASSERT_TRUE(until_ended());
  ASSERT_FALSE(*ended);
  EXPECT_EQ(ended->error().kind, ErrorKind::kUnavailable);
  EXPECT_NE(ended->error().what.find("web1"), std::string::npos) << ended->error().what;
  EXPECT_EQ(record().state, PoolState::kErrorInMaintenance);
  EXPECT_TRUE(world.engine->state().pools.at(pool).heartbeat) << "it may still write there";
  EXPECT_FALSE(world.engine->state().pools.at(pool).admits_vms);
  // Tried again; this time it goes.
  ended.reset();
  ASSERT_TRUE(maintenance->prepare(pool, noted()));
  until_ordered(core::OrderKind::kStopVm);
  answer(true);
  ASSERT_TRUE(until_ended());
  EXPECT_TRUE(*ended);
  EXPECT_EQ(record().stopped_vms.size(), 1U) << "remembered from the first try";
}

TEST_F(PoolMaintenanceTest, ARestartGoesOn) {
  ASSERT_TRUE(maintenance->prepare(pool, noted()));
  until_ordered(core::OrderKind::kStopVm);
  ASSERT_TRUE(world.settle());
  maintenance.reset();
  world.restart();
  world.engine->start();
  ASSERT_EQ(record().state, PoolState::kPrepareForMaintenance);
  make_maintenance();
  world.engine->submit(world.hello(host, 2));  // complete: nothing runs there
  ASSERT_TRUE(world.loop->run_until([&] { return record().state == PoolState::kMaintenance; }, 5s));
  EXPECT_EQ(record().stopped_vms.size(), 1U);
}

TEST_F(PoolMaintenanceTest, NothingIsPlacedOnItMeanwhile) {
  ASSERT_TRUE(maintenance->prepare(pool, noted()));
  until_ordered(core::OrderKind::kStopVm);
  answer(true);
  ASSERT_TRUE(until_ended());
  const auto job = world.engine->open_job({.command = "startVirtualMachine"});
  core::VmRequested start;
  start.vm = vm;
  start.wish = core::VmWish::kStart;
  start.job = job->id;
  const std::size_t before = world.orders.size();
  world.engine->submit(start);
  beat();
  world.turn_for(30ms);
  EXPECT_EQ(world.orders.size(), before);
  EXPECT_EQ(brain_vm(vm).reason, "its storage pool p1 is in maintenance");
}

TEST_F(PoolMaintenanceTest, WhoStaysStoppedIsNotStarted) {
  ASSERT_TRUE(maintenance->prepare(pool, noted()));
  until_ordered(core::OrderKind::kStopVm);
  answer(true);
  ASSERT_TRUE(until_ended());
  core::VmRequested destroy;
  destroy.vm = vm;
  destroy.wish = core::VmWish::kDestroy;
  destroy.job = world.engine->open_job({.command = "destroyVirtualMachine"})->id;
  world.engine->submit(destroy);
  ended.reset();
  ASSERT_TRUE(maintenance->cancel(pool, noted()));
  ASSERT_TRUE(until_ended());
  EXPECT_NE(brain_vm(vm).desired, core::Desired::kRunning);
}

}  // namespace
}  // namespace mold::manager::test
