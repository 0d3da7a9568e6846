#pragma once
// Shared storage as each host sees it: reachable, hung, gone or slow, fresh or stale; and the beat
// records that lie on it. One object for all pools of the run.
#include <array>
#include <cstdint>
#include <vector>

#include "tests/sim/plan.h"

namespace mold::sim {

class World;

// Content of a beat record, as far as anybody reacts to it.
struct BeatContent {
  std::uint32_t boot = 0;
  std::uint64_t counter = 0;  // 0: never written
  std::uint64_t incarnation = 0;
  bool armed = false;
  Duration deadline{0};

  friend bool operator==(const BeatContent&, const BeatContent&) = default;
};

// What is wrong between one host and one pool: how many faults of each sort are active.
struct PoolPath {
  int hung = 0;
  int gone = 0;
  int slow = 0;
  int beat_hung = 0;
  int stale = 0;
};

class Pools {
 public:
  using Records = std::array<BeatContent, kMaxHosts>;

  void begin(World& world, std::size_t pools, std::size_t hosts);
  [[nodiscard]] std::size_t count() const { return records_.size(); }
  [[nodiscard]] PoolPath& path(std::size_t host, std::size_t pool) {
    return paths_[host * kMaxPools + pool];
  }
  [[nodiscard]] const PoolPath& path(std::size_t host, std::size_t pool) const {
    return paths_[host * kMaxPools + pool];
  }
  // Data I/O of that host passes on every pool of the mask.
  [[nodiscard]] bool all_reachable(std::size_t host, std::uint32_t mask) const;
  [[nodiscard]] bool any_hung(std::size_t host, std::uint32_t mask) const;
  [[nodiscard]] bool quiet() const;

  void write(std::size_t pool, std::size_t host, const BeatContent& content) {
    records_[pool][host] = content;
  }
  // As that host reads it now: an old snapshot while it reads stale.
  [[nodiscard]] const Records& read(std::size_t pool, std::size_t host) const;

  void hang(std::size_t host, std::size_t pool);
  void unhang(std::size_t host, std::size_t pool);
  void lose(std::size_t host, std::size_t pool) { ++path(host, pool).gone; }
  void regain(std::size_t host, std::size_t pool);
  void begin_stale(std::size_t host, std::size_t pool);
  void end_stale(std::size_t host, std::size_t pool) { --path(host, pool).stale; }
  void heal_all();

 private:
  World* world_ = nullptr;
  std::vector<Records> records_;
  std::vector<Records> snapshots_;  // by host * kMaxPools + pool
  std::vector<PoolPath> paths_;
};

}  // namespace mold::sim
