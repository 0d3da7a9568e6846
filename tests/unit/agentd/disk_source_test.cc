// Where QEMU finds a disk, what libvirt is told of a Ceph user, and which names a disk may have.
#include "agentd/libvirt/disk_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agentd/libvirt/ceph_secrets.h"
#include "agentd/storage/disk_paths.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string monitors(std::string_view mon_host) {
  const auto parsed = parse_mon_host(mon_host);
  if (!parsed) return std::string(to_string(parsed.error().kind));
  std::string out;
  for (const MonitorAddress& one : *parsed) {
    out += (out.empty() ? "" : " ") + one.host + "|" + one.port;
  }
  return out;
}

TEST(MonHost, AllThatCephTakes) {
  EXPECT_EQ(monitors("10.0.0.1:6789"), "10.0.0.1|6789");
  EXPECT_EQ(monitors("10.0.0.1"), "10.0.0.1|3300 10.0.0.1|6789");
  EXPECT_EQ(monitors("a.example, b.example:3300"), "a.example|3300 a.example|6789 b.example|3300");
  EXPECT_EQ(monitors("[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0],v1:10.0.0.2:6789"),
            "10.0.0.1|3300 10.0.0.2|6789");
  EXPECT_EQ(monitors("[fd00::1]:6789,[fd00::2]"), "fd00::1|6789 fd00::2|3300 fd00::2|6789");
  EXPECT_EQ(monitors("[v2:[fd00::1]:3300/0]"), "fd00::1|3300");
  for (const char* bad : {"", ",", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:x", "a b:99999", "[fd00",
                          "[v2:10.0.0.1:3300", "x'y", "[fd00::1]6789", "10.0.0.1:1:2"}) {
    EXPECT_EQ(monitors(bad), "invalid") << bad;
  }
}

wire::PoolInfo rbd_pool(const std::string& user, const std::string& source = "10.0.0.1") {
  wire::PoolInfo pool;
  pool.id = PoolId{1};
  pool.kind = core::PoolKind::kRbd;
  pool.path = "rbd:vms";
  pool.source = source;
  pool.user = user;
  pool.key = Secret("a2V5");
  return pool;
}
core::Disk disk_at(const std::string& path, std::uint64_t pool = 1) {
  core::Disk disk;
  disk.pool = PoolId{pool};
  disk.path = path;
  return disk;
}

TEST(CephSecret, IsOnePerUserOfACluster) {
  const auto uuid = [](const wire::PoolInfo& pool) {
    return runtime::must(source_of(disk_at("rbd:vms/1"), pool)).auth.value().secret_uuid;
  };
  EXPECT_EQ(uuid(rbd_pool("h1")), uuid(rbd_pool("h1")));
  EXPECT_NE(uuid(rbd_pool("h1")), uuid(rbd_pool("h2")));
  EXPECT_NE(uuid(rbd_pool("h1")), uuid(rbd_pool("h1", "10.0.0.9")));
  wire::PoolInfo none = rbd_pool("h1");
  none.key = Secret();
  EXPECT_FALSE(runtime::must(source_of(disk_at("rbd:vms/1"), none)).auth);
}

TEST(CephSecret, ItsDefinitionIsForThisLibvirtdOnlyAndHoldsNoKey) {
  const CephAuth auth{"h<1>", "bbbbbbbb-bbbb-8bbb-abbb-bbbbbbbbbbbb", Secret("a2V5")};
  const std::string xml = secret_xml(auth);
  EXPECT_THAT(xml, HasSubstr("<secret ephemeral=\"yes\" private=\"yes\">"));
  EXPECT_THAT(xml, HasSubstr("<uuid>bbbbbbbb-bbbb-8bbb-abbb-bbbbbbbbbbbb</uuid>"));
  EXPECT_THAT(xml, HasSubstr("<usage type=\"ceph\">"));
  EXPECT_THAT(xml, HasSubstr("client.h&lt;1&gt;"));
  EXPECT_THAT(xml, Not(HasSubstr("a2V5")));
}

// ---- names --------------------------------------------------------------------------------------

wire::PoolInfo pool_at(std::uint64_t id, core::PoolKind kind, const std::string& path) {
  wire::PoolInfo pool;
  pool.id = PoolId{id};
  pool.kind = kind;
  pool.path = path;
  return pool;
}

class DiskNames : public ::testing::Test {
 protected:
  Status check(core::Disk disk) {
    core::VmSpec spec;
    spec.disks = {std::move(disk)};
    return check_disk_paths(pools_, spec);
  }
  Status check(const std::string& path, std::uint64_t pool, const std::string& from = "") {
    core::Disk disk = disk_at(path, pool);
    disk.template_path = from;
    return check(std::move(disk));
  }

  std::vector<wire::PoolInfo> pools_ = {pool_at(1, core::PoolKind::kDirectory, "/pool"),
                                        pool_at(2, core::PoolKind::kRbd, "rbd:vms"),
                                        pool_at(3, core::PoolKind::kClvm, "/dev/vg0"),
                                        pool_at(4, core::PoolKind::kClvm, "/pool/notdev")};
};

TEST_F(DiskNames, FilesLieInTheirPool) {
  EXPECT_OK(check("/pool/a.raw", 1));
  for (const char* path :
       {"/pool", "/pool/", "/poolside/a", "/etc/passwd", "/pool/../etc/passwd"}) {
    EXPECT_FALSE(check(path, 1)) << path;
  }
  for (const char* from :
       {"/etc/shadow", "/pool/../etc/shadow", "/poolside/t", "t.qcow2", "image@snap"}) {
    const Status checked = check("/pool/a.raw", 1, from);
    ASSERT_FALSE(checked) << from;
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_OK(check("/pool/a.raw", 1, "/pool/templates/t..qcow2"));
  EXPECT_EQ(check("/pool/a.raw", 9).error().kind, ErrorKind::kNotFound);
}

// Whoever reads it has to know what to do.
TEST_F(DiskNames, ABadTemplateSaysWhereOneWouldBeGood) {
  EXPECT_EQ(check("rbd:vms/7", 2, "/root/x.img").error().what,
            "the template /root/x.img lies in no storage pool of this host; copy it below /pool, "
            "and register it from there");
  EXPECT_EQ(check("/pool/a.raw", 1, "image@snap").error().what,
            "the template image@snap is a snapshot of a Ceph pool: only disks of that pool are "
            "made of it");
  pools_.erase(pools_.begin());
  EXPECT_EQ(check("rbd:vms/7", 2, "/root/x.img").error().what,
            "the template /root/x.img lies in no storage pool of this host, and none of them "
            "holds files");
}

TEST_F(DiskNames, ImagesAndTheirTemplates) {
  EXPECT_OK(check("rbd:vms/i-2-7.root", 2));
  EXPECT_OK(check("rbd:vms/7", 2, "debian12@base"));
  EXPECT_OK(check("rbd:vms/7", 2, "/pool/t.qcow2"));
  for (const char* path : {"rbd:vms/", "rbd:other/7", "rbd:vms/a/b", "rbd:vms/7@snap", "rbd:vms/-x",
                           "rbd:vms/a b", "rbd:vms/.."}) {
    EXPECT_FALSE(check(path, 2)) << path;
  }
  for (const char* from : {"@base", "debian12@", "a@b@c", "a/b@c", "debian12", "/etc/shadow"}) {
    EXPECT_FALSE(check("rbd:vms/7", 2, from)) << from;
  }
  core::Disk qcow2 = disk_at("rbd:vms/7", 2);
  qcow2.format = "qcow2";
  EXPECT_FALSE(check(qcow2));
  EXPECT_EQ(name_in_pool(disk_at("rbd:vms/7", 2), pools_[1]), "7");
  EXPECT_EQ(ceph_access(rbd_pool("h1")).pool, "vms");
}

TEST_F(DiskNames, Volumes) {
  EXPECT_OK(check("/dev/vg0/7-root", 3, "/pool/t.qcow2"));
  for (const char* path :
       {"/dev/vg0/--yes", "/dev/vg0/a/b", "/dev/vg0/a b", "/dev/vg1/7", "/dev/vg0/.."}) {
    EXPECT_FALSE(check(path, 3)) << path;
  }
  EXPECT_FALSE(check("/dev/vg0/" + std::string(100, 'x'), 3));
  EXPECT_FALSE(check("/pool/notdev/7", 4));
  EXPECT_EQ(volume_group(pools_[2]), "vg0");
}

}  // namespace
}  // namespace mold::agentd
