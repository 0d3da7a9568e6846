#pragma once
// The supervisor: owns the watchdog, the ladders and the lease board; one thread, one loop. It
// never touches a pool's path (its children do) and allocates only when the pools file changes.
//
// The order of every round is the safety of the whole: first time (leases that ran out: board,
// kill, look), then the watchdog, and only then answers, files and new beats. So after a freeze of
// any length the first thing done is the kill.
//
// Orderly stop (SIGTERM): the last beat of each pool says "not armed"; once that is acknowledged
// (or no VM is left that the promise could be about) the watchdog is disarmed and the process ends.
// VMs go on; nobody may take their host for dead on the strength of a stale beat. If a beat cannot
// be acknowledged within stop.wait_ms the process ends WITHOUT the magic close: the promise on the
// storage stands, so either a new instance takes over within the watchdog's timeout (it goes on
// from the lease board) or the host is reset, as promised.
#include <array>
#include <memory>

#include "agentd/heartbeat/config.h"
#include "agentd/heartbeat/lease_board_writer.h"
#include "agentd/heartbeat/pool_slot.h"
#include "agentd/heartbeat/vm_hunter.h"
#include "agentd/heartbeat/watchdog.h"

namespace mold::heartbeat {

class Supervisor {
 public:
  Supervisor(Config config, LeaseBoardWriter board, Watchdog& watchdog);

  // Until SIGTERM or SIGINT. Exit code: 0 stopped in order, 1 could not start, 3 left with a
  // promise standing (not 2: its unit is not started again after that).
  int run();

 private:
  struct Unmap {
    void operator()(BoardImage* image) const;
  };
  struct FileMark {
    std::int64_t mtime_ns = -1;
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    friend bool operator==(const FileMark&, const FileMark&) = default;
  };

  // Start
  bool prepare();
  void inherit_board();
  [[nodiscard]] LadderPolicy policy_for(const PoolEntry& entry) const;
  [[nodiscard]] LadderPolicy policy_for(const PoolEntry& entry, Duration watchdog) const;
  PoolEntry with_defaults(PoolEntry entry) const;

  // One round, in this order
  void check_leases();
  void step_all(Instant now);
  void note_lost(const PoolSlot& slot);
  void look();
  void feed_watchdog(Instant now);
  [[nodiscard]] Duration feed_interval() const;
  void take_signals();
  void poll_files(Instant now);
  void issue_beats();
  [[nodiscard]] bool all_consent() const;
  bool open_watchdog();
  // The watchdog's timeout: supervisor_watchdog.cc.
  void fit_watchdog();
  void bite_sooner_in_need(Instant now);
  void bite_later_when_calm(Instant now);
  void tell_ladders(Duration watchdog);
  [[nodiscard]] unsigned ordinary_watchdog_s() const;
  [[nodiscard]] std::uint32_t shortest_deadline_ms() const;
  void drop_released();
  void publish(bool force);
  [[nodiscard]] int wait_ms(Instant now) const;
  void wait();

  void load_host();
  void load_pools_file(bool by_signal);
  void apply_pools(const PoolsFile& file);
  void add_pool(const PoolEntry& entry);
  PoolSlot* find(const Uuid& pool);
  void begin_stop();
  [[nodiscard]] bool all_released() const;
  int leave(bool in_order);

  Config config_;
  LeaseBoardWriter board_;
  Watchdog& watchdog_;
  VmHunter hunter_;
  std::unique_ptr<BoardImage, Unmap> image_;
  std::array<PoolSlot, kMaxPools> slots_;
  std::array<LadderStep, kMaxPools> steps_;
  std::array<LeaseState, kMaxPools> shown_{};
  HostFacts facts_;
  UniqueFd signals_;
  FileMark pools_mark_;
  Instant last_round_{};
  Instant last_look_{};
  Instant last_feed_{};
  Instant last_files_{};
  Instant last_publish_{};
  Instant last_note_{};
  Instant stop_by_{};
  Instant restless_at_{};
  char note_logged_[128] = {};
  bool feeding_ = true;
  bool was_armed_ = false;
  bool sooner_refused_ = false;  // in this need
  bool later_refused_ = false;   // since the last one
  bool fit_due_ = false;         // not done for want of consent
  bool unfit_ = false;           // a watchdog is required and there is none
  bool stopping_ = false;
  bool dirty_ = true;
  bool look_complete_ = true;
};

}  // namespace mold::heartbeat
