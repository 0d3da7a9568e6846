#pragma once
// The lease board: what mold-heartbeat knows, for everybody on this host. A file of fixed layout in
// /run (memory), mapped; written by the supervisor of mold-heartbeat only, read by agentd, by the
// libvirt hook and by `mold-heartbeat --status` without any call into that process, so that a
// reader can neither stall nor crash it. lease_board_layout.h is the layout, a seqlock; here is the
// reader.
//
// Rules for readers
// - A VM of a pool may be started only while may_start(pool lease, now) is true; no board, no pool,
//   or an error from snapshot() means no.
// - All times are CLOCK_BOOTTIME milliseconds of this host and this boot.
// - updated_at tells whether the supervisor still lives: older than a few seconds is suspicious.
// The
//   leases run out by themselves (valid_until), with or without a living supervisor.
// One reader per thread; a reader holds one fd and one mapping.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/heartbeat/beat_record.h"
#include "agentd/heartbeat/pools_file.h"
#include "agentd/heartbeat/uuid.h"
#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

inline constexpr std::string_view kDefaultBoardPath = "/run/mold/leases";
// Text, one decimal number: this host's epoch as the manager gave it; agentd replaces it
// atomically.
inline constexpr std::string_view kDefaultEpochPath = "/run/mold/epoch";

enum class LeaseState : std::uint8_t {
  kNotCounted,  // never held since it was added: probation, or storage not reachable
  kHeld,        // beats are good; VMs may be started until valid_until
  kLost,        // ran out; VMs of the pool are killed and kept killed; probation before kHeld again
  kLeaving,     // pool is being removed or the service stopped; no starts
};
enum class KillState : std::uint8_t {
  kIdle,          // nothing to kill
  kKilling,       // SIGKILL sent, some of them are still there
  kVerifiedGone,  // lease is lost and no VM of the pool is left
  kStuck,         // not gone in time: the watchdog is no longer fed
};
enum class ReadingStatus : std::uint8_t {
  kUnknown,  // last read failed: no file, torn, foreign, other version, I/O error
  kOk,
};
std::string_view to_string(LeaseState state);
std::string_view to_string(KillState state);
std::string_view to_string(ReadingStatus status);

// What THIS host saw of another host's beat on one pool.
struct BeatReading {
  std::string host;  // UUIDs in lower case
  std::string boot;
  std::uint64_t epoch = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t counter = 0;
  std::uint32_t deadline_ms = 0;
  bool armed = false;
  PoolHealth health = PoolHealth::kOk;
  // When this observer first saw this content (counter, boot, epoch or incarnation differ from the
  // reading before). The host began to write it at or before this moment.
  Instant changed_at;
  Instant read_at;   // last successful read: a silent host shows read_at fresh and changed_at old
  Instant tried_at;  // last try, good or bad
  ReadingStatus status = ReadingStatus::kUnknown;
};

struct PoolLease {
  std::string pool;
  std::string path;
  std::string real_path;  // with symbolic links resolved; empty while not known
  LeaseState state = LeaseState::kNotCounted;
  KillState kill = KillState::kIdle;
  Instant valid_until;  // 0: never held
  Instant last_ack;     // when the last good beat was acknowledged; 0: never
  std::uint32_t last_took_ms = 0;
  std::uint32_t deadline_ms = 0;
  std::uint32_t consecutive_good = 0;
  std::uint32_t vm_count = 0;    // QEMU processes that use the pool, at the last look
  bool armed_announced = false;  // our own beats on this pool say "armed"
  bool child_stuck = false;      // the pool's I/O process hangs
  bool fenced = false;           // the storage shut this host out; not held again since
  PoolType type = PoolType::kFile;
  PoolPolicy policy = PoolPolicy::kKillVms;
  PoolHealth health = PoolHealth::kOk;
  std::string last_error;  // empty: none since the last good beat
  std::vector<BeatReading> readings;
};

struct LeaseSnapshot {
  std::uint32_t supervisor_pid = 0;
  Instant started_at;
  Instant updated_at;
  std::string cluster;
  std::string host;
  std::string boot;
  std::uint64_t epoch = 0;
  std::uint64_t incarnation = 0;
  bool watchdog_armed = false;    // open, read back, fed
  bool watchdog_feeding = false;  // false while armed: the host is about to be reset
  std::uint32_t watchdog_timeout_ms = 0;
  std::string watchdog_note;  // why it is not armed
  std::vector<PoolLease> pools;

  [[nodiscard]] Duration age(Instant now) const { return now - updated_at; }
  [[nodiscard]] const PoolLease* find(std::string_view pool_uuid) const;
};

// Held, and not yet run out.
bool may_start(const PoolLease& lease, Instant now);

// CLOCK_BOOTTIME in milliseconds: the clock of the board.
Instant boottime_now();

class LeaseBoardReader {
 public:
  // kNotFound: mold-heartbeat never ran since boot. kUnsupported: other layout version.
  static Result<LeaseBoardReader> open(std::string path);

  LeaseBoardReader(LeaseBoardReader&& other) noexcept;
  LeaseBoardReader& operator=(LeaseBoardReader&& other) noexcept;
  LeaseBoardReader(const LeaseBoardReader&) = delete;
  LeaseBoardReader& operator=(const LeaseBoardReader&) = delete;
  ~LeaseBoardReader();

  // A consistent copy. Follows a replaced file by itself. kBusy: the writer was caught in the
  // middle of an update again and again (it died there): treat as no lease.
  Result<LeaseSnapshot> snapshot();

 private:
  explicit LeaseBoardReader(std::string path) : path_(std::move(path)) {}
  Status map();
  void unmap();

  std::string path_;
  const void* mapped_ = nullptr;
  std::uint64_t inode_ = 0;
};

}  // namespace mold::heartbeat
