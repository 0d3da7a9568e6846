#include "agentd/lease/pool_lines.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "agentd/heartbeat/rados_settings.h"
#include "lib/runtime/files.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::agentd {
namespace {

constexpr auto kClusterUuid = "11111111-1111-1111-1111-111111111111";
constexpr auto kKey = "QVFBPT0=";

std::string pool_uuid(char last) {
  return std::string("22222222-2222-2222-2222-22222222222") + last;
}

wire::PoolInfo info(char last, core::PoolKind kind, const std::string& path) {
  wire::PoolInfo pool;
  pool.uuid = pool_uuid(last);
  pool.kind = kind;
  pool.path = path;
  return pool;
}

wire::PoolInfo ceph(char last, const std::string& key = kKey) {
  auto pool = info(last, core::PoolKind::kRbd, "rbd:vms");
  pool.source = "10.0.0.1,10.0.0.2";
  pool.user = "mold-host-1";
  pool.key = Secret(key);
  return pool;
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

TEST(PoolLines, EveryKindGoesToItsMedium) {
  auto directory = info('1', core::PoolKind::kDirectory, "/mnt/a");
  directory.must_be_mountpoint = true;
  auto nfs = info('2', core::PoolKind::kNfs, "/mnt/b");
  nfs.source = "nfs://server:2049/x";
  nfs.policy = core::PoolPolicy::kPause;
  auto clvm = info('3', core::PoolKind::kClvm, "/dev/vg");
  clvm.policy = core::PoolPolicy::kResetHost;
  auto rbd = ceph('4');
  rbd.policy = core::PoolPolicy::kLogOnly;
  rbd.beat_interval_ms = 500;
  rbd.self_fence_deadline_ms = 8000;
  auto silent = info('5', core::PoolKind::kDirectory, "/mnt/c");
  silent.heartbeat = false;
  const auto local = info('6', core::PoolKind::kLocal, "/mnt/d");
  const auto lines =
      pool_lines(kClusterUuid, {directory, nfs, clvm, rbd, silent, local}, "/run/mold/ceph");
  EXPECT_TRUE(lines.left_out.empty());
  EXPECT_EQ(heartbeat::format_pools(lines.pools),
            std::string("mold-pools 1\ncluster ") + kClusterUuid + "\npool " + pool_uuid('1') +
                " file 1000 10000 kill-vms mountpoint /mnt/a\npool " + pool_uuid('2') +
                " nfs 1000 10000 pause source=nfs://server:2049/x /mnt/b\npool " + pool_uuid('3') +
                " block 1000 10000 reset-host source=/dev/vg/mold-heartbeat /dev/vg\npool " +
                pool_uuid('4') + " rados 500 8000 log-only conf=/run/mold/ceph/" + pool_uuid('4') +
                ".conf rbd:vms\nend\n");
  ASSERT_EQ(lines.files.size(), 2U);
  EXPECT_EQ(lines.files[0].name, pool_uuid('4') + ".keyring");
  EXPECT_EQ(lines.files[0].content.reveal(),
            std::string("[client.mold-host-1]\nkey = ") + kKey + "\n");
  EXPECT_NE(lines.files[1].content.reveal().find("mon_host = 10.0.0.1,10.0.0.2\n"),
            std::string::npos);
  EXPECT_EQ(heartbeat::rados_user_of(lines.files[1].content.reveal()), "mold-host-1");
}

TEST(PoolLines, TheFilesOfCephLieBesideTheBoard) {
  EXPECT_EQ(ceph_files_beside("/run/mold/leases"), "/run/mold/ceph");
}

TEST(PoolLines, WhatCannotBeToldIsLeftOutAloneAndNamed) {
  auto no_user = ceph('1');
  no_user.user.clear();
  auto bad_key = ceph('2', "secret with\nnewline");
  auto bad_source = info('3', core::PoolKind::kNfs, "/mnt/b");
  bad_source.source = "server:/x";
  auto bad_path = info('4', core::PoolKind::kDirectory, "relative");
  auto bad_monitors = ceph('5');
  bad_monitors.source = "a\nkeyring = /etc/shadow";
  const auto good = info('6', core::PoolKind::kDirectory, "/mnt/a");
  const auto lines = pool_lines(
      kClusterUuid, {no_user, bad_key, bad_source, bad_path, bad_monitors, good}, "/run/mold/ceph");
  ASSERT_EQ(lines.pools.pools.size(), 1U);
  EXPECT_EQ(lines.pools.pools[0].path, "/mnt/a");
  EXPECT_TRUE(lines.files.empty());
  ASSERT_EQ(lines.left_out.size(), 5U);
  for (const auto& why : lines.left_out) {
    EXPECT_NE(why.find("22222222-"), std::string::npos);
    EXPECT_EQ(why.find("secret"), std::string::npos) << why;
  }
}

class PoolLinesOnDisk : public ::testing::Test {
 protected:
  Status write(const std::vector<wire::PoolInfo>& pools) {
    return write_pool_lines(pool_lines(kClusterUuid, pools, ceph_dir), dir.path("pools"), ceph_dir);
  }
  std::vector<std::string> names() {
    auto found = runtime::list_dir(ceph_dir);
    return found ? *found : std::vector<std::string>{};
  }
  heartbeat::TempDir dir;
  std::string ceph_dir = dir.path("ceph");
};

TEST_F(PoolLinesOnDisk, KeysAreForNobodyElseAndGoWithTheirPool) {
  ASSERT_TRUE(write({ceph('1'), ceph('2')}));
  EXPECT_EQ(names().size(), 4U);
  EXPECT_EQ(mode_of(ceph_dir), 0700U);
  for (const auto& name : names()) EXPECT_EQ(mode_of(ceph_dir + "/" + name), 0600U) << name;
  EXPECT_EQ(heartbeat::load_pools(dir.path("pools"))->pools.size(), 2U);
  ASSERT_TRUE(write({ceph('2')}));
  EXPECT_EQ(names(), (std::vector{pool_uuid('2') + ".conf", pool_uuid('2') + ".keyring"}));
  ASSERT_TRUE(write({}));
  EXPECT_TRUE(names().empty());
  EXPECT_TRUE(heartbeat::load_pools(dir.path("pools"))->pools.empty());
}

TEST_F(PoolLinesOnDisk, ANewKeyReplacesTheOldOneAndNothingElseIsWritten) {
  ASSERT_TRUE(write({ceph('1')}));
  const auto keyring = ceph_dir + "/" + pool_uuid('1') + ".keyring";
  const auto inode = [&](const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
  };
  const auto keyring_before = inode(keyring);
  const auto pools_before = inode(dir.path("pools"));
  ASSERT_TRUE(write({ceph('1')}));
  EXPECT_EQ(inode(keyring), keyring_before);
  ASSERT_TRUE(write({ceph('1', "QkJCQg==")}));
  EXPECT_NE(inode(keyring), keyring_before);
  EXPECT_EQ(inode(dir.path("pools")), pools_before);
  EXPECT_NE(runtime::read_file(keyring)->find("QkJCQg=="), std::string::npos);
  // Somebody opened it to all: closed again although its content is the same.
  ::chmod(keyring.c_str(), 0644);
  ::chmod(ceph_dir.c_str(), 0755);
  ASSERT_TRUE(write({ceph('1', "QkJCQg==")}));
  EXPECT_EQ(mode_of(keyring), 0600U);
  EXPECT_EQ(mode_of(ceph_dir), 0700U);
}

TEST_F(PoolLinesOnDisk, WithoutCephThereIsNoDirectory) {
  ASSERT_TRUE(write({info('1', core::PoolKind::kDirectory, "/mnt/a")}));
  EXPECT_FALSE(runtime::file_exists(ceph_dir));
}

}  // namespace
}  // namespace mold::agentd
