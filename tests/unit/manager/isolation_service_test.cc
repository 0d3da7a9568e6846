// What the brain wants of Ceph is done on Ceph, and what it is told was read there.
#include "manager/storage/isolation_service.h"

#include <algorithm>
#include <variant>

#include "manager/storage/pool_kind.h"
#include "tests/unit/manager/ceph_ground.h"

namespace mold::manager::test {
namespace {

using core::IsolationVerb;
using core::Outcome;

class IsolationServiceTest : public CephGround {
 protected:
  static constexpr Duration kGrantDeadline{1'000};
  void SetUp() override {
    CephGround::SetUp();
    pool = add_pool("vms");
    PoolKeys::Options options;
    options.look_every = 10ms;
    options.deadline = kGrantDeadline;
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
  PoolId add_pool(const std::string& name) {
    const PoolRecord made = add_pool_record(name);
    world.engine->submit(core::PoolAdded{core_pool(made)});
    return made.id;
  }
  void make_service(port::CephStorage* to, std::size_t images_at_once = 200) {
    IsolationService::Options options;
    options.look_every = 10ms;
    options.images_at_once = images_at_once;
    service.reset();
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
  std::string qemu(const std::string& image, const std::string& on = "vms") {
    if (ceph->cluster().find_image(on, image) == nullptr)
      ceph->cluster().add_image(on, image, 1 << 20);
    const auto client = ceph->cluster().connect(key().user, key().key);
    EXPECT_TRUE(client);
    EXPECT_EQ(ceph->cluster().open(*client, on, image), 0);
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
    request.expiry = 180 * 86'400s;
    request.deadline = 5s;
    const std::size_t before = answers.size();
    service->request(request);
    EXPECT_EQ(answers.size(), before) << "never inside the call";
    EXPECT_TRUE(until([&] { return answers.size() > before; }));
    EXPECT_EQ(answers.back().op, request.op);
    return answers.back();
  }
  // A VM with these images ("pool/image"), running on host 1 as the brain knows it.
  VmId running_vm(const std::vector<std::string>& images, VmId id = VmId{7}) {
    if (world.engine->state().hosts.at(h1).epoch == core::Host{}.epoch)
      world.engine->submit(world.hello(h1, 1));
    core::Vm vm;
    vm.id = id;
    vm.cluster = world.cluster;
    vm.spec.memory_bytes = 1;
    for (const std::string& image : images) {
      core::Disk disk;
      disk.path = "rbd:" + image;
      disk.pool = image.starts_with("vms/") ? pool : more;
      vm.spec.disks.push_back(disk);
    }
    world.engine->submit(world.beat(h1, world.engine->state().hosts.at(h1).epoch));
    const std::size_t before = world.orders.size();
    world.engine->submit(core::VmDeployed{vm, JobId{}, true});
    for (std::size_t orders = before; orders < before + 2; ++orders) {  // disk, start
      EXPECT_TRUE(until([&] { return world.orders.size() > orders; }));
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
  bool seen(VmId vm) {
    return std::any_of(sights.begin(), sights.end(),
                       [vm](const core::ClientsSeen& sight) { return sight.vm == vm; });
  }

  std::unique_ptr<PoolKeys> keys;
  std::unique_ptr<IsolationService> service;
  PoolId pool;
  PoolId more;  // only where a test adds it
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

TEST_F(IsolationServiceTest, RenewalsAndRepeatsTakeNobodyOffWhileTheEntryWillDo) {
  const std::string known = qemu("a");
  int gaps = 0;
  ceph->cluster().on_unlisted = [&gaps](const std::string&) { ++gaps; };
  ASSERT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kConfirmed);
  const Duration day = 86'400s;
  for (int months = 0; months < 9; ++months) {
    ceph->cluster().advance(30 * day);
    ASSERT_EQ(ask(IsolationVerb::kRenew, {known}).outcome, Outcome::kConfirmed);
    ASSERT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kConfirmed);
  }
  EXPECT_EQ(gaps, 0);
  ceph->cluster().advance(30 * day);
  ASSERT_EQ(ask(IsolationVerb::kRenew, {known}).outcome, Outcome::kConfirmed);
  EXPECT_EQ(gaps, 1) << "less than half is left";
  EXPECT_GT(ceph->cluster().left(known).value_or(0s), 364 * day);
}

TEST_F(IsolationServiceTest, ARenewalSeesThatAccessIsBackAndAnEvictionDoesNotAsk) {
  const std::string known = qemu("a");
  EXPECT_EQ(ask(IsolationVerb::kEvict, {known}).outcome, Outcome::kConfirmed) << "it has access";
  ASSERT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kConfirmed);
  EXPECT_EQ(ask(IsolationVerb::kRenew, {known}).outcome, Outcome::kConfirmed);
  ceph->cluster().add_user(key().user, false, {"vms"});  // a grant that landed late
  const auto answer = ask(IsolationVerb::kRenew, {known});
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_NE(answer.text.find("has access again"), std::string::npos) << answer.text;
}

TEST_F(IsolationServiceTest, MonitorsThatHangLeaveNothingInDoubt) {
  const std::string known = qemu("a");
  ceph->cluster().mons_frozen = true;
  const auto answer = ask(IsolationVerb::kIsolate, {known}, {"a"});
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_TRUE(answer.listed.empty());
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
  const VmId vm = running_vm({"vms/a", "vms/b"});
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

TEST_F(IsolationServiceTest, AVmOnTwoPoolsIsSeenOnceBothWereRead) {
  more = add_pool("more");
  const VmId vm = running_vm({"vms/a", "more/b"});
  ASSERT_TRUE(until([this] { return ceph->cluster().users.at(key().user).pools.size() == 2; }));
  const std::string first = qemu("a");
  world.turn_for(100ms);
  EXPECT_FALSE(seen(vm));
  const std::string second = qemu("b", "more");
  ASSERT_TRUE(until([&] { return seen(vm); }));
  EXPECT_EQ(sights.back().clients.size(), 2U);
}

TEST_F(IsolationServiceTest, APoolThatHangsKeepsNoOtherFromBeingRead) {
  more = add_pool("more");
  ASSERT_TRUE(until([this] { return ceph->cluster().users.at(key().user).pools.size() == 2; }));
  ceph->cluster().frozen_pools.insert("more");
  running_vm({"more/x"}, VmId{5});
  qemu("a");
  world.turn_for(50ms);  // the reading of "more" hangs by now
  const VmId vm = running_vm({"vms/a"});
  EXPECT_TRUE(world.loop->run_until([&] { return seen(vm); }, 2s));
}

TEST_F(IsolationServiceTest, AnImageThatCannotBeReadKeepsNoOtherFromBeingSeen) {
  qemu("x");
  qemu("a");
  ceph->cluster().unreadable_images.insert("x");
  const VmId odd = running_vm({"vms/x"}, VmId{5});
  const VmId vm = running_vm({"vms/a"});
  EXPECT_TRUE(until([&] { return seen(vm); }));
  EXPECT_FALSE(seen(odd));
}

TEST_F(IsolationServiceTest, VmsTakeTurnsAlsoBehindOneThatNobodyHasOpen) {
  make_service(ceph.get(), 1);
  ceph->cluster().add_image("vms", "x", 1 << 20);
  qemu("a");
  const VmId closed = running_vm({"vms/x"}, VmId{5});
  const VmId vm = running_vm({"vms/a"});
  EXPECT_TRUE(until([&] { return seen(vm); }));
  EXPECT_FALSE(seen(closed));
}

TEST_F(IsolationServiceTest, AGrantWithoutAnAnswerIsWaitedForUntilItsTimeIsOver) {
  const std::string known = qemu("a");
  ceph->lose_next_answer("grant");
  keys->give_back(h1, pool, [](const port::CephAnswer&) {});
  ASSERT_TRUE(keys->granting(h1));
  const Instant asked = world.loop->now();
  world.turn_for(50ms);
  EXPECT_EQ(ceph->under_way(), 0) << "it was answered";
  EXPECT_TRUE(keys->granting(h1)) << "it may still land";
  taken = "isolated";
  ASSERT_EQ(ask(IsolationVerb::kIsolate, {known}, {"a"}).outcome, Outcome::kConfirmed);
  EXPECT_GE(world.loop->now() - asked, kGrantDeadline);
}

}  // namespace
}  // namespace mold::manager::test
