#pragma once
// What tests of a manager with Ceph stand on: a fake cluster of the pools "vms" and "more", whose
// user of the manager may put clients off; a host; records of pools on it.
#include <memory>
#include <optional>
#include <string>

#include "lib/runtime/files.h"
#include "tests/fakes/ceph/fake_ceph.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {

class CephGround : public testing::Test {
 protected:
  void SetUp() override {
    world.make_ground();
    box.emplace(*SecretBox::open(world.dir.path()));
    ceph = std::make_unique<fakes::FakeCeph>(*world.loop);
    for (const char* name : {"vms", "more"}) ceph->cluster().add_pool(name);
    access = ceph->cluster().add_user("mold", true, {"vms", "more"});
    h1 = world.add_host("h1");
  }
  PoolRecord add_pool_record(const std::string& name) {
    PoolRecord record;
    record.uuid = runtime::new_uuid();
    record.cluster = world.cluster;
    record.name = name;
    record.kind = core::PoolKind::kRbd;
    record.path = "rbd:" + name;
    record.source = "fake";
    record.user = "mold";
    record.sealed_key = *box->seal_pool_key(record.uuid, access);
    record.ceph_fsid = ceph->cluster().fsid;
    auto made = world.inventory->create(std::move(record));
    EXPECT_TRUE(made) << made.error().text();
    return made ? *made : PoolRecord{};
  }

  World world;
  std::optional<SecretBox> box;
  std::unique_ptr<fakes::FakeCeph> ceph;
  Secret access;
  HostId h1;
};

}  // namespace mold::manager::test
