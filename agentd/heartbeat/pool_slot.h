#pragma once
// One pool inside the supervisor: its ladder, its child process, its part of the lease board. Glue
// without decisions of its own; all memory is fixed after configure(). Supervisor's thread only.
#include <string>

#include "agentd/heartbeat/ladder.h"
#include "agentd/heartbeat/lease_board_layout.h"
#include "agentd/heartbeat/pool_worker.h"

namespace mold::heartbeat {

// What all pools of this host have in common; owned by the supervisor.
struct HostFacts {
  Uuid cluster;
  Uuid host;
  Uuid boot;
  std::uint64_t epoch = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t counter =
      0;  // next beat's; begins at the boot-time clock, so no restart repeats one
  const char* programs_dir = "";  // where mold-heartbeat-rados and -nfs lie
};

class PoolSlot {
 public:
  [[nodiscard]] bool used() const { return used_; }
  [[nodiscard]] const PoolEntry& entry() const { return entry_; }
  Ladder& ladder() { return ladder_; }
  [[nodiscard]] const Ladder& ladder() const { return ladder_; }
  [[nodiscard]] const char* name() const { return name_; }  // for the log
  [[nodiscard]] const char* real_path() const { return real_path_; }
  [[nodiscard]] int fd() const { return worker_.usable() ? worker_.fd() : -1; }
  // Pool not configured any more and its child gone: the slot may be cleared.
  [[nodiscard]] bool worker_present() const { return worker_.present(); }

  void configure(const PoolEntry& entry, const LadderPolicy& policy, BoardPool& board);
  // Changes of a pool that goes on: policy, deadline, interval, options. Another path is a new
  // child.
  void reconfigure(const PoolEntry& entry, const LadderPolicy& policy);
  // `watchdog`: its timeout when that was written.
  void inherit(const BoardPoolHead& old, Duration watchdog);
  void clear();

  // Starts, abandons and reaps the child as its state asks for.
  void tend_worker(Instant now, const HostFacts& facts);
  // Takes in what the child said. True when anything came.
  bool drain(Instant now);
  // One report of it.
  void take(Instant now, const ChildReport& report);
  // Sends a beat when one is due and `step` allows it.
  void issue_if_due(Instant now, const LadderStep& step, HostFacts& facts);
  void hurry(Instant now) { next_issue_ = now; }
  [[nodiscard]] Instant next_issue() const { return next_issue_; }

  void set_vm_count(std::uint32_t count) { vm_count_ = count; }
  void fill_board();
  // False: this beat would promise what the published board does not show yet. Were this process to
  // end between the two, the next one would inherit no lease and no promise.
  [[nodiscard]] bool board_allows(const LadderStep& step) const;
  void stop_worker() { worker_.stop(); }

 private:
  void beat_failed(Instant now, PoolFault fault, int error);
  void on_done(Instant now, const ChildReport& report);
  void on_fenced(Instant now);
  void on_child_gone(Instant now);
  [[nodiscard]] PoolChildSetup setup_of(const HostFacts& facts) const;
  void on_reading(const ChildReport& report);
  BoardReading* reading_of(const Uuid& host);

  bool used_ = false;
  PoolEntry entry_;
  Ladder ladder_{LadderPolicy{}};
  PoolWorker worker_;
  BoardPool* board_ = nullptr;
  char name_[kUuidTextSize + 1] = {};
  char real_path_[kMaxPoolPath + 1] = {};
  char error_[kBoardTextSize] = {};
  bool identity_known_ = false;
  bool failing_ = false;
  std::uint32_t vm_count_ = 0;
  std::uint32_t last_took_ms_ = 0;
  std::uint64_t order_number_ = 0;
  Instant issued_at_{};
  Instant last_ack_{};
  Instant next_issue_{};
  Instant restart_at_{};
};

}  // namespace mold::heartbeat
