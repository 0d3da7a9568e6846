// What is reported about pools of each kind.
#include "agentd/pool_gauge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/ceph/fake_ceph.h"
#include "tests/unit/agentd/board_double.h"

namespace mold::agentd {
namespace {

using runtime::kPatience;
using ::testing::HasSubstr;

class PoolGaugeTest : public ::testing::Test {
 protected:
  PoolGaugeTest() : loop_(runtime::make_loop()), leases_(dir_.file("leases")), ceph_(*loop_) {
    ceph_.cluster().add_pool("vms");
    ceph_.cluster().total_bytes = 100;
    ceph_.cluster().free_bytes = 40;
    EXPECT_OK(runtime::write_file_atomic(
        dir_.file("lvm"), "#!/bin/sh\nexec " MOLD_FAKE_LVM " " + dir_.file("state") + " \"$@\"\n",
        0755));
    EXPECT_OK(runtime::make_dir(dir_.file("state")));
    LvmDisks::Options lvm;
    lvm.lvm = dir_.file("lvm");
    lvm_ = std::make_unique<LvmDisks>(*loop_, lvm);
    NfsMounts::Options nfs;
    nfs.table = dir_.file("table");
    nfs.mount = "/bin/false";
    nfs.look_every = Duration{20};
    nfs_ = std::make_unique<NfsMounts>(*loop_, nfs);
    table("");
    make({&ceph_, nfs_.get(), lvm_.get()});
  }
  void make(PoolGauge::Sources sources) {
    PoolGauge::Options options;
    options.mounts = dir_.file("table");
    options.every = Duration{20};
    options.children_every = Duration{20};
    gauge_ = std::make_unique<PoolGauge>(*loop_, leases_, sources, options);
    gauge_->start();
  }
  void table(const std::string& text) {
    EXPECT_OK(runtime::write_file_atomic(dir_.file("table"), text));
  }
  wire::PoolInfo pool(core::PoolKind kind, const std::string& path) {
    wire::PoolInfo out;
    out.id = PoolId{4};
    out.uuid = kPoolA;
    out.kind = kind;
    out.path = path;
    return out;
  }
  // The report once it is as `holds` wants it.
  wire::PoolReport report(const std::function<bool(const wire::PoolReport&)>& holds) {
    EXPECT_TRUE(loop_->run_until(
        [&] {
          const auto all = gauge_->reports();
          return !all.empty() && holds(all[0]);
        },
        kPatience));
    return gauge_->reports().empty() ? wire::PoolReport{} : gauge_->reports()[0];
  }
  wire::PoolReport usable() {
    return report([](const auto& r) { return r.usable; });
  }
  wire::PoolReport not_usable() {
    return report([](const auto& r) { return !r.usable && !r.text.empty(); });
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  LeaseWatch leases_;
  fakes::FakeCeph ceph_;
  std::unique_ptr<LvmDisks> lvm_;
  std::unique_ptr<NfsMounts> nfs_;
  std::unique_ptr<PoolGauge> gauge_;
};

TEST_F(PoolGaugeTest, ADirectoryIsAsked) {
  leases_.set_pools({pool(core::PoolKind::kLocal, dir_.path())});
  EXPECT_GT(usable().total_bytes, 0U);
  leases_.set_pools({pool(core::PoolKind::kLocal, dir_.file("none"))});
  EXPECT_THAT(not_usable().text, HasSubstr("none"));
}

TEST_F(PoolGaugeTest, ADirectoryThatMustBeAMountIsOne) {
  wire::PoolInfo must = pool(core::PoolKind::kDirectory, dir_.path());
  must.must_be_mountpoint = true;
  leases_.set_pools({must});
  EXPECT_THAT(not_usable().text, HasSubstr("nothing is mounted"));
  table("36 22 0:50 / " + dir_.path() + " rw - gfs2 /dev/san rw\n");
  EXPECT_EQ(usable().text, "mounted from /dev/san");
}

TEST_F(PoolGaugeTest, AnNfsPoolIsOneOnlyWhileItIsMounted) {
  wire::PoolInfo nfs = pool(core::PoolKind::kNfs, dir_.path());
  nfs.source = "nfs://nas/x";
  leases_.set_pools({nfs});
  nfs_->start([](const auto&) { return core::PoolUse::kInUse; });
  nfs_->set_pools({nfs});
  EXPECT_THAT(
      report([](const auto& r) { return r.text.find("nas:/x: ") != std::string::npos; }).text,
      HasSubstr("not mounted from nas:/x"));
  table("36 22 0:50 / " + dir_.path() + " rw - nfs4 nas:/x rw\n");
  EXPECT_EQ(usable().text, "mounted from nas:/x");
}

TEST_F(PoolGaugeTest, CephIsAsked) {
  wire::PoolInfo rbd = pool(core::PoolKind::kRbd, "rbd:vms");
  rbd.source = "fake";
  rbd.user = "h1";
  rbd.key = ceph_.cluster().add_user("h1", false, {"vms"});
  leases_.set_pools({rbd});
  const wire::PoolReport good = usable();
  EXPECT_EQ(good.total_bytes, 100U);
  EXPECT_EQ(good.free_bytes, 40U);
  EXPECT_THAT(good.text, HasSubstr(ceph_.cluster().fsid));
  EXPECT_THAT(good.text, ::testing::Not(HasSubstr(rbd.key.reveal())));
  rbd.key = Secret("d3Jvbmc=");
  leases_.set_pools({rbd});
  EXPECT_FALSE(not_usable().text.empty());
  make({nullptr, nullptr, nullptr});
  EXPECT_THAT(not_usable().text, HasSubstr("no Ceph support"));
}

TEST_F(PoolGaugeTest, OneProbeAtATime) {
  std::vector<wire::PoolInfo> pools;
  for (const char* uuid : {kPoolA, kPoolB}) {
    pools.push_back(pool(core::PoolKind::kRbd, "rbd:vms"));
    pools.back().uuid = uuid;
  }
  ceph_.set_lag(Duration{200});
  leases_.set_pools(pools);
  gauge_->measure();
  loop_->run_until([] { return false; }, Duration{100});
  EXPECT_EQ(ceph_.asked().size(), 1U);
  EXPECT_TRUE(loop_->run_until([this] { return ceph_.asked().size() == 2; }, kPatience));
}

TEST_F(PoolGaugeTest, AVolumeGroupIsAsked) {
  leases_.set_pools({pool(core::PoolKind::kClvm, "/dev/vg0")});
  const wire::PoolReport good = usable();
  EXPECT_EQ(good.total_bytes, 1'000'000U);
  EXPECT_EQ(good.free_bytes, 400'000U);
  EXPECT_EQ(good.text, "volume group vg0");
  EXPECT_OK(runtime::write_file_atomic(dir_.file("state/fail.vgs"), "no such group"));
  EXPECT_THAT(not_usable().text, HasSubstr("no such group"));
}

}  // namespace
}  // namespace mold::agentd
