#pragma once
// mold-heartbeat of one simulated host: the real ladder (agentd/heartbeat/ladder.h) per pool, its
// blocking I/O, the lease board, and the hardware watchdog, which counts true time and bites a
// frozen host too. Reads the other hosts' records in the same rounds.
#include <array>
#include <cstdint>
#include <vector>

#include "agentd/heartbeat/ladder.h"
#include "core/agent/agent_brain.h"
#include "core/lease/lease.h"
#include "tests/sim/pool.h"

namespace mold::sim {

class World;

// What this observer knows of one other host's record.
struct SeenBeat {
  BeatContent content;
  Instant changed_at;  // observer's clock
  Instant read_at;
  bool ever = false;
};

struct PoolChild {
  heartbeat::Ladder ladder{heartbeat::LadderPolicy{}};
  bool waiting = false;  // the write hangs; it ends when the storage returns
  BeatContent content;   // being written
  Ms next_beat = 0;      // active time
  bool last_read_ok = false;
  std::vector<SeenBeat> seen;  // by host
};

class Heartbeat {
 public:
  void begin(World& world, std::size_t host);
  // Process starts: after a boot afresh, after a crash from its board.
  void start(bool fresh_boot);
  void crash();
  void host_died();

  void round();
  void beat_io(std::size_t pool);
  void storage_returned();
  // Returns true when it bites.
  [[nodiscard]] bool watchdog_due();

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] std::uint32_t run() const { return run_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] bool watchdog_armed() const { return watchdog_armed_; }
  [[nodiscard]] bool all_held() const;

  void lease_view(core::LeaseView& out) const;
  void readings(std::vector<core::LeaseReading>& out) const;

 private:
  void step_pool(std::size_t pool, Instant local, bool& feed, bool& often);
  void issue(std::size_t pool, Instant local, bool armed);
  void read_pool(std::size_t pool, Instant local);
  void schedule_round(Instant local, bool often);

  World* world_ = nullptr;
  std::size_t host_ = 0;
  bool up_ = false;
  std::uint32_t run_ = 0;
  std::uint64_t incarnation_ = 0;
  Instant updated_at_;
  bool watchdog_armed_ = false;
  Ms fed_at_ = 0;  // active time
  std::array<PoolChild, kMaxPools> children_;
};

}  // namespace mold::sim
