// NFS pools with a program that stands for mount(8), and a table that stands for the kernel's: the
// kernel of a test machine may have no NFS client.
#include "agentd/storage/nfs_mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {
namespace {

using core::MountState;
using runtime::kPatience;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPool = "dddddddd-dddd-4ddd-8ddd-dddddddddddd";

TEST(MountTable, IsReadAsTheKernelWritesIt) {
  const auto mounts = parse_mountinfo(
      "22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
      "36 22 0:50 / /srv/my\\040pool rw shared:5 master:1 - nfs4 nas:/a\\040b rw,vers=4.2\n"
      "37 22 0:51 / /srv/x rw - nfs nas:/old rw\n"
      "38 22 0:52 / /srv/x rw - tmpfs tmpfs rw\n"
      "nonsense\n36 22 0:50 / /cut rw -\n");
  ASSERT_EQ(mounts.size(), 4U);
  EXPECT_EQ(mounts[1], (Mount{"/srv/my pool", "nfs4", "nas:/a b"}));
  EXPECT_EQ(mounted_at(mounts, "/srv/x")->type, "tmpfs");  // it covers the other
  EXPECT_EQ(mounted_at(mounts, "/srv/my pool/")->type, "nfs4");
  EXPECT_EQ(mounted_at(mounts, "/srv"), nullptr);
}

TEST(NfsSource, WhatIsOne) {
  const NfsSource plain = runtime::must(parse_nfs_source("nfs://nas/export/vms/"));
  EXPECT_EQ(plain.device(), "nas:/export/vms");
  EXPECT_EQ(plain.port, "");
  const NfsSource port = runtime::must(parse_nfs_source("nfs://10.0.0.9:20490/x"));
  EXPECT_EQ(port.device(), "10.0.0.9:/x");
  EXPECT_EQ(port.port, "20490");
  EXPECT_EQ(runtime::must(parse_nfs_source("nfs://[fd00::9]:2049/x")).device(), "[fd00::9]:/x");
  EXPECT_EQ(runtime::must(parse_nfs_source("nfs://[fd00::9]/x")).port, "");
  for (const char* bad : {"", "nas:/x", "nfs://nas", "nfs:///x", "nfs://-o/x", "nfs://nas:0/x",
                          "nfs://nas:/x", "nfs://nas/a b", "nfs://nas/a,rw", "http://nas/x"}) {
    EXPECT_FALSE(parse_nfs_source(bad)) << bad;
  }
}

TEST(MountState, OnlyTheRightOneIs) {
  const NfsSource source = runtime::must(parse_nfs_source("nfs://nas/x"));
  const auto state = [&source](const Mount& mount) { return state_of(&mount, source); };
  EXPECT_EQ(state({"/p", "nfs4", "nas:/x"}), MountState::kRight);
  EXPECT_EQ(state({"/p", "nfs", "nas:/x/"}), MountState::kRight);
  EXPECT_EQ(state({"/p", "nfs4", "nas:/y"}), MountState::kWrong);
  EXPECT_EQ(state({"/p", "ext4", "nas:/x"}), MountState::kWrong);
  EXPECT_EQ(state_of(nullptr, source), MountState::kNothing);
}

class NfsMountsTest : public ::testing::Test {
 protected:
  NfsMountsTest() : loop_(runtime::make_loop()) {
    pool_.id = PoolId{1};
    pool_.uuid = kPool;
    pool_.kind = core::PoolKind::kNfs;
    pool_.path = dir_.file("pool");
    pool_.source = "nfs://nas:20490/x";
    table("");
    script("mount",
           "echo \"mount $*\" >>@calls\nfor last; do :; done\n[ -e @broken ] && { echo "
           "'server is down' >&2; exit 32; }\n"
           "echo \"36 22 0:50 / $last rw - nfs4 nas:/x rw\" >>@table");
    script("umount",
           "echo \"umount $*\" >>@calls\n[ -e @busy ] && { echo busy >&2; exit 32; }\n"
           ": >@table");
    NfsMounts::Options options;
    options.mount = dir_.file("mount");
    options.umount = dir_.file("umount");
    options.table = dir_.file("table");
    options.look_every = Duration{20};
    options.try_again = Duration{20};
    mounts_ = std::make_unique<NfsMounts>(*loop_, options);
    mounts_->start([this](const wire::PoolInfo&) { return use_; });
  }
  // '@' stands for the test's directory.
  void script(const std::string& name, std::string text) {
    for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@')) {
      text.replace(at, 1, dir_.path() + "/");
    }
    EXPECT_OK(runtime::write_file_atomic(dir_.file(name), "#!/bin/sh\n" + text + "\n", 0755));
  }
  void put(const std::string& name) { EXPECT_OK(runtime::write_file_atomic(dir_.file(name), "")); }
  void table(const std::string& text) {
    EXPECT_OK(runtime::write_file_atomic(dir_.file("table"), text));
  }
  bool until(const std::function<bool()>& holds) { return loop_->run_until(holds, kPatience); }
  void a_while() {
    loop_->run_until([] { return false; }, Duration{150});
  }
  [[nodiscard]] std::vector<std::string> calls() const {
    const auto text = runtime::read_file(dir_.file("calls"));
    return text ? split(trim(*text), '\n') : std::vector<std::string>{};
  }
  bool is(MountState state) {
    return until([this, state] { return mounts_->view(kPool).state == state; });
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  wire::PoolInfo pool_;
  core::PoolUse use_ = core::PoolUse::kInUse;
  std::unique_ptr<NfsMounts> mounts_;
};

TEST_F(NfsMountsTest, APoolIsMountedWhereItBelongs) {
  mounts_->set_pools({pool_});
  ASSERT_TRUE(is(MountState::kRight));
  EXPECT_EQ(mounts_->view(kPool).text, "mounted from nas:/x");
  EXPECT_THAT(
      calls(),
      ElementsAre("mount -t nfs -o hard,nosuid,nodev,proto=tcp,port=20490 nas:/x " + pool_.path));
  EXPECT_TRUE(runtime::file_exists(pool_.path));
  a_while();
  EXPECT_EQ(calls().size(), 1U);
}

TEST_F(NfsMountsTest, WhatIsMountedAlreadyIsLeftAlone) {
  table("36 22 0:50 / " + pool_.path + " rw - nfs4 nas:/x rw\n");
  mounts_->set_pools({pool_});
  ASSERT_TRUE(is(MountState::kRight));
  a_while();
  EXPECT_TRUE(calls().empty());
}

TEST_F(NfsMountsTest, SomethingElseIsNeitherCoveredNorRemoved) {
  use_ = core::PoolUse::kFree;
  table("36 22 0:50 / " + pool_.path + " rw - nfs4 nas:/other rw\n");
  mounts_->set_pools({pool_});
  ASSERT_TRUE(is(MountState::kWrong));
  mounts_->set_pools({});
  a_while();
  EXPECT_TRUE(calls().empty());
}

TEST_F(NfsMountsTest, AMountThatWentAwayComesBack) {
  mounts_->set_pools({pool_});
  ASSERT_TRUE(is(MountState::kRight));
  table("");
  ASSERT_TRUE(until([this] { return calls().size() == 2; }));
  EXPECT_TRUE(is(MountState::kRight));
}

TEST_F(NfsMountsTest, AServerThatIsDownIsTriedAgainAndSaidSo) {
  put("broken");
  mounts_->set_pools({pool_});
  ASSERT_TRUE(until([this] { return calls().size() >= 2; }));
  ASSERT_TRUE(until(
      [this] { return mounts_->view(kPool).text.find("server is down") != std::string::npos; }));
  EXPECT_THAT(mounts_->view(kPool).text, HasSubstr("not mounted from nas:/x"));
  EXPECT_OK(runtime::remove_file(dir_.file("broken")));
  EXPECT_TRUE(is(MountState::kRight));
}

TEST_F(NfsMountsTest, APoolInUseIsNeverUnmounted) {
  mounts_->set_pools({pool_});
  ASSERT_TRUE(is(MountState::kRight));
  mounts_->set_pools({});
  for (const auto use : {core::PoolUse::kInUse, core::PoolUse::kUnknown}) {
    use_ = use;
    mounts_->note_health(kPool, core::MountHealth::kStale);
    a_while();
  }
  EXPECT_EQ(calls().size(), 1U);
  use_ = core::PoolUse::kFree;
  put("busy");  // the kernel knows better
  ASSERT_TRUE(until([this] { return calls().size() >= 3; }));
  EXPECT_EQ(calls()[1], "umount " + pool_.path);
  EXPECT_OK(runtime::remove_file(dir_.file("busy")));
  ASSERT_TRUE(is(MountState::kUnknown));  // of no concern any more
  const std::size_t before = calls().size();
  a_while();
  EXPECT_EQ(calls().size(), before);
}

TEST_F(NfsMountsTest, AStaleMountIsMadeAnew) {
  use_ = core::PoolUse::kFree;
  mounts_->set_pools({pool_});
  ASSERT_TRUE(is(MountState::kRight));
  mounts_->note_health(kPool, core::MountHealth::kStale);
  ASSERT_TRUE(until([this] { return calls().size() >= 3; }));
  EXPECT_EQ(calls()[1], "umount " + pool_.path);
  EXPECT_TRUE(is(MountState::kRight));
}

TEST_F(NfsMountsTest, ASourceThatMakesNoSenseIsSaid) {
  pool_.source = "nas:/x";
  mounts_->set_pools({pool_});
  a_while();
  EXPECT_EQ(mounts_->view(kPool).state, MountState::kUnknown);
  EXPECT_THAT(mounts_->view(kPool).text, HasSubstr("nas:/x"));
  EXPECT_TRUE(calls().empty());
  EXPECT_EQ(mounts_->view("none").state, MountState::kUnknown);
}

}  // namespace
}  // namespace mold::agentd
