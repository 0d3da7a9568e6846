#pragma once
// A host of a test: mold-heartbeat as a real process over the watchdog double, with all its files
// in a directory.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/pools_file.h"
#include "tests/unit/agentd/heartbeat/child_process.h"
#include "tests/unit/agentd/heartbeat/file_watchdog.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {

inline constexpr auto kCluster = "11111111-1111-1111-1111-111111111111";
inline constexpr auto kPoolA = "22222222-2222-2222-2222-22222222222a";
inline constexpr auto kPoolB = "22222222-2222-2222-2222-22222222222b";

inline char state_of(int pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return '?';
  return text.at(text.rfind(')') + 2);
}

// One host: kill after 1.2 s, watchdog within 1 s, promise 2.5 s.
struct Host {
  Host(TempDir& in, const std::string& id, const std::string& more_settings = {})
      : dir(in), uuid(id), base(id.substr(0, 4)) {
    std::filesystem::create_directories(dir.path(base));
    dir.write(base + "/host.id", uuid + "\n");
    dir.write(base + "/epoch", "5\n");
    dir.write(base + "/heartbeat.conf",
              "host.uuid_file=" + file("host.id") + "\npools.file=" + file("pools") +
                  "\nboard=" + file("leases") + "\nepoch.file=" + file("epoch") +
                  "\nwatchdog.device=" + file("watchdog") +
                  "\nwatchdog.timeout=1\nverify.grace_ms=300\nprograms.dir=" + MOLD_TEST_PROGRAMS +
                  "\n" + "self_fence.deadline_ms=2500\nbeat.interval_ms=200\nstop.wait_ms=1000\n" +
                  more_settings);
    watchdog = map_watchdog(file("watchdog"));
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return dir.path(base + "/" + name);
  }
  void pools(const std::vector<std::pair<std::string, std::string>>& list) const {
    std::vector<PoolEntry> entries;
    for (const auto& [pool, path] : list) {
      entries.push_back({.uuid = *Uuid::parse(pool), .path = dir.path(path)});
    }
    save(std::move(entries));
  }
  void save(std::vector<PoolEntry> entries) const {
    const auto saved = save_pools(file("pools"), {*Uuid::parse(kCluster), std::move(entries)});
    ASSERT_TRUE(saved) << saved.error().what;
  }
  void start() {
    process = ChildProcess({MOLD_TEST_HEARTBEAT, "--config", file("heartbeat.conf")}, file("log"));
  }
  LeaseSnapshot board() {
    auto reader = LeaseBoardReader::open(file("leases"));
    if (!reader) return {};
    auto snapshot = reader->snapshot();
    return snapshot ? *snapshot : LeaseSnapshot{};
  }
  PoolLease lease(const std::string& pool) {
    const auto all = board();
    const auto* found = all.find(pool);
    return found == nullptr ? PoolLease{} : *found;
  }
  bool held(const std::string& pool, bool armed = true) {
    return eventually([&] {
      const auto now = lease(pool);
      return may_start(now, boottime_now()) && now.armed_announced == armed;
    });
  }
  // The I/O processes of its pools.
  std::vector<int> children() const {
    const auto pid = std::to_string(process.pid());
    std::ifstream list("/proc/" + pid + "/task/" + pid + "/children");
    std::vector<int> out;
    for (int child = 0; list >> child;) out.push_back(child);
    return out;
  }
  std::string log() const {
    std::stringstream text;
    text << std::ifstream(file("log")).rdbuf();
    return text.str();
  }
  bool fed_lately() const { return boottime_now().ms - watchdog->fed_at_ms < 900; }

  TempDir& dir;
  std::string uuid;
  std::string base;
  FileWatchdogState* watchdog = nullptr;
  ChildProcess process;
};

}  // namespace mold::heartbeat
