// The whole program as real processes: supervisor, children, victims, in a directory of its own.
// Only the watchdog is a double (in the lab it is a device).
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <sstream>

#include "agentd/heartbeat/beat_record.h"
#include "agentd/heartbeat/block_layout.h"
#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/pool_protocol.h"
#include "agentd/heartbeat/pools_file.h"
#include "tests/unit/agentd/heartbeat/heartbeat_host.h"

namespace mold::heartbeat {
namespace {

namespace fs = std::filesystem;

// No such process, or a zombie that its new parent has not taken yet.
bool ended(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  return !std::getline(stat, text) || text.find(") Z ") != std::string::npos;
}

class HeartbeatProcess : public ::testing::Test {
 protected:
  HeartbeatProcess() {
    fs::create_directories(dir.path("pool-a"));
    fs::create_directories(dir.path("pool-b"));
  }
  void TearDown() override {
    if (HasFailure()) std::cerr << one.log();
  }
  ChildProcess victim(const std::string& file) {
    return ChildProcess({MOLD_TEST_VICTIM, dir.path(file)}, dir.path("victim.log"));
  }
  bool sees(Host& host, const std::string& pool, std::uint32_t vms) {
    return eventually([&] { return host.lease(pool).vm_count == vms; });
  }
  BeatRecord record_of(const Host& host, const std::string& pool_dir) {
    std::ifstream in(dir.path(pool_dir + "/.mold-ha/beats/" + host.uuid), std::ios::binary);
    std::string text(kBeatBlockSize, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    BeatRecord record;
    (void)decode_beat(std::as_bytes(std::span(text.data(), text.size())), record);
    return record;
  }
  TempDir dir{in_memory()};
  Host one{dir, "aaaaaaaa-0000-4000-8000-000000000001"};
};

TEST_F(HeartbeatProcess, TwoHostsSeeEachOthersBeats) {
  Host two(dir, "bbbbbbbb-0000-4000-8000-000000000002");
  one.pools({{kPoolA, "pool-a"}});
  two.pools({{kPoolA, "pool-a"}});
  one.start();
  two.start();
  ASSERT_TRUE(one.held(kPoolA));
  ASSERT_TRUE(two.held(kPoolA));
  const auto seen = [&] {
    const auto lease = one.lease(kPoolA);
    return lease.readings.size() == 1 && lease.readings[0].host == two.uuid &&
           lease.readings[0].status == ReadingStatus::kOk && lease.readings[0].armed &&
           lease.readings[0].epoch == 5 && lease.readings[0].deadline_ms == 2500;
  };
  ASSERT_TRUE(eventually(seen));
  const auto first = one.lease(kPoolA).readings[0];
  EXPECT_TRUE(eventually([&] {
    const auto now = one.lease(kPoolA).readings[0];
    return now.counter > first.counter && now.changed_at > first.changed_at;
  }));
  // The other one dies: read on, but nothing changes any more.
  two.process.kill_now();
  EXPECT_TRUE(eventually([&] {
    const auto now = one.lease(kPoolA).readings[0];
    return now.read_at - now.changed_at > 1500ms && now.status == ReadingStatus::kOk;
  }));
  // A torn record is unknown, not dead.
  dir.write("pool-a/.mold-ha/beats/" + two.uuid, "MOLD-BEAT 1\ncluster");
  EXPECT_TRUE(
      eventually([&] { return one.lease(kPoolA).readings[0].status == ReadingStatus::kUnknown; }));
}

TEST_F(HeartbeatProcess, ARecordThatShouldHaveMovedIsReadMoreOften) {
  Host two(dir, "bbbbbbbb-0000-4000-8000-000000000002");
  for (Host* host : {&one, &two}) {
    host->save({{.uuid = *Uuid::parse(kPoolA),
                 .beat_interval_ms = 2000,
                 .deadline_ms = 10000,
                 .path = dir.path("pool-a")}});
    host->start();
  }
  const auto read_at = [this] {
    const auto lease = one.lease(kPoolA);
    return lease.readings.empty() ? Instant{} : lease.readings[0].read_at;
  };
  ASSERT_TRUE(eventually([&] { return read_at().ms != 0; }));
  two.process.send(SIGKILL);
  Instant last = read_at();
  EXPECT_TRUE(eventually([&] {
    const Instant now = read_at();
    const Duration between = now - std::exchange(last, now);
    return between > 0ms && between < 1000ms;
  }));
}

TEST_F(HeartbeatProcess, AHungPoolCostsOnlyItsOwnVms) {
  one.pools({{kPoolA, "pool-a"}, {kPoolB, "pool-b"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  ASSERT_TRUE(one.held(kPoolB));
  auto on_a = victim("pool-a/disk");
  auto on_b = victim("pool-b/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  ASSERT_TRUE(sees(one, kPoolB, 1));
  const auto children = one.children();
  ASSERT_EQ(children.size(), 2U);
  const int hung = std::min(children[0], children[1]);  // pool A's was started first
  ::kill(hung, SIGSTOP);
  EXPECT_TRUE(eventually([&] { return !on_a.alive(); }));
  EXPECT_TRUE(eventually([&] { return one.lease(kPoolA).kill == KillState::kVerifiedGone; }));
  EXPECT_EQ(one.lease(kPoolA).state, LeaseState::kLost);
  EXPECT_EQ(one.board().incarnation, 1U);
  EXPECT_EQ(one.lease(kPoolB).state, LeaseState::kHeld);
  auto late = victim("pool-a/late");
  EXPECT_TRUE(eventually([&] { return !late.alive(); }));
  // The stuck process is given up, a new one takes over, the lease comes back through probation.
  EXPECT_TRUE(one.held(kPoolA));
  EXPECT_TRUE(on_b.alive());
  EXPECT_TRUE(one.process.alive());
  EXPECT_TRUE(one.fed_lately());
  EXPECT_EQ(record_of(one, "pool-a").incarnation, 1U);
}

TEST_F(HeartbeatProcess, AFreezeKillsFirst) {
  one.pools({{kPoolA, "pool-a"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  one.process.send(SIGSTOP);
  const auto valid_until = one.lease(kPoolA).valid_until;
  const auto counter = record_of(one, "pool-a").counter;
  ASSERT_TRUE(eventually([&] { return boottime_now() > valid_until + 1500ms; }));
  EXPECT_TRUE(vm.alive());
  EXPECT_LE(record_of(one, "pool-a").counter, counter + 1);
  one.process.send(SIGCONT);
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }, 2000));
  EXPECT_TRUE(one.held(kPoolA));
  const auto log = one.log();
  EXPECT_LT(log.find("LEASE LOST"), log.find("killed process"));
  EXPECT_LT(log.find("killed process"), log.find("stood still"));
}

TEST_F(HeartbeatProcess, AnOrderlyStopTakesThePromiseBackAndLeavesTheVms) {
  one.pools({{kPoolA, "pool-a"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  one.process.send(SIGTERM);
  EXPECT_EQ(one.process.wait(), 0);
  EXPECT_EQ(one.watchdog->running, 0);
  EXPECT_FALSE(record_of(one, "pool-a").armed);
  EXPECT_EQ(one.lease(kPoolA).state, LeaseState::kLeaving);
  EXPECT_TRUE(vm.alive());
  one.start();
  EXPECT_TRUE(one.held(kPoolA));
  EXPECT_TRUE(vm.alive());
  EXPECT_EQ(one.board().incarnation, 0U);
}

TEST_F(HeartbeatProcess, AStopThatCannotTakeThePromiseBackLeavesTheWatchdogRunning) {
  one.pools({{kPoolA, "pool-a"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  ::kill(one.children().at(0), SIGSTOP);
  one.process.send(SIGTERM);
  // Not 2, after which its unit is not started again: here the next instance is waited for.
  EXPECT_EQ(one.process.wait(), 3);
  EXPECT_EQ(one.watchdog->running, 1);
  // The next instance keeps the promise of the last: its lease has run out, the VM is killed.
  const auto over = one.lease(kPoolA).valid_until;
  ASSERT_TRUE(eventually([&] { return boottime_now() > over; }));
  one.start();
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_TRUE(one.held(kPoolA));
}

TEST_F(HeartbeatProcess, AfterACrashTheNextInstanceGoesOnWithTheLease) {
  one.pools({{kPoolA, "pool-a"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim("pool-a/disk");
  const auto child = one.children().at(0);
  one.process.kill_now();
  EXPECT_EQ(one.watchdog->running, 1);
  const auto left_at = one.lease(kPoolA).valid_until;
  one.start();
  EXPECT_TRUE(eventually([&] { return ended(child); }));  // it dies with its supervisor
  EXPECT_TRUE(eventually([&] { return one.lease(kPoolA).valid_until > left_at; }));
  EXPECT_TRUE(vm.alive());
  EXPECT_EQ(one.board().incarnation, 0U);
  EXPECT_EQ(one.log().find("LEASE LOST"), std::string::npos);
  // And once more, but too late for the lease.
  one.process.kill_now();
  const auto over = one.lease(kPoolA).valid_until;
  ASSERT_TRUE(eventually([&] { return boottime_now() > over; }));
  one.start();
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_TRUE(eventually([&] { return one.board().incarnation == 1; }));
}

TEST_F(HeartbeatProcess, TheNextInstanceFindsTheVmsOfALinkedPoolThatHangs) {
  fs::create_directory_symlink(dir.path("pool-a"), dir.path("linked"));
  one.pools({{kPoolA, "linked"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  EXPECT_EQ(one.lease(kPoolA).real_path, fs::canonical(dir.path("pool-a")));
  one.process.kill_now();
  const auto over = one.lease(kPoolA).valid_until;
  ASSERT_TRUE(eventually([&] { return boottime_now() > over; }));
  fs::remove(dir.path("linked"));  // no new child can find out where it leads
  one.start();
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_TRUE(eventually([&] { return one.lease(kPoolA).kill == KillState::kVerifiedGone; }));
}

TEST_F(HeartbeatProcess, PoolsComeAndGoWithTheFile) {
  one.start();
  one.pools({{kPoolA, "pool-a"}, {kPoolB, "pool-b"}});
  ASSERT_TRUE(one.held(kPoolB));
  auto vm = victim("pool-b/disk");
  ASSERT_TRUE(sees(one, kPoolB, 1));
  dir.write(one.base + "/pools", "mold-pools 1\nnonsense\n");
  one.process.send(SIGHUP);
  EXPECT_TRUE(
      eventually([&] { return one.log().find("pools stay as they are") != std::string::npos; }));
  EXPECT_EQ(one.board().pools.size(), 2U);
  one.pools({{kPoolA, "pool-a"}});
  EXPECT_TRUE(eventually([&] { return one.board().pools.size() == 1; }));
  EXPECT_FALSE(record_of(one, "pool-b").armed);
  EXPECT_TRUE(vm.alive());
  one.pools({{kPoolA, "pool-a"}, {kPoolB, "pool-b"}});
  EXPECT_TRUE(one.held(kPoolB));
}

TEST_F(HeartbeatProcess, WithoutAWatchdogNothingIsPromised) {
  one.watchdog->refuses = 1;
  one.pools({{kPoolA, "pool-a"}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA, false));
  EXPECT_FALSE(record_of(one, "pool-a").armed);
  EXPECT_FALSE(one.board().watchdog_armed);
  EXPECT_EQ(one.board().watchdog_note, "double refuses");
  one.watchdog->refuses = 0;  // the driver was loaded later
  EXPECT_TRUE(one.held(kPoolA));
  one.watchdog->refuses = 1;  // and failed again
  EXPECT_TRUE(eventually([&] { return !record_of(one, "pool-a").armed; }));
}

TEST_F(HeartbeatProcess, AShortDeadlineIsGivenAWatchdogThatBitesSooner) {
  Host two(dir, "bbbbbbbb-0000-4000-8000-000000000002",
           "watchdog.timeout=5\nself_fence.deadline_ms=9000\n");
  two.pools({{kPoolA, "pool-a"}});
  two.start();
  ASSERT_TRUE(two.held(kPoolA));
  EXPECT_EQ(two.board().watchdog_timeout_ms, 3000U);
  // What the rest is not enough for is said where the operator looks.
  two.save({{.uuid = *Uuid::parse(kPoolA), .deadline_ms = 3500, .path = dir.path("pool-a")}});
  EXPECT_TRUE(eventually([&] {
    return two.lease(kPoolA).last_error.find("too short for a watchdog of 3000 ms") !=
           std::string::npos;
  }));
}

// kill_after is 2.7 s, and 4.7 s with a watchdog of one second.
constexpr auto kRoomForTheStorage = "watchdog.timeout=3\nself_fence.deadline_ms=6000\n";

TEST_F(HeartbeatProcess, TheWatchdogBitesSoonerWhileALeaseIsAboutToRunOut) {
  Host two(dir, "bbbbbbbb-0000-4000-8000-000000000002", kRoomForTheStorage);
  two.pools({{kPoolA, "pool-a"}});
  two.start();
  ASSERT_TRUE(two.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(two, kPoolA, 1));
  const int child = two.children().at(0);
  ::kill(child, SIGSTOP);
  const auto until = two.lease(kPoolA).valid_until;
  EXPECT_TRUE(eventually([&] { return two.watchdog->timeout_ms == 1000; }));
  EXPECT_TRUE(eventually([&] { return two.lease(kPoolA).valid_until >= until + 2000ms; }));
  EXPECT_TRUE(eventually([&] { return boottime_now() > until; }));
  ::kill(child, SIGCONT);
  EXPECT_TRUE(eventually([&] { return two.watchdog->timeout_ms == 3000; }));
  EXPECT_EQ(two.board().watchdog_timeout_ms, 3000U);
  EXPECT_TRUE(two.held(kPoolA));
  EXPECT_TRUE(vm.alive());
  EXPECT_EQ(two.log().find("LEASE LOST"), std::string::npos) << two.log();
}

// A longer deadline has room for a slower watchdog; what is on the storage still says the shorter.
TEST_F(HeartbeatProcess, AWatchdogIsNotSetByADeadlineThatWasNotAnnounced) {
  Host two(dir, "bbbbbbbb-0000-4000-8000-000000000002",
           "watchdog.timeout=5\nself_fence.deadline_ms=7000\n");
  two.pools({{kPoolA, "pool-a"}});
  two.start();
  ASSERT_TRUE(two.held(kPoolA));
  ASSERT_EQ(two.watchdog->timeout_ms, 3000);
  const auto held_since = boottime_now();
  ASSERT_TRUE(eventually([&] { return boottime_now() > held_since + 6000ms; }));  // calm
  ::kill(two.children().at(0), SIGSTOP);
  const auto stopped = boottime_now();
  two.save({{.uuid = *Uuid::parse(kPoolA), .deadline_ms = 30'000, .path = dir.path("pool-a")}});
  int most = 0;
  EXPECT_TRUE(eventually([&] {
    most = std::max(most, static_cast<int>(two.watchdog->timeout_ms));
    return boottime_now() > stopped + 1500ms;
  }));
  EXPECT_EQ(most, 3000);
  ::kill(two.children().at(0), SIGCONT);
  EXPECT_TRUE(eventually([&] { return two.watchdog->timeout_ms == 5000; }));
  EXPECT_TRUE(two.held(kPoolA));
  EXPECT_EQ(two.log().find("LEASE LOST"), std::string::npos) << two.log();
}

TEST_F(HeartbeatProcess, AWatchdogThatCannotBiteSoonerCostsTheLease) {
  Host two(dir, "bbbbbbbb-0000-4000-8000-000000000002", kRoomForTheStorage);
  two.watchdog->shortest_s = 3;
  two.pools({{kPoolA, "pool-a"}});
  two.start();
  ASSERT_TRUE(two.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(two, kPoolA, 1));
  ::kill(two.children().at(0), SIGSTOP);
  const auto until = two.lease(kPoolA).valid_until;
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_LT(boottime_now(), until + 2000ms);
  EXPECT_EQ(two.watchdog->timeout_ms, 3000);
  EXPECT_NE(two.log().find("LEASE LOST"), std::string::npos);
}

// The policy pause: stopped while the storage is bad, also over a restart, and then they go on.
TEST_F(HeartbeatProcess, PausedVmsGoOnWhenBeatsAreGoodAgain) {
  one.save(
      {{.uuid = *Uuid::parse(kPoolA), .policy = PoolPolicy::kPause, .path = dir.path("pool-a")}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA, false));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  EXPECT_FALSE(record_of(one, "pool-a").armed);
  fs::rename(dir.path("pool-a/.mold-ha"), dir.path("pool-a/away"));
  EXPECT_TRUE(eventually([&] { return state_of(vm.pid()) == 'T'; }));
  EXPECT_EQ(one.lease(kPoolA).state, LeaseState::kLost);
  one.process.kill_now();
  one.start();
  EXPECT_TRUE(eventually([&] { return one.board().updated_at > boottime_now() - 500ms; }));
  EXPECT_EQ(state_of(vm.pid()), 'T');
  EXPECT_TRUE(one.fed_lately());
  fs::rename(dir.path("pool-a/away"), dir.path("pool-a/.mold-ha"));
  EXPECT_TRUE(eventually([&] { return state_of(vm.pid()) == 'S'; }));
  EXPECT_TRUE(one.held(kPoolA, false));
  EXPECT_TRUE(vm.alive());
  EXPECT_EQ(one.log().find("killed process"), std::string::npos);
}

TEST_F(HeartbeatProcess, ABlockPoolIsHeldLostAndComesBackWithoutARestart) {
  const auto lun = dir.path("lun");
  std::ofstream(lun, std::ios::binary) << std::string(kBlockAreaSize, '\0');
  one.save({{.uuid = *Uuid::parse(kPoolA),
             .type = PoolType::kBlock,
             .source = lun,
             .path = dir.path("pool-a")}});
  one.start();
  ASSERT_TRUE(one.held(kPoolA));
  auto vm = victim("pool-a/disk");
  ASSERT_TRUE(sees(one, kPoolA, 1));
  fs::copy_file(lun, lun + ".copy");
  fs::resize_file(lun, 0);
  EXPECT_TRUE(eventually([&] { return !vm.alive(); }));
  EXPECT_EQ(one.lease(kPoolA).state, LeaseState::kLost);
  fs::copy_file(lun + ".copy", lun, fs::copy_options::overwrite_existing);
  EXPECT_TRUE(one.held(kPoolA));
  EXPECT_EQ(one.lease(kPoolA).type, PoolType::kBlock);
}

TEST_F(HeartbeatProcess, APoolWhoseProgramIsMissingHurtsNoOther) {
  dir.write(one.base + "/heartbeat.conf",
            [&] {
              std::stringstream text;
              text << std::ifstream(one.file("heartbeat.conf")).rdbuf();
              return text.str();
            }() +
                "programs.dir=" + dir.path("nothing") + "\n");
  one.save({{.uuid = *Uuid::parse(kPoolA),
             .type = PoolType::kNfs,
             .source = "nfs://127.0.0.1/x",
             .path = dir.path("pool-a")},
            {.uuid = *Uuid::parse(kPoolB), .path = dir.path("pool-b")}});
  one.start();
  EXPECT_TRUE(one.held(kPoolB));
  EXPECT_TRUE(eventually(
      [&] { return one.lease(kPoolA).last_error.find("not installed") != std::string::npos; }));
  EXPECT_EQ(one.lease(kPoolA).state, LeaseState::kNotCounted);
}

// Started by anybody else than mold-heartbeat, or by one of another version.
TEST_F(HeartbeatProcess, APoolsProgramGoesOnlyWithItsOwnSupervisor) {
  for (const char* name : {"/mold-heartbeat-nfs", "/mold-heartbeat-rados"}) {
    const auto program = std::string(MOLD_TEST_PROGRAMS) + name;
    if (!fs::exists(program)) continue;
    EXPECT_EQ(ChildProcess({program}, one.file("log")).wait(), 2);
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    PoolChildSetup setup;
    setup.size = kPoolProtocolSize;
    ++setup.version;
    ASSERT_EQ(::send(pair[0], &setup, sizeof setup, 0), static_cast<ssize_t>(sizeof setup));
    const int pid = ::fork();
    if (pid == 0) {
      ::dup2(pair[1], kPoolProgramSocket);
      ::execl(program.c_str(), program.c_str(), nullptr);
      ::_exit(99);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(WEXITSTATUS(status), kExitOtherVersion);
    ::close(pair[0]);
    ::close(pair[1]);
  }
}

TEST_F(HeartbeatProcess, ASecondInstanceIsKeptOut) {
  one.start();
  ASSERT_TRUE(eventually([&] { return one.board().supervisor_pid != 0; }));
  ChildProcess second({MOLD_TEST_HEARTBEAT, "--config", one.file("heartbeat.conf")},
                      one.file("log2"));
  EXPECT_EQ(second.wait(), 1);
}

TEST_F(HeartbeatProcess, CommandLine) {
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), MOLD_TEST_HEARTBEAT);
    return ChildProcess(words, one.file("log")).wait();
  };
  EXPECT_EQ(run({"--help"}), 0);
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(run({"--nonsense"}), 2);
  EXPECT_EQ(run({"--config", one.file("heartbeat.conf"), "--check-config"}), 0);
  EXPECT_EQ(run({"--config", one.file("heartbeat.conf"), "--status"}), 1);
  dir.write(one.base + "/heartbeat.conf", "colour=blue\n");
  EXPECT_EQ(run({"--config", one.file("heartbeat.conf"), "--check-config"}), 2);
}

}  // namespace
}  // namespace mold::heartbeat
