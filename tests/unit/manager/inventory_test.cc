// Records: rules, references, numbers that are never used twice, secrets at rest.
#include "manager/inventory/checks.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

TEST(Inventory, RefusesWhatMakesNoSense) {
  World w;
  w.make_ground();
  EXPECT_EQ(w.inventory->create(Zone{.name = ""}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(w.inventory->create(Zone{.name = "a\nb"}).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(w.inventory->create(Zone{.name = "z1"}).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(w.inventory->create(Pod{.zone = ZoneId{99}, .name = "p"}).error().kind,
            ErrorKind::kNotFound);
  EXPECT_EQ(
      w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "x", .path = "a"}).error().kind,
      ErrorKind::kInvalid);
  EXPECT_EQ(w.inventory->create(ServiceOffering{.name = "o", .cpus = 0}).error().kind,
            ErrorKind::kInvalid);
  EXPECT_EQ(w.inventory->create(HostRecord{.uuid = "no uuid", .name = "x"}).error().kind,
            ErrorKind::kInvalid);
}

TEST(Inventory, WhatIsStoodOnCannotBeRemoved) {
  World w;
  w.make_ground();
  const HostId host = w.add_host("h1");
  EXPECT_EQ(w.inventory->remove(w.inventory->zones().all().begin()->first).error().kind,
            ErrorKind::kConflict);
  EXPECT_EQ(w.inventory->remove(w.cluster).error().kind, ErrorKind::kConflict);
  ASSERT_TRUE(w.inventory->remove(host));
  EXPECT_EQ(w.inventory->hosts().find_live(host), nullptr);
  ASSERT_NE(w.inventory->hosts().find(host), nullptr) << "a tombstone keeps its name";
  EXPECT_TRUE(w.inventory->remove(w.cluster));
}

TEST(Inventory, NumbersAreNeverUsedTwice) {
  World w;
  w.make_ground();
  const auto first =
      w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "a", .path = "/a"});
  const std::uint64_t version = w.inventory->pools_version();
  ASSERT_TRUE(w.inventory->remove(first->id));
  EXPECT_GT(w.inventory->pools_version(), version);
  ASSERT_TRUE(w.settle());
  w.restart();
  const auto second =
      w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "a", .path = "/a"});
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_GT(second->id, first->id);
  EXPECT_EQ(w.inventory->pools().find_uuid(second->uuid)->name, "a");
}

// Of a restored store that knows of no VM at all.
TEST(Inventory, AfterSkippedNumbersNameAndNumberOfTheFirstAgree) {
  World w;
  w.make_ground();
  w.engine->put(Counter{kFirstNumber, 1'000'001});
  ASSERT_TRUE(w.settle());
  w.restart();
  const auto offering =
      w.inventory->create(ServiceOffering{.name = "o", .memory_bytes = 64ULL << 20});
  const auto tmpl = w.inventory->create(Template{.name = "t", .path = "/t", .account = w.account});
  const auto pool =
      w.inventory->create(PoolRecord{.cluster = w.cluster, .name = "a", .path = "/a"});
  VmRecord vm;
  vm.name = "v";
  vm.account = w.account;
  vm.cluster = w.cluster;
  vm.offering = offering->id;
  vm.template_id = tmpl->id;
  vm.pool = pool->id;
  const auto first = w.inventory->create(vm);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->id, VmId{1'000'001});
  EXPECT_EQ(first->instance_name, "i-" + std::to_string(w.account.value) + "-1000001-VM");
  vm.name = "w";
  vm.instance_name.clear();
  EXPECT_EQ(w.inventory->create(vm)->id, VmId{1'000'002});
}

TEST(Checks, AddressesAndUrisOfDevices) {
  for (const char* good : {"", "h1.example", "10.0.0.1", "fd00::1"}) {
    EXPECT_TRUE(check_net_address("a", good)) << good;
    EXPECT_TRUE(check_address("a", good)) << good;
  }
  for (const char* bad : {"a b", "a/b", "a;b", "a\n", "/", "\xc3\xa9"}) {
    EXPECT_FALSE(check_net_address("a", bad)) << bad;
    EXPECT_FALSE(check_address("a", bad)) << bad;
  }
  EXPECT_FALSE(check_net_address("a", "qemu:///system"));
  EXPECT_TRUE(check_address("a", "qemu+ssh://root@h/system"));
  for (const char* bad : {"qemu:// /system", "qemu:///a\n", "qemu:///\xc3\xa9"})
    EXPECT_FALSE(check_address("a", bad)) << bad;
  EXPECT_FALSE(check_address("a", "x://" + std::string(600, 'h')));
}

TEST(Checks, Paths) {
  EXPECT_TRUE(check_path("p", "/srv/pool"));
  for (const char* bad : {"", "a", "/a/../b", "/a/", "//a", "/a/./b", "/a\nb"})
    EXPECT_FALSE(check_path("p", bad)) << bad;
}

TEST(SecretBox, IsBoundToItsRow) {
  const TempDir dir;
  const auto box = SecretBox::open(dir.path());
  ASSERT_TRUE(box) << box.error().text();
  HostRecord host{.uuid = "11111111-1111-4111-8111-111111111111"};
  EXPECT_TRUE(box->open_oobm_password(host)->empty());
  host.oobm.sealed_password = *box->seal_oobm_password(host.uuid, Secret("geheim"));
  EXPECT_EQ(host.oobm.sealed_password.find("geheim"), std::string::npos);
  EXPECT_EQ(box->open_oobm_password(host)->reveal(), "geheim");
  HostRecord other = host;
  other.uuid = "21111111-1111-4111-8111-111111111111";
  EXPECT_EQ(box->open_oobm_password(other).error().kind, ErrorKind::kCorrupt);
  const auto again = SecretBox::open(dir.path());
  EXPECT_EQ(again->open_oobm_password(host)->reveal(), "geheim");
}

}  // namespace
}  // namespace mold::manager::test
