// What the brain wants of Ceph is done on Ceph, and what it is told was read there.
#include "manager/storage/isolation_service.h"

#include <algorithm>
#include <variant>

#include "lib/runtime/files.h"
#include "manager/storage/pool_kind.h"
#include "tests/fakes/ceph/fake_ceph.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

using core::IsolationVerb;
using core::Outcome;

class IsolationServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    world.make_ground();
    box.emplace(*SecretBox::open(world.dir.path()));
    ceph = std::make_unique<fakes::FakeCeph>(*world.loop);
    ceph->cluster().add_pool("vms");
    access = ceph->cluster().add_user("mold", true, {"vms"});
    h1 = world.add_host("h1");
    PoolRecord record;
    record.uuid = runtime::new_uuid();
    record.cluster = world.cluster;
    record.name = "vms";
    record.kind = core::PoolKind::kRbd;
    record.path = "rbd:vms";
    record.source = "fake";
    record.user = "mold";
    record.sealed_key = *box->seal_pool_key(record.uuid, access);
    record.ceph_fsid = ceph->cluster().fsid;
    const auto made = world.inventory->create(std::move(record));
    ASSERT_TRUE(made) << made.error().text();
    pool = made->id;
    world.engine->submit(core::PoolAdded{core_pool(*made)});
    PoolKeys::Options options;
    options.look_every = 10ms;
    options.taken = [this](HostId, PoolId) { return taken; };
    keys = std::make_unique<PoolKeys>(*world.loop, *world.engine, *world.inventory, *box,
                                      ceph.get(), world.pool_keys, std::move(options));
    keys->start();
    ASSERT_TRUE(until([this] { return !key().user.empty(); }));
    make_service(ceph.get());
  }
  void TearDown() override {
    service.reset();
    keys.reset();
  }
  void make_service(port::CephStorage* to) {
    IsolationService::Options options;
    options.look_every = 10ms;
    service = std::make_unique<IsolationService>(
        *world.loop, *world.engine, *world.inventory, *keys, to,
        [this](const core::Event& event) {
          if (const auto* answer = std::get_if<core::IsolationAnswered>(&event))
            answers.push_back(*answer);
          if (const auto* seen = std::get_if<core::ClientsSeen>(&event)) sights.push_back(*seen);
        },
        options);
    service->start();
  }
  bool until(const std::function<bool()>& condition) {
    return world.loop->run_until(condition, 10s);
  }
  HostKey key() const {
    return keys->key_of(*world.inventory->hosts().find(h1), *world.inventory->pools().find(pool));
  }
  // A QEMU of host 1 that has an image open.
  std::string qemu(const std::string& image) {
    if (ceph->cluster().find_image("vms", image) == nullptr)
      ceph->cluster().add_image("vms", image, 1 << 20);
    const auto client = ceph->cluster().connect(key().user, key().key);
    EXPECT_TRUE(client);
    EXPECT_EQ(ceph->cluster().open(*client, "vms", image), 0);
    return *client;
  }
  core::IsolationAnswered ask(IsolationVerb verb, std::vector<std::string> clients,
                              std::vector<std::string> images = {}) {
    core::RequestIsolation request;
    request.op = OpId{++ops};
    request.host = h1;
    request.pool = pool;
    request.verb = verb;
    request.clients = std::move(clients);
    request.images = std::move(images);
    request.expiry = 3'600s;
    request.deadline = 5s;
    const std::size_t before = answers.size();
    service->request(request);
    EXPECT_EQ(answers.size(), before) << "never inside the call";
    EXPECT_TRUE(until([&] { return answers.size() > before; }));
    EXPECT_EQ(answers.back().op, request.op);
    return answers.back();
  }
  // A VM with these images, running on host 1 as the brain knows it.
  VmId running_vm(const std::vector<std::string>& images) {
    core::HelloReceived hello = world.hello(h1, 1);
    world.engine->submit(hello);
    core::Vm vm;
    vm.id = VmId{7};
    vm.cluster = world.cluster;
    vm.spec.memory_bytes = 1;
    for (const std::string& image : images) {
      core::Disk disk;
      disk.pool = pool;
      disk.path = "rbd:vms/" + image;
      vm.spec.disks.push_back(disk);
    }
    world.engine->submit(world.beat(h1, world.engine->state().hosts.at(h1).epoch));
    world.engine->submit(core::VmDeployed{vm, JobId{}, true});
    for (int orders = 0; orders < 2; ++orders) {  // disk, start
      EXPECT_TRUE(until([&] { return world.orders.size() > static_cast<std::size_t>(orders); }));
      const core::Order order = world.orders.back();
      core::OrderResult result;
      result.op = order.op;
      result.vm = order.vm;
      result.generation = order.generation;
      result.outcome = Outcome::kConfirmed;
      world.engine->submit(core::OrderAnswered{order.host, result});
    }
    EXPECT_EQ(world.engine->state().vms.at(vm.id).state, core::VmState::kRunning);
    return vm.id;
  }

  World world;
  std::optional<SecretBox> box;
  std::unique_ptr<fakes::FakeCeph> ceph;
  std::unique_ptr<PoolKeys> keys;
  std::unique_ptr<IsolationService> service;
  Secret access;
  HostId h1;
  PoolId pool;
  std::string taken;
  std::uint64_t ops = 0;
  std::vector<core::IsolationAnswered> answers;
  std::vector<core::ClientsSeen> sights;
};

