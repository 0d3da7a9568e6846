// Pools and where things go: which pool a new disk takes, which hosts a VM's pools leave.
#include <gtest/gtest.h>

#include "core/placement/placement.h"
#include "core/placement/pool_choice.h"

namespace mold::core {
namespace {

constexpr std::uint64_t kGb = 1ULL << 30U;

PoolCandidate pool(std::uint64_t id, std::uint64_t free_gb = 0, std::uint64_t total_gb = 100) {
  PoolCandidate made;
  made.id = PoolId{id};
  made.free_bytes = free_gb * kGb;
  made.total_bytes = free_gb == 0 ? 0 : total_gb * kGb;
  return made;
}

PoolWish wish(std::uint64_t gb = 1, std::vector<std::string> tags = {}) {
  PoolWish made;
  made.bytes = gb * kGb;
  made.tags = std::move(tags);
  return made;
}

TEST(PoolChoice, TakesTheOneWithMostRoomAndTheOldestWhenNobodyTold) {
  EXPECT_EQ(choose_pool({pool(1, 10), pool(2, 30), pool(3, 20)}, wish()), PoolId{2});
  EXPECT_EQ(choose_pool({pool(2), pool(1)}, wish()), PoolId{1});
  EXPECT_EQ(choose_pool({}, wish()), std::nullopt);
}

TEST(PoolChoice, RoomIsWhatIsFreeAndWhatWasPromised) {
  EXPECT_FALSE(fits(pool(1, 10), wish(11)));
  PoolCandidate promised = pool(1, 90);
  promised.promised_bytes = 195 * kGb;
  EXPECT_TRUE(fits(promised, wish(5)));
  EXPECT_FALSE(fits(promised, wish(6)));
  promised.promised_bytes = 300 * kGb;
  EXPECT_FALSE(fits(promised, wish(0)));
}

TEST(PoolChoice, OneThatIsNotOpenIsNeverTaken) {
  PoolCandidate closed = pool(1, 50);
  closed.open = false;
  EXPECT_EQ(choose_pool({closed, pool(2, 10)}, wish()), PoolId{2});
  EXPECT_EQ(choose_pool({closed}, wish()), std::nullopt);
}

TEST(PoolChoice, AllTagsOfTheWishMustBeThePools) {
  PoolCandidate fast = pool(1, 10);
  fast.tags = {"ssd", "gold"};
  EXPECT_EQ(choose_pool({fast, pool(2, 90)}, wish(1, {"ssd"})), PoolId{1});
  EXPECT_EQ(choose_pool({fast, pool(2, 90)}, wish(1, {"ssd", "silver"})), std::nullopt);
  EXPECT_EQ(choose_pool({fast}, wish()), PoolId{1}) << "who asks for nothing may have anything";
}

TEST(PoolChoice, ALocalPoolIsForThoseWhoAskForIt) {
  PoolCandidate local = pool(1, 90);
  local.host = HostId{7};
  local.tags = {"local", "ssd"};
  PoolCandidate shared = pool(2, 10);
  shared.tags = {"ssd"};
  EXPECT_EQ(choose_pool({local}, wish()), std::nullopt);
  EXPECT_EQ(choose_pool({local, shared}, wish(1, {"ssd"})), PoolId{2}) << "shared first";
  EXPECT_EQ(choose_pool({local, shared}, wish(1, {"local"})), PoolId{1});
  PoolWish elsewhere = wish(1, {"local"});
  elsewhere.host = HostId{8};
  EXPECT_EQ(choose_pool({local, shared}, elsewhere), std::nullopt);
  elsewhere.host = HostId{7};
  EXPECT_EQ(choose_pool({local, shared}, elsewhere), PoolId{1});
}

std::map<PoolId, Pool> pools() {
  Pool shared;
  shared.id = PoolId{1};
  Pool local;
  local.id = PoolId{2};
  local.name = "disk0";
  local.kind = PoolKind::kLocal;
  local.host = HostId{7};
  Pool closed;
  closed.id = PoolId{3};
  closed.name = "nfs1";
  closed.admits_vms = false;
  return {{shared.id, shared}, {local.id, local}, {closed.id, closed}};
}

VmSpec on(std::initializer_list<std::uint64_t> ids) {
  VmSpec spec;
  for (const std::uint64_t id : ids) {
    spec.disks.emplace_back();
    spec.disks.back().pool = PoolId{id};
  }
  return spec;
}

TEST(PoolPlacement, ALocalPoolPinsItsVmsToItsHost) {
  EXPECT_TRUE(has_pools(pools(), on({1}), HostId{8}));
  EXPECT_TRUE(has_pools(pools(), on({1, 2}), HostId{7}));
  EXPECT_FALSE(has_pools(pools(), on({1, 2}), HostId{8}));
  EXPECT_TRUE(has_pools(pools(), on({99}), HostId{8})) << "of a pool that nobody knows";
}

TEST(PoolPlacement, NothingStartsOnAPoolInMaintenance) {
  EXPECT_FALSE(has_pools(pools(), on({1, 3}), HostId{7}));
}

TEST(PoolPlacement, TheReasonNamesThePool) {
  EXPECT_EQ(no_place_text(pools(), on({1}), "no room"), "no room");
  EXPECT_EQ(no_place_text(pools(), on({1, 3}), "no room"),
            "its storage pool nfs1 is in maintenance");
  EXPECT_EQ(no_place_text(pools(), on({2}), "no room"),
            "its storage pool disk0 is local to one host, which cannot take it now");
}

}  // namespace
}  // namespace mold::core
