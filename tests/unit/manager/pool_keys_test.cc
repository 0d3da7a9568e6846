// Ceph users of hosts: asked for until they are there, kept sealed, told to their host alone, and
// never given back to a host that is being cut off.
#include "manager/storage/pool_keys.h"

#include "tests/unit/manager/ceph_ground.h"

namespace mold::manager::test {
namespace {

class PoolKeysTest : public CephGround {
 protected:
  void SetUp() override {
    CephGround::SetUp();
    h2 = world.add_host("h2");
    make_keys();
  }
  void TearDown() override { keys.reset(); }
  void make_keys() {
    PoolKeys::Options options;
    options.look_every = 10ms;
    options.deadline = 50ms;
    options.retry_first = 20ms;
    options.retry_last = 40ms;
    options.taken = [this](HostId host, PoolId) { return host == cut_off ? "cut off" : ""; };
    keys = std::make_unique<PoolKeys>(*world.loop, *world.engine, *world.inventory, *box,
                                      ceph.get(), world.pool_keys, std::move(options));
    world.registry->set_host_keys([this](const HostRecord& host, const PoolRecord& pool) {
      return keys->key_of(host, pool);
    });
    keys->start();
  }
  PoolId add_pool(const std::string& name) { return add_pool_record(name).id; }
  const HostRecord& host(HostId id) const { return *world.inventory->hosts().find(id); }
  const PoolRecord& pool(PoolId id) const { return *world.inventory->pools().find(id); }
  HostKey key(HostId of, PoolId on) const { return keys->key_of(host(of), pool(on)); }
  bool until_keyed(HostId of, PoolId on) {
    return world.loop->run_until([&] { return !key(of, on).user.empty(); }, 5s);
  }
  std::size_t grants() const {
    const auto& asked = ceph->asked();
    return static_cast<std::size_t>(std::count(asked.begin(), asked.end(), "grant"));
  }

  void delete_pool(PoolId id) {
    keys->before_removal(pool(id));
    ASSERT_TRUE(world.inventory->remove(id));
  }
  void restart() {
    ASSERT_TRUE(world.settle());
    keys.reset();
    world.restart();
    make_keys();
  }
  bool has_user(const std::string& user) const { return ceph->cluster().users.contains(user); }
  std::string leaver_text() const {
    for (const CephUser& user : keys->users()) {
      if (user.leaving) return user.text;
    }
    return {};
  }

  std::unique_ptr<PoolKeys> keys;
  HostId h2;
  HostId cut_off;
};

TEST_F(PoolKeysTest, EachHostGetsItsOwnAndIsToldOfItAlone) {
  const PoolId vms = add_pool("vms");
  const std::uint64_t version = world.inventory->pools_version();
  EXPECT_FALSE(keys->state_of(host(h1), pool(vms)).has_key);
  ASSERT_TRUE(until_keyed(h1, vms) && until_keyed(h2, vms));
  EXPECT_GT(world.inventory->pools_version(), version) << "hosts are to fetch the list";
  EXPECT_EQ(key(h1, vms).user, "mold-host-" + host(h1).uuid);
  EXPECT_FALSE(key(h1, vms).key == key(h2, vms).key);
  const auto told = world.registry->pools_for(h1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, core::PoolKind::kRbd);
  EXPECT_EQ(told[0].path, "rbd:vms");
  EXPECT_EQ(told[0].source, "fake");
  EXPECT_EQ(told[0].user, "mold-host-" + host(h1).uuid);
  EXPECT_TRUE(told[0].key == key(h1, vms).key);
  EXPECT_TRUE(keys->state_of(host(h1), pool(vms)).has_key);
}

TEST_F(PoolKeysTest, ARestartNeedsNoCeph) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms) && until_keyed(h2, vms));
  const Secret before = key(h1, vms).key;
  ASSERT_TRUE(world.settle());
  keys.reset();
  const std::size_t asked = grants();
  world.restart();
  ceph->cluster().mons_frozen = true;
  make_keys();
  EXPECT_TRUE(key(h1, vms).key == before);
  world.turn_for(50ms);
  EXPECT_EQ(grants(), asked);
}

TEST_F(PoolKeysTest, AskedAgainUntilItIsThere) {
  ceph->fail_next("grant", {core::Outcome::kUnknown, ErrorKind::kTimeout, "no monitor answered"});
  ASSERT_TRUE(world.inventory->remove(h2));
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(world.loop->run_until([&] { return grants() == 1; }, 5s));
  ASSERT_TRUE(world.loop->run_until(
      [&] { return keys->state_of(host(h1), pool(vms)).text == "no monitor answered"; }, 5s));
  EXPECT_TRUE(until_keyed(h1, vms));
  EXPECT_EQ(grants(), 2U);
}

