// mold-heartbeat with a pool on a real NFS server, reached from user space.
#include "tests/unit/agentd/heartbeat/heartbeat_host.h"
#include "tests/unit/agentd/heartbeat/nfs_server.h"

namespace mold::heartbeat {
namespace {

TEST(NfsProcess, AServerThatStopsIsALostLeaseAndComesBackWithoutARestart) {
  auto& server = NfsServer::get();
  TempDir dir{in_memory()};
  std::filesystem::create_directory(dir.path("mount"));
  Host one(dir, "aaaaaaaa-0000-4000-8000-000000000001");
  one.save({{.uuid = *Uuid::parse(kPoolA),
             .type = PoolType::kNfs,
             .source = server.fresh_source(),
             .path = dir.path("mount")}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  ChildProcess vm({MOLD_TEST_VICTIM, dir.path("mount/disk")}, dir.path("victim.log"));
  ASSERT_TRUE(eventually([&] { return one.lease(kPoolA).vm_count == 1; }));
  const auto children = one.children();
  ASSERT_EQ(children.size(), 1U);
  server.stop();
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_TRUE(eventually([&] { return one.lease(kPoolA).kill == KillState::kVerifiedGone; }));
  // What waits for the server could be ended at any moment; nobody had to.
  EXPECT_NE(state_of(children[0]), 'D');
  EXPECT_TRUE(one.fed_lately());
  server.go_on();
  EXPECT_TRUE(one.held(kPoolA));
  EXPECT_EQ(one.children(), children);
  EXPECT_EQ(one.board().incarnation, 1U);
  if (::testing::Test::HasFailure()) std::cerr << one.log();
}

}  // namespace
}  // namespace mold::heartbeat
