// The Ceph pool on a real Ceph: the contract, and what only Ceph does.
#include "agentd/heartbeat/rados_pool.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <set>

#include "agentd/heartbeat/rados_lanes.h"
#include "tests/unit/agentd/heartbeat/ceph_one.h"
#include "tests/unit/agentd/heartbeat/pool_medium_contract.h"

namespace mold::heartbeat {
namespace {

std::string object_of(const Uuid& host) {
  return kRadosBeatPrefix + host.text();
}

PoolChildSetup on_ceph(PoolChildSetup setup) {
  auto& ceph = CephOne::get();
  setup.type = PoolType::kRados;
  setup.op_timeout_ms = 1000;
  std::snprintf(setup.path, sizeof setup.path, "rbd:%s", ceph.pool().c_str());
  std::snprintf(setup.conf, sizeof setup.conf, "%s", ceph.conf().c_str());
  return setup;
}

MediumMaker rados_maker() {
  MediumMaker maker;
  maker.make = [](const PoolChildSetup& setup, bool fresh_pool) {
    if (fresh_pool) CephOne::get().empty_pool();
    return make_rados_pool(on_ceph(setup));
  };
  maker.plant = [](const Uuid& host, std::span<const std::byte> bytes) {
    CephOne::get().put(object_of(host),
                       {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  maker.identity = [] { return CephOne::get().content(kRadosIdentity); };
  maker.plant_identity = [](const std::string& text) {
    if (text.empty()) CephOne::get().remove(kRadosIdentity);
    if (!text.empty()) CephOne::get().put(kRadosIdentity, text);
  };
  maker.take_away = [] { ASSERT_TRUE(CephOne::get().freeze()); };
  maker.bring_back = [] { ASSERT_TRUE(CephOne::get().thaw()); };
  return maker;
}

// Skips what needs a Ceph where there is none.
class NeedsCeph : public ::testing::Environment {
 public:
  void SetUp() override {
    if (!CephOne::get().up()) GTEST_SKIP() << "no programs of Ceph here";
  }
};
const auto* const needs_ceph = ::testing::AddGlobalTestEnvironment(new NeedsCeph);

INSTANTIATE_TEST_SUITE_P(Rados, PoolMediumContract, ::testing::Values(rados_maker()));

class RadosPoolTest : public ::testing::Test {
 protected:
  RadosPoolTest() { ceph.empty_pool(); }
  static PoolChildSetup setup(std::uint8_t n = 1) { return on_ceph(setup_of(host_number(n))); }
  static BeatBytes block(std::uint64_t counter, std::uint8_t n = 1) {
    return beat_of(host_number(n), counter);
  }
  std::uint64_t stored() { return counter_in(ceph.content(object_of(host_number(1)))); }
  static testing::AssertionResult writes(PoolMedium& pool, std::uint64_t counter) {
    const auto outcome = pool.write_own(block(counter));
    if (outcome.ok()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << to_text(outcome.fault) << ", errno " << outcome.error;
  }
  // With beats in between, as in life.
  bool eventually_beating(PoolMedium& pool, std::uint64_t counter,
                          const std::function<bool()>& come_true) {
    return eventually([&] { return pool.write_own(block(counter++)).ok() && come_true(); }, 60000);
  }
  CephOne& ceph = CephOne::get();
};

// What a call that empties its buffer would leave behind: nothing, and "ok".
TEST_F(RadosPoolTest, EveryBeatIsWholeAndNew) {
  const auto pool = make_rados_pool(setup());
  for (std::uint64_t n = 1; n < 50; ++n) {
    ASSERT_TRUE(writes(*pool, n));
    const auto expected = block(n);
    ASSERT_EQ(ceph.content(object_of(host_number(1))),
              std::string(reinterpret_cast<const char*>(expected.data()), expected.size()));
  }
}

// The storage hangs: the call comes back by itself, and what it did is not known.
TEST_F(RadosPoolTest, AHungStorageIsATimeoutAndALateWriteNeverWins) {
  const auto pool = make_rados_pool(setup());
  ASSERT_TRUE(writes(*pool, 1));
  ASSERT_TRUE(ceph.freeze());
  const auto hung = pool->write_own(block(100));
  EXPECT_EQ(hung.fault, PoolFault::kWrite);
  EXPECT_EQ(hung.error, ETIMEDOUT);
  EXPECT_FALSE(pool->write_own(block(101)).ok());
  EXPECT_FALSE(pool->fenced());
  ASSERT_TRUE(ceph.thaw());
  std::uint64_t last = 200;
  EXPECT_TRUE(eventually([&] { return pool->write_own(block(++last)).ok(); }, 60000));
  // Whenever the two old ones land now, they are refused: the object has been written since.
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(stored(), last);
    ASSERT_TRUE(writes(*pool, ++last));
  }
}

TEST_F(RadosPoolTest, AHandleThatWasBehindLooksAgainBeforeItWrites) {
  const auto old = make_rados_pool(setup());
  ASSERT_TRUE(writes(*old, 1));
  const auto next = make_rados_pool(setup());
  ASSERT_TRUE(writes(*next, 2));
  EXPECT_EQ(stored(), 2U);
  ASSERT_TRUE(writes(*old, 3));
  EXPECT_EQ(stored(), 3U);
}

TEST_F(RadosPoolTest, WhoeverFencesFindsTheClientByItsWatch) {
  const auto pool = make_rados_pool(setup());
  ASSERT_TRUE(writes(*pool, 1));
  std::vector<std::string> found;
  ASSERT_TRUE(eventually_beating(*pool, 2, [&] {
    found = ceph.watchers(host_number(1).text());
    return found.size() == RadosLanes::kLanes;  // each is a client of its own
  }));
  for (const auto& client : found) EXPECT_NE(client.find("/"), std::string::npos) << client;
  // The object goes, and the watch with it; the next beats bring both back.
  ceph.remove(object_of(host_number(1)));
  ASSERT_TRUE(eventually_beating(*pool, 1000,
                                 [&] { return ceph.watchers(host_number(1).text()) == found; }));
}

TEST_F(RadosPoolTest, TheWatchOutlivesAnOutage) {
  const auto pool = make_rados_pool(setup());
  ASSERT_TRUE(
      eventually_beating(*pool, 1, [&] { return !ceph.watchers(host_number(1).text()).empty(); }));
  ASSERT_TRUE(ceph.freeze());
  EXPECT_FALSE(pool->write_own(block(100)).ok());
  ASSERT_TRUE(ceph.thaw());
  EXPECT_TRUE(eventually(
      [&] {
        return pool->write_own(block(200)).ok() &&
               ceph.watchers(host_number(1).text()).size() == RadosLanes::kLanes;
      },
      60000));
}

TEST_F(RadosPoolTest, ABlocklistedClientIsFencedForGoodAndANewOneIsNot) {
  auto pool = make_rados_pool(setup());
  std::vector<std::string> found;
  ASSERT_TRUE(eventually_beating(*pool, 1, [&] {
    found = ceph.watchers(host_number(1).text());
    return !found.empty();
  }));
  const auto reader = make_rados_pool(setup(2));
  ASSERT_TRUE(reader->write_own(block(1, 2)).ok());
  ceph.blocklist(found[0]);
  EXPECT_TRUE(eventually([&] { return !pool->write_own(block(5000)).ok(); }));
  EXPECT_EQ(pool->write_own(block(5001)).fault, PoolFault::kFenced);
  EXPECT_TRUE(pool->fenced());
  // The other host goes on, and our record stands still for it.
  ASSERT_TRUE(reader->write_own(block(2, 2)).ok());
  EXPECT_FALSE(reader->fenced());
  EXPECT_LT(stored(), 5001U);
  ceph.blocklist(found[0], false);
  EXPECT_EQ(pool->write_own(block(5002)).fault, PoolFault::kFenced);  // this handle never again
  pool = make_rados_pool(setup());
  EXPECT_TRUE(writes(*pool, 6000));
  EXPECT_EQ(stored(), 6000U);
}

TEST_F(RadosPoolTest, AReadTellsOfAFenceToo) {
  const auto other = make_rados_pool(setup(2));
  ASSERT_TRUE(other->write_own(block(1, 2)).ok());
  const auto pool = make_rados_pool(setup());
  std::vector<std::string> found;
  ASSERT_TRUE(eventually_beating(*pool, 1, [&] {
    found = ceph.watchers(host_number(1).text());
    return !found.empty();
  }));
  ceph.blocklist(found[0]);
  BeatBytes seen{};
  EXPECT_TRUE(eventually([&] { return pool->read(host_number(2), seen) < 0; }));
  EXPECT_TRUE(pool->fenced());
  ceph.blocklist(found[0], false);
}

TEST_F(RadosPoolTest, AUserWithoutAccessIsAnErrorUntilItHasAKeyAgain) {
  ceph.take_user_away();
  const auto pool = make_rados_pool(setup());
  const auto refused = pool->write_own(block(1));
  EXPECT_EQ(refused.fault, PoolFault::kConnect);
  EXPECT_FALSE(pool->fenced());
  ASSERT_TRUE(ceph.grant());  // with another key
  EXPECT_TRUE(writes(*pool, 2));
}

TEST_F(RadosPoolTest, WhatIsNotThereIsAnError) {
  auto bad = setup();
  std::snprintf(bad.path, sizeof bad.path, "rbd:nothing");
  EXPECT_EQ(make_rados_pool(bad)->write_own(block(1)).fault, PoolFault::kDirectory);
  bad = setup();
  std::snprintf(bad.conf, sizeof bad.conf, "/nonexistent/conf");
  const auto outcome = make_rados_pool(bad)->write_own(block(1));
  EXPECT_EQ(outcome.fault, PoolFault::kSettings);
  EXPECT_EQ(outcome.error, ENOENT);
  // No monitor answers: given up after the timeout, not after Ceph's five minutes.
  ceph.dir().write("dead.conf", "[global]\nmon_host = 127.0.0.1:1\nauth_client_required = none\n");
  bad = setup();
  std::snprintf(bad.conf, sizeof bad.conf, "%s", ceph.dir().path("dead.conf").c_str());
  EXPECT_EQ(make_rados_pool(bad)->write_own(block(1)).fault, PoolFault::kConnect);
}

// This process's connections to the OSD. Monitors have ports below.
std::set<int> connections() {
  constexpr int kFirstOsdPort = 6800;
  std::set<int> found;
  DIR* const dir = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(dir)) {
    const int fd = std::atoi(entry->d_name);
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (fd > 2 && ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) >= kFirstOsdPort) {
      found.insert(fd);
    }
  }
  ::closedir(dir);
  return found;
}

// A connection that hears nothing any more, as if every frame to it was lost: TCP at the other end
// goes on trying, more and more seldom.
class Deaf {
 public:
  explicit Deaf(int fd) : fd_(fd) {
    sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &nothing};
    EXPECT_EQ(::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
  }
  Deaf(const Deaf&) = delete;
  Deaf& operator=(const Deaf&) = delete;
  ~Deaf() {
    const int unused = 0;
    (void)::setsockopt(fd_, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
  }

 private:
  int fd_;
};

TEST_F(RadosPoolTest, ConnectionsThatStandStillAreNotTheStorage) {
  const auto others = connections();  // of the client that looks past the medium
  const auto pool = make_rados_pool(setup());
  std::vector<int> lanes;
  ASSERT_TRUE(eventually_beating(*pool, 1, [&] {
    const auto all = connections();
    lanes.clear();
    std::set_difference(all.begin(), all.end(), others.begin(), others.end(),
                        std::back_inserter(lanes));
    return lanes.size() == RadosLanes::kLanes;
  }));
  ASSERT_TRUE(writes(*pool, 999'999));
  for (const int lane : lanes) {
    int thin = 0;
    socklen_t size = sizeof thin;
    ::getsockopt(lane, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &thin, &size);
    EXPECT_EQ(thin, 1) << "not known to librados, and set all the same";
  }
  std::uint64_t counter = 1'000'000;
  for (std::size_t hears = 0; hears < lanes.size(); ++hears) {
    std::vector<std::unique_ptr<Deaf>> deaf;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (i != hears) deaf.push_back(std::make_unique<Deaf>(lanes[i]));
    }
    // Whichever was heard last: with one beat given up at the most, the one that hears is found.
    const bool first = pool->write_own(block(++counter)).ok();
    EXPECT_TRUE(first || writes(*pool, ++counter)) << hears;
    EXPECT_EQ(stored(), counter);
    // What was asked of the deaf ones lands late, and changes nothing.
    deaf.clear();
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(writes(*pool, ++counter));
      ASSERT_EQ(stored(), counter);
    }
  }
}

TEST_F(RadosPoolTest, AnEmptiedListOfHostsIsFilledAgain) {
  const auto one = make_rados_pool(setup(1));
  const auto two = make_rados_pool(setup(2));
  ASSERT_TRUE(one->write_own(block(1, 1)).ok());
  ASSERT_TRUE(two->write_own(block(1, 2)).ok());
  const auto identity = ceph.content(kRadosIdentity);
  ceph.remove(kRadosIdentity);
  ceph.put(kRadosIdentity, identity);  // without its omap
  std::array<Uuid, 8> hosts;
  EXPECT_EQ(one->list(hosts), 0);
  EXPECT_EQ(two->list(hosts), 0);
  ASSERT_TRUE(one->write_own(block(2, 1)).ok());
  ASSERT_TRUE(two->write_own(block(2, 2)).ok());
  EXPECT_EQ(one->list(hosts), 1);
  EXPECT_EQ(two->list(hosts), 1);
}

}  // namespace
}  // namespace mold::heartbeat