TEST_F(PoolKeysTest, ASecondPoolIsGrantedToTheSameUser) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms));
  const PoolId more = add_pool("more");
  EXPECT_TRUE(key(h1, more).user.empty()) << "not before Ceph said so";
  EXPECT_FALSE(key(h1, vms).user.empty());
  ASSERT_TRUE(until_keyed(h1, more));
  EXPECT_EQ(key(h1, more).user, key(h1, vms).user);
  EXPECT_EQ(ceph->cluster().users.at(key(h1, vms).user).pools,
            (std::set<std::string>{"vms", "more"}));
  ASSERT_TRUE(world.inventory->remove(more));
  EXPECT_TRUE(world.loop->run_until(
      [&] { return ceph->cluster().users.at(key(h1, vms).user).pools.size() == 1; }, 5s))
      << "and is taken from it with the pool";
}

TEST_F(PoolKeysTest, AHostThatIsCutOffGetsNothingUntilItIsGivenBack) {
  cut_off = h1;
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h2, vms));
  world.turn_for(50ms);
  EXPECT_TRUE(key(h1, vms).user.empty());
  EXPECT_EQ(keys->state_of(host(h1), pool(vms)).text, "cut off");
  std::optional<port::CephAnswer> answer;
  keys->give_back(h1, vms, [&](const port::CephAnswer& given) { answer = given; });
  EXPECT_TRUE(keys->granting(h1));
  ASSERT_TRUE(world.loop->run_until([&] { return answer.has_value(); }, 5s));
  EXPECT_EQ(answer->outcome, core::Outcome::kConfirmed);
  EXPECT_FALSE(keys->granting(h1));
  EXPECT_FALSE(key(h1, vms).user.empty());
}

TEST_F(PoolKeysTest, WhatWasTakenIsGivenBackAlsoWhenTheKeyIsKnown) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms));
  const std::string user = key(h1, vms).user;
  ceph->cluster().users.at(user).pools.clear();
  std::optional<port::CephAnswer> answer;
  keys->give_back(h1, vms, [&](const port::CephAnswer& given) { answer = given; });
  ASSERT_TRUE(world.loop->run_until([&] { return answer.has_value(); }, 5s));
  EXPECT_EQ(ceph->cluster().users.at(user).pools, std::set<std::string>{"vms"});
  answer.reset();
  keys->give_back(HostId{99}, vms, [&](const port::CephAnswer& given) { answer = given; });
  ASSERT_TRUE(world.loop->run_until([&] { return answer.has_value(); }, 5s));
  EXPECT_EQ(answer->outcome, core::Outcome::kFailed);
}

TEST_F(PoolKeysTest, TheUserOfADeletedHostIsRemovedAndForgotten) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms) && until_keyed(h2, vms));
  const std::string gone = key(h1, vms).user;
  ASSERT_TRUE(world.inventory->remove(h1));
  ASSERT_TRUE(world.loop->run_until([&] { return keys->users().size() == 1; }, 5s));
  EXPECT_FALSE(has_user(gone));
  EXPECT_TRUE(has_user(key(h2, vms).user));
  EXPECT_TRUE(has_user("mold"));
  restart();
  ASSERT_EQ(world.pool_keys.size(), 1U);
  EXPECT_EQ(world.pool_keys[0].host, h2);
}

TEST_F(PoolKeysTest, ARemovalThatFailsIsTriedAgainAlsoAfterARestart) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms) && until_keyed(h2, vms));
  const std::string gone = key(h1, vms).user;
  ceph->fail_next("remove_user", {core::Outcome::kUnknown, ErrorKind::kTimeout, "no answer"});
  ASSERT_TRUE(world.inventory->remove(h1));
  ASSERT_TRUE(world.loop->run_until([&] { return !leaver_text().empty(); }, 5s));
  EXPECT_EQ(leaver_text(), "no answer");
  EXPECT_TRUE(has_user(gone));
  restart();
  EXPECT_TRUE(world.loop->run_until([&] { return !has_user(gone); }, 5s));
  EXPECT_TRUE(world.loop->run_until([&] { return keys->users().size() == 1; }, 5s));
}

TEST_F(PoolKeysTest, WithTheLastPoolAllUsersGoAlsoWhenCephIsAwayForLong) {
  const PoolId vms = add_pool("vms");
  const PoolId more = add_pool("more");
  ASSERT_TRUE(until_keyed(h1, more) && until_keyed(h2, more));
  delete_pool(vms);
  ASSERT_TRUE(world.loop->run_until(
      [&] { return ceph->cluster().users.at(key(h1, more).user).pools.size() == 1; }, 5s))
      << "another pool of that cluster needs them";
  ASSERT_TRUE(world.settle());
  ceph->cluster().mons_frozen = true;
  delete_pool(more);
  world.turn_for(30ms);
  restart();
  EXPECT_EQ(world.pool_keys.size(), 2U);
  ceph->cluster().mons_frozen = false;
  EXPECT_TRUE(world.loop->run_until([&] { return ceph->cluster().users.size() == 1; }, 5s));
  EXPECT_TRUE(has_user("mold")) << "nobody but users of hosts";
  EXPECT_TRUE(world.loop->run_until([&] { return keys->users().empty(); }, 5s));
}