TEST_F(IsolationServiceTest, AnIsolatedHostWritesNoMoreAndOpensNothing) {
  const std::string known = qemu("a");
  const std::string found = qemu("b");
  const auto answer = ask(IsolationVerb::kIsolate, {known}, {"a", "b"});
  ASSERT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.listed.size(), 2U);
  EXPECT_TRUE(std::is_sorted(answer.listed.begin(), answer.listed.end()));
  EXPECT_LT(ceph->cluster().write(known, "vms", "a"), 0);
  EXPECT_LT(ceph->cluster().write(found, "vms", "b"), 0);
  const auto again = ceph->cluster().connect(key().user, key().key);
  EXPECT_TRUE(!again || ceph->cluster().open(*again, "vms", "a") != 0);
}

TEST_F(IsolationServiceTest, ALiftGivesAccessBackAndLeavesWhatOthersListed) {
  const std::string known = qemu("a");
  ceph->cluster().list("10.9.9.9:0/1", 3'600s);
  ASSERT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kConfirmed);
  ASSERT_EQ(ask(IsolationVerb::kLift, {known}).outcome, Outcome::kConfirmed);
  EXPECT_FALSE(ceph->cluster().is_listed(known));
  EXPECT_TRUE(ceph->cluster().is_listed("10.9.9.9:0/1"));
  const auto again = ceph->cluster().connect(key().user, key().key);
  ASSERT_TRUE(again);
  EXPECT_EQ(ceph->cluster().open(*again, "vms", "a"), 0);
}

TEST_F(IsolationServiceTest, ARenewalPutsTheEndOff) {
  const std::string known = qemu("a");
  ASSERT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kConfirmed);
  ceph->cluster().advance(3'000s);
  ASSERT_EQ(ask(IsolationVerb::kRenew, {known}).outcome, Outcome::kConfirmed);
  EXPECT_GT(ceph->cluster().left(known).value_or(0s), 3'000s);
}

TEST_F(IsolationServiceTest, MonitorsThatHangEndAsUnknown) {
  const std::string known = qemu("a");
  ceph->cluster().mons_frozen = true;
  ceph->set_lag(0ms);
  EXPECT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kUnknown);
}

TEST_F(IsolationServiceTest, WithoutKeysNobodyIsLockedOutAndThatIsSaid) {
  PoolRecord record = *world.inventory->pools().find(pool);
  record.cephx = false;
  ASSERT_TRUE(world.inventory->update(record));
  const auto answer = ask(IsolationVerb::kIsolate, {"10.0.0.1:0/1"}, {"a"});
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_NE(answer.text.find("no keys"), std::string::npos) << answer.text;
}

TEST_F(IsolationServiceTest, WithoutCephEveryRequestFailsAndSaysWhy) {
  make_service(nullptr);
  const auto answer = ask(IsolationVerb::kIsolate, {"10.0.0.1:0/1"});
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_FALSE(answer.text.empty());
}

TEST_F(IsolationServiceTest, ClientsOfARunningVmAreSeenOnceAllItsDisksAreOpen) {
  const VmId vm = running_vm({"a", "b"});
  const std::string first = qemu("a");
  ceph->cluster().add_image("vms", "b", 1 << 20);
  world.turn_for(100ms);
  EXPECT_TRUE(sights.empty()) << "nobody has b open";
  const std::string second = qemu("b");
  ASSERT_TRUE(until([this] { return !sights.empty(); }));
  EXPECT_EQ(sights[0].vm, vm);
  EXPECT_EQ(sights[0].generation, world.engine->state().vms.at(vm).generation);
  std::vector<std::string> both{first, second};
  std::sort(both.begin(), both.end());
  EXPECT_EQ(sights[0].clients, both);
}

}  // namespace
}  // namespace mold::manager::test
