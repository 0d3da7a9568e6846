// mold-heartbeat with pools on a real Ceph: the whole way from a fence to VMs that are gone.
#include "tests/unit/agentd/heartbeat/ceph_one.h"
#include "tests/unit/agentd/heartbeat/heartbeat_host.h"

namespace mold::heartbeat {
namespace {

class RadosProcess : public ::testing::Test {
 protected:
  RadosProcess() {
    ceph.empty_pool();
    std::filesystem::create_directory(dir.path("elsewhere"));
    std::filesystem::copy_file(MOLD_TEST_VICTIM, dir.path(own_name()));
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << one.log();
  }
  void beat_on_ceph(PoolPolicy policy = PoolPolicy::kKillVms) {
    one.save({{.uuid = *Uuid::parse(kPoolA),
               .type = PoolType::kRados,
               .policy = policy,
               .conf = ceph.conf(),
               .path = "rbd:" + ceph.pool()}});
    one.start();
  }
  // Its disk shows in its command line only, as that of a QEMU with librbd does.
  ChildProcess victim(const std::string& ceph_pool) {
    return ChildProcess({dir.path(own_name()), dir.path("elsewhere/log"), "-",
                         R"({"driver":"rbd","pool":")" + ceph_pool + R"(","image":"a"})"},
                        dir.path("victim.log"));
  }
  // A Ceph pool's name is not this test's own, as a directory is: somebody else's QEMU on this
  // machine may well be on another cluster's pool of that name, and is not to be touched.
  static std::string own_name() { return "qemu-" + std::to_string(::getpid()); }
  CephOne& ceph = CephOne::get();
  TempDir dir{in_memory()};
  Host one{dir, "aaaaaaaa-0000-4000-8000-000000000001", "vm.name_prefixes=" + own_name() + "\n"};
};

TEST_F(RadosProcess, AFenceEndsTheVmsAtOnceAndTheLeaseComesBackThroughProbation) {
  beat_on_ceph();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim(ceph.pool());
  auto bystander = victim("another");
  ASSERT_TRUE(eventually([&] { return one.lease(kPoolA).vm_count == 1; }));
  std::vector<std::string> clients;
  ASSERT_TRUE(eventually([&] {
    clients = ceph.watchers(one.uuid);
    return !clients.empty();
  }));
  const auto valid_until = one.lease(kPoolA).valid_until;
  for (const auto& client : clients) ceph.blocklist(client);
  ASSERT_TRUE(eventually([&] { return !vm.alive(); }));
  const auto lease = one.lease(kPoolA);
  EXPECT_TRUE(eventually([&] { return one.log().find("FENCED") != std::string::npos; }));
  EXPECT_NE(one.log().find("LEASE LOST, another host took it"), std::string::npos);
  EXPECT_GE(lease.valid_until, valid_until);  // not because its time was over
  EXPECT_TRUE(bystander.alive());
  EXPECT_TRUE(one.fed_lately());
  // A new handle is another client, and let in; the old one's process is gone.
  EXPECT_TRUE(one.held(kPoolA));
  EXPECT_FALSE(one.lease(kPoolA).fenced);
  EXPECT_EQ(one.board().incarnation, 1U);
  std::vector<std::string> again;
  EXPECT_TRUE(eventually([&] {
    again = ceph.watchers(one.uuid);
    return !again.empty() && again != clients;
  }));
}

TEST_F(RadosProcess, AHungCephIsALostLeaseAndComesBackWithoutARestart) {
  beat_on_ceph();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim(ceph.pool());
  ASSERT_TRUE(eventually([&] { return one.lease(kPoolA).vm_count == 1; }));
  ASSERT_TRUE(ceph.freeze());
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_TRUE(eventually([&] { return one.lease(kPoolA).kill == KillState::kVerifiedGone; }));
  EXPECT_FALSE(one.lease(kPoolA).fenced);
  EXPECT_TRUE(one.fed_lately());
  ASSERT_TRUE(ceph.thaw());
  EXPECT_TRUE(eventually([&] { return may_start(one.lease(kPoolA), boottime_now()); }, 60000));
}

TEST_F(RadosProcess, AFencedHostKillsAlsoWhatItWouldOnlyPause) {
  beat_on_ceph(PoolPolicy::kPause);
  ASSERT_TRUE(one.held(kPoolA, false));
  auto vm = victim(ceph.pool());
  ASSERT_TRUE(eventually([&] { return one.lease(kPoolA).vm_count == 1; }));
  std::vector<std::string> clients;
  ASSERT_TRUE(eventually([&] {
    clients = ceph.watchers(one.uuid);
    return !clients.empty();
  }));
  for (const auto& client : clients) ceph.blocklist(client);
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
}

}  // namespace
}  // namespace mold::heartbeat
