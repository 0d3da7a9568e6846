// URLs of storage pools, and what follows from the kind of a pool.
#include "manager/storage/pool_url.h"

#include <gtest/gtest.h>

#include "manager/storage/pool_kind.h"

namespace mold::manager {
namespace {

constexpr const char* kKey = "AQ+/c29tZSBzZWNyZXQ/Pz8+Pj4=";

PoolUrl good(const std::string& url) {
  auto parsed = parse_pool_url(url);
  EXPECT_TRUE(parsed) << url << ": " << parsed.error().text();
  return parsed ? *parsed : PoolUrl{};
}

TEST(PoolUrl, RbdWithAllItsSpellingsOfAKey) {
  for (const std::string& key :
       {std::string("AQ%2B%2Fc29tZSBzZWNyZXQ%2FPz8%2BPj4%3D"), std::string(kKey),
        std::string("AQ-_c29tZSBzZWNyZXQ_Pz8-Pj4="), std::string("AQ /c29tZSBzZWNyZXQ/Pz8 Pj4=")}) {
    const PoolUrl url = good("rbd://mold:" + key + "@10.0.0.1:6789,mon2/vms");
    EXPECT_EQ(url.kind, core::PoolKind::kRbd);
    EXPECT_EQ(url.path, "rbd:vms");
    EXPECT_EQ(url.source, "10.0.0.1:6789,mon2");
    EXPECT_EQ(url.user, "mold");
    EXPECT_EQ(url.key.reveal(), kKey) << key;
    EXPECT_EQ(url.shown, "rbd://mold@10.0.0.1:6789,mon2/vms");
  }
  EXPECT_EQ(good("RBD://client.mold:" + std::string(kKey) + "@[fd00::1]:3300/vms/").source,
            "[fd00::1]:3300");
  EXPECT_EQ(good("rbd://client.mold:" + std::string(kKey) + "@mon/vms").user, "mold");
  const PoolUrl open = good("rbd://mon1/vms");
  EXPECT_TRUE(open.user.empty());
  EXPECT_TRUE(open.key.empty());
}

TEST(PoolUrl, RbdThatMakesNoSenseIsRefusedWithoutBeingRepeated) {
  const std::string key = kKey;
  for (const std::string bad :
       {"rbd://mold@mon/vms", "rbd://mold:@mon/vms", "rbd://mold:%zz@mon/vms",
        "rbd://mold:%4@mon/vms", "rbd://mold:no base64!@mon/vms"}) {
    EXPECT_FALSE(parse_pool_url(bad)) << bad;
  }
  for (const std::string rest :
       {"@mon", "@/vms", "@mon/", "@mon,/vms", "@mon:0/vms", "@mon:x/vms", "@mon/a/b", "@mon/-x",
        "@mon/v ms", "@.mon/vms", "@fd00::1/vms", "@[fd00::1/vms", "@m%6fn/vms", "@-mon/vms"}) {
    const auto refused = parse_pool_url("rbd://mold:" + key + rest);
    ASSERT_FALSE(refused) << rest;
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(refused.error().what.find("AQ"), std::string::npos) << refused.error().what;
  }
  EXPECT_FALSE(parse_pool_url("rbd://a b:" + key + "@mon/vms"));
}

TEST(PoolUrl, TheOtherKinds) {
  const PoolUrl nfs = good("nfs://filer:2049/export/vms/");
  EXPECT_EQ(nfs.kind, core::PoolKind::kNfs);
  EXPECT_EQ(nfs.source, "nfs://filer:2049/export/vms");
  EXPECT_TRUE(nfs.path.empty());
  EXPECT_EQ(good("NetworkFilesystem://[fd00::1]/e").source, "nfs://[fd00::1]/e");
  EXPECT_EQ(good("SharedMountPoint://localhost/srv/pool").path, "/srv/pool");
  EXPECT_EQ(good("sharedmountpoint:///srv/pool/").path, "/srv/pool");
  const PoolUrl clvm = good("clvm://localhost/vg0");
  EXPECT_EQ(clvm.kind, core::PoolKind::kClvm);
  EXPECT_EQ(clvm.path, "/dev/vg0");
  const PoolUrl local = good("Filesystem://h1/srv/local");
  EXPECT_EQ(local.kind, core::PoolKind::kLocal);
  EXPECT_EQ(local.host, "h1");
  EXPECT_EQ(local.path, "/srv/local");
  EXPECT_EQ(good("file://10.0.0.1/srv/local").host, "10.0.0.1");
  for (const char* bad : {"",
                          "/srv/pool",
                          "nfs://filer",
                          "nfs:///export",
                          "nfs://filer:99999/e",
                          "nfs://a b/e",
                          "nfs://filer/e/../x",
                          "nfs://filer/e\nx",
                          "nfs://filer/e x",
                          "nfs://filer/e,x",
                          "SharedMountPoint://localhost",
                          "SharedMountPoint://localhost/",
                          "SharedMountPoint://h/srv/../etc",
                          "SharedMountPoint://h/srv//pool",
                          "clvm://localhost/",
                          "clvm://localhost/a/b",
                          "clvm://localhost/..",
                          "Filesystem:///srv",
                          "Filesystem://h1/",
                          "iscsi://h/iqn"}) {
    EXPECT_FALSE(parse_pool_url(bad)) << bad;
  }
}

PoolRecord pool(core::PoolKind kind, const std::string& path) {
  PoolRecord made;
  made.id = PoolId{1};
  made.kind = kind;
  made.path = path;
  return made;
}

TEST(PoolKind, WhereANewDiskLies) {
  Template tmpl;
  tmpl.path = "/srv/t/nano.qcow2";
  tmpl.format = "QCOW2";
  tmpl.size_bytes = 7;
  const core::Disk file = new_disk(pool(core::PoolKind::kNfs, "/mnt/u"), tmpl, "v", 9);
  EXPECT_EQ(file.path, "/mnt/u/v.qcow2");
  EXPECT_EQ(file.format, "qcow2");
  EXPECT_EQ(file.size_bytes, 9U);
  const core::Disk image = new_disk(pool(core::PoolKind::kRbd, "rbd:vms"), tmpl, "v", 0);
  EXPECT_EQ(image.path, "rbd:vms/v");
  EXPECT_EQ(image.format, "raw");
  EXPECT_EQ(image.template_path, "/srv/t/nano.qcow2");
  EXPECT_EQ(image.size_bytes, 7U);
  const core::Disk volume = new_disk(pool(core::PoolKind::kClvm, "/dev/vg0"), tmpl, "v", 0);
  EXPECT_EQ(volume.path, "/dev/vg0/v");
  EXPECT_EQ(volume.format, "raw");
}

TEST(PoolKind, ASnapshotIsClonedInItsOwnPoolOnly) {
  Template tmpl;
  tmpl.path = "rbd:vms/nano@gold";
  EXPECT_TRUE(takes_template(pool(core::PoolKind::kRbd, "rbd:vms"), tmpl));
  EXPECT_FALSE(takes_template(pool(core::PoolKind::kRbd, "rbd:vm"), tmpl));
  EXPECT_FALSE(takes_template(pool(core::PoolKind::kNfs, "/mnt/u"), tmpl));
  const core::Disk disk = new_disk(pool(core::PoolKind::kRbd, "rbd:vms"), tmpl, "v", 0);
  EXPECT_EQ(disk.template_path, "nano@gold");
}

TEST(PoolKind, InMaintenanceNobodyBeatsOnIt) {
  PoolRecord record = pool(core::PoolKind::kNfs, "/mnt/u");
  EXPECT_TRUE(core_pool(record).heartbeat);
  EXPECT_TRUE(core_pool(record).admits_vms);
  record.state = PoolState::kDisabled;
  EXPECT_TRUE(core_pool(record).admits_vms);
  EXPECT_FALSE(takes_disks(record));
  record.state = PoolState::kPrepareForMaintenance;
  EXPECT_TRUE(core_pool(record).heartbeat) << "VMs still run on it";
  EXPECT_FALSE(core_pool(record).admits_vms);
  record.state = PoolState::kMaintenance;
  EXPECT_FALSE(core_pool(record).heartbeat);
}

}  // namespace
}  // namespace mold::manager
