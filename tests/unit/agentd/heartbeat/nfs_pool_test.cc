// The NFS pool on a real server: the contract, and what a server does that stops answering.
#include "agentd/heartbeat/nfs_pool.h"

#include <cerrno>
#include <cstdio>

#include "tests/unit/agentd/heartbeat/nfs_server.h"
#include "tests/unit/agentd/heartbeat/pool_medium_contract.h"

namespace mold::heartbeat {
namespace {

std::string file_of(const Uuid& host) {
  return "/.mold-ha/beats/" + host.text();
}

PoolChildSetup on_nfs(PoolChildSetup setup, const std::string& source) {
  setup.type = PoolType::kNfs;
  setup.op_timeout_ms = 1000;
  std::snprintf(setup.source, sizeof setup.source, "%s", source.c_str());
  return setup;
}

MediumMaker nfs_maker() {
  auto source = std::make_shared<std::string>();
  MediumMaker maker;
  maker.make = [source](const PoolChildSetup& setup, bool fresh_pool) {
    if (fresh_pool || source->empty()) *source = NfsServer::get().fresh_source();
    return make_nfs_pool(on_nfs(setup, *source));
  };
  maker.plant = [](const Uuid& host, std::span<const std::byte> bytes) {
    NfsServer::get().put(file_of(host),
                         {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  maker.identity = [] { return NfsServer::get().read("/.mold-ha/pool"); };
  maker.plant_identity = [](const std::string& text) {
    NfsServer::get().remove("/.mold-ha/pool");
    if (!text.empty()) NfsServer::get().put("/.mold-ha/pool", text);
  };
  maker.take_away = [] { NfsServer::get().stop(); };
  maker.bring_back = [] { NfsServer::get().go_on(); };
  return maker;
}

class NeedsNfs : public ::testing::Environment {
 public:
  void SetUp() override {
    if (!NfsServer::get().up()) GTEST_SKIP() << "no NFS server here (nfs-ganesha, root)";
  }
};
const auto* const needs_nfs = ::testing::AddGlobalTestEnvironment(new NeedsNfs);

INSTANTIATE_TEST_SUITE_P(Nfs, PoolMediumContract, ::testing::Values(nfs_maker()));

class NfsPoolTest : public ::testing::Test {
 protected:
  [[nodiscard]] PoolChildSetup setup() const { return on_nfs(setup_of(host), source); }
  [[nodiscard]] BeatBytes block(std::uint64_t counter) const { return beat_of(host, counter); }
  std::uint64_t stored() { return counter_in(server.read(file_of(host))); }

  Uuid host = host_number(1);
  NfsServer& server = NfsServer::get();
  std::string source = server.fresh_source();
};

// The call comes back by itself; no process is left that cannot be ended.
TEST_F(NfsPoolTest, AServerThatStopsIsATimeoutAndALateWriteNeverWins) {
  const auto pool = make_nfs_pool(setup());
  ASSERT_TRUE(pool->write_own(block(1)).ok());
  for (std::uint64_t round = 1; round <= 3; ++round) {
    server.stop();
    const auto hung = pool->write_own(block(round * 100));
    EXPECT_FALSE(hung.ok());
    EXPECT_EQ(hung.error, ETIMEDOUT) << to_text(hung.fault);
    server.go_on();
    std::uint64_t last = round * 100 + 1;
    EXPECT_TRUE(eventually([&] { return pool->write_own(block(++last)).ok(); }));
    // The write that was under way belongs to a file without a name.
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(stored(), last);
      ASSERT_TRUE(pool->write_own(block(++last)).ok());
    }
  }
  // Nothing temporary stays.
  std::size_t files = 0;
  const auto pool_dir = server.dir().path("export/" + source.substr(source.rfind('/') + 1));
  for (const auto& entry : std::filesystem::directory_iterator(pool_dir + "/.mold-ha/beats")) {
    EXPECT_EQ(entry.path().filename(), host.text());
    ++files;
  }
  EXPECT_EQ(files, 1U);
}

TEST_F(NfsPoolTest, AnInstanceThatDiedInAWriteLeavesNothingToLand) {
  ASSERT_TRUE(make_nfs_pool(setup())->write_own(block(1)).ok());
  server.put("/.mold-ha/beats/.tmp." + host.text() + ".1.1.1", "half a beat");
  ASSERT_TRUE(make_nfs_pool(setup())->write_own(block(2)).ok());
  EXPECT_EQ(server.read("/.mold-ha/beats/.tmp." + host.text() + ".1.1.1"), "");
  EXPECT_EQ(stored(), 2U);
}

TEST_F(NfsPoolTest, ARemovedRecordIsMadeAnew) {
  const auto pool = make_nfs_pool(setup());
  ASSERT_TRUE(pool->write_own(block(1)).ok());
  server.remove(file_of(host));
  ASSERT_TRUE(pool->write_own(block(2)).ok());
  EXPECT_EQ(stored(), 2U);
}

TEST_F(NfsPoolTest, WhatIsNotThereIsAnError) {
  const auto fault_of = [&](const std::string& bad) {
    return make_nfs_pool(on_nfs(setup(), bad))->write_own(block(1)).fault;
  };
  EXPECT_EQ(fault_of("nfs://127.0.0.1:1/x"), PoolFault::kConnect);
  EXPECT_EQ(fault_of(source + "-not"), PoolFault::kConnect);
  EXPECT_EQ(fault_of("http://127.0.0.1/x"), PoolFault::kSettings);
}

TEST(NfsUrl, SaysVersionAndPort) {
  const std::string always = "&autoreconnect=0&dircache=0";
  EXPECT_EQ(nfs_url_of("nfs://a/b/c"), "nfs://a/b/c?version=4" + always);
  EXPECT_EQ(nfs_url_of("nfs://a:20490/b"), "nfs://a/b?version=4&nfsport=20490" + always);
  EXPECT_EQ(nfs_url_of("nfs://a/b?version=3"), "nfs://a/b?version=3" + always);
  EXPECT_EQ(nfs_url_of("nfs://[fd00::1]:1/b"), "nfs://[fd00::1]/b?version=4&nfsport=1" + always);
  EXPECT_EQ(nfs_url_of("nfs://[fd00::1]/b"), "nfs://[fd00::1]/b?version=4" + always);
  EXPECT_EQ(nfs_url_of("nfs://a"), "");
  EXPECT_EQ(nfs_url_of("nfs:///b"), "");
  EXPECT_EQ(nfs_url_of("nfs://a:x/b"), "");
}

}  // namespace
}  // namespace mold::heartbeat