TEST_F(PoolKeysTest, APoolThatComesBackEndsTheLeaving) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms) && until_keyed(h2, vms));
  ceph->fail_next("remove_user", {core::Outcome::kFailed, ErrorKind::kDenied, "not allowed"});
  delete_pool(vms);
  ASSERT_TRUE(world.loop->run_until([&] { return !leaver_text().empty(); }, 5s));
  const PoolId again = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, again) && until_keyed(h2, again));
  world.turn_for(60ms);
  EXPECT_TRUE(has_user(key(h1, again).user) && has_user(key(h2, again).user));
  EXPECT_TRUE(ceph->cluster().users.at(key(h1, again).user).key == key(h1, again).key.reveal());
}

// What was asked for may have been done when the answer never came.
TEST_F(PoolKeysTest, AUserThatMayHaveBeenMadeIsRemovedToo) {
  ASSERT_TRUE(world.inventory->remove(h2));
  ceph->lose_next_answer("grant");
  const std::string user = PoolKeys::user_of(host(h1));
  add_pool("vms");
  ASSERT_TRUE(world.loop->run_until([&] { return has_user(user); }, 5s));
  ASSERT_TRUE(world.inventory->remove(h1));
  EXPECT_TRUE(world.loop->run_until([&] { return !has_user(user) && keys->users().empty(); }, 5s));
}

TEST_F(PoolKeysTest, APersonMayGiveUpAUserOfACephThatIsNoMore) {
  const PoolId vms = add_pool("vms");
  ASSERT_TRUE(until_keyed(h1, vms) && until_keyed(h2, vms));
  const std::string user = key(h1, vms).user;
  const std::string fsid = ceph->cluster().fsid;
  EXPECT_EQ(keys->leaving().forget(user, fsid).error().kind, ErrorKind::kNotFound) << "in use";
  ceph->cluster().pools.clear();
  delete_pool(vms);
  ASSERT_TRUE(world.loop->run_until([&] { return !leaver_text().empty(); }, 5s));
  ASSERT_TRUE(
      world.loop->run_until([&] { return keys->leaving().forget(user, fsid).has_value(); }, 5s));
  restart();
  ASSERT_EQ(world.pool_keys.size(), 1U);
  EXPECT_EQ(world.pool_keys[0].host, h2);
}

TEST_F(PoolKeysTest, AClusterThatAsksForNoKeysNeedsNone) {
  const PoolId vms = add_pool("vms");
  PoolRecord open = pool(vms);
  open.cephx = false;
  ASSERT_TRUE(world.inventory->update(open));
  EXPECT_TRUE(keys->state_of(host(h1), pool(vms)).has_key);
  EXPECT_TRUE(key(h1, vms).user.empty());
}

TEST_F(PoolKeysTest, PoolsOfOtherHostsAndThoseInMaintenanceAreNotTold) {
  PoolRecord local{.cluster = world.cluster, .name = "local", .path = "/srv/l"};
  local.kind = core::PoolKind::kLocal;
  EXPECT_EQ(world.inventory->create(local).error().kind, ErrorKind::kInvalid) << "of no host";
  local.host = h1;
  local.heartbeat = false;
  ASSERT_TRUE(world.inventory->create(local));
  local.host = h2;
  local.name = "local2";
  ASSERT_TRUE(world.inventory->create(local)) << "the same path on another host";
  PoolRecord nfs{.cluster = world.cluster, .name = "nfs", .path = "/mnt/n"};
  nfs.kind = core::PoolKind::kNfs;
  nfs.source = "nfs://filer/e";
  const auto made = world.inventory->create(nfs);
  ASSERT_TRUE(made);
  nfs.name = "again";
  nfs.path = "/mnt/m";
  EXPECT_EQ(world.inventory->create(nfs).error().kind, ErrorKind::kConflict) << "one export, twice";
  const auto told = world.registry->pools_for(h1);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].kind, core::PoolKind::kLocal);
  EXPECT_FALSE(told[0].heartbeat);
  EXPECT_TRUE(told[1].must_be_mountpoint);
  EXPECT_EQ(told[1].source, "nfs://filer/e");
  PoolRecord closed = *made;
  closed.state = PoolState::kMaintenance;
  ASSERT_TRUE(world.inventory->update(closed));
  EXPECT_EQ(world.registry->pools_for(h1).size(), 1U);
  EXPECT_EQ(world.inventory->remove(h1).error().kind, ErrorKind::kConflict)
      << "it has a local pool";
}

}  // namespace
}  // namespace mold::manager::test
