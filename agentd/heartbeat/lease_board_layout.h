#pragma once
// The bytes of the lease board, shared by its one writer (lease_board_writer.h) and its readers
// (lease_board.h). Everything is fixed size, little surprises: an array of pools, each with an
// array of readings. A change of anything here is a new kBoardVersion.
//
// Seqlock: `sequence` is odd while the writer copies; a reader takes it before and after its copy
// and starts again when it was odd or has changed. All words are copied as relaxed 64-bit atomics
// between the two fences, so this holds between processes and is clean under ThreadSanitizer too.
// Bounds (pool_count, reading_count) are checked again by the reader: a board is input like any
// other.
#include <atomic>
#include <cstdint>
#include <type_traits>

#include "agentd/heartbeat/pools_file.h"
#include "agentd/heartbeat/uuid.h"

namespace mold::heartbeat {

inline constexpr std::uint64_t kBoardMagic = 0x3144524f42444c4dULL;  // "MLDBORD1"
inline constexpr std::uint32_t kBoardVersion = 2;
inline constexpr std::size_t kMaxReadings = 128;
inline constexpr std::size_t kBoardTextSize = 128;

struct BoardReading {
  Uuid host;
  Uuid boot;
  std::uint64_t epoch;
  std::uint64_t incarnation;
  std::uint64_t counter;
  std::int64_t changed_at_ms;
  std::int64_t read_at_ms;
  std::int64_t tried_at_ms;
  std::uint32_t deadline_ms;
  std::uint8_t armed;
  std::uint8_t health;  // PoolHealth
  std::uint8_t status;  // ReadingStatus
  std::uint8_t pad;
};

struct BoardPoolHead {
  Uuid pool;
  char path[kMaxPoolPath + 1];
  char real_path[kMaxPoolPath + 1];  // with symbolic links resolved; empty while not known
  char last_error[kBoardTextSize];
  std::int64_t valid_until_ms;
  std::int64_t last_ack_ms;
  std::uint32_t last_took_ms;
  std::uint32_t deadline_ms;
  std::uint32_t consecutive_good;
  std::uint32_t vm_count;
  std::uint32_t reading_count;
  std::uint8_t state;  // LeaseState
  std::uint8_t kill;   // KillState
  std::uint8_t armed_announced;
  std::uint8_t child_stuck;
  std::uint8_t health;  // PoolHealth
  // Zeros on the board of an instance that did not know of them: what it did, then.
  std::uint8_t type;    // PoolType
  std::uint8_t policy;  // PoolPolicy
  std::uint8_t fenced;
  std::uint8_t pad[4];
};

struct BoardPool {
  BoardPoolHead head;
  BoardReading readings[kMaxReadings];
};

struct BoardHead {
  Uuid cluster;
  Uuid host;
  Uuid boot;
  char watchdog_note[kBoardTextSize];
  std::int64_t started_at_ms;
  std::int64_t updated_at_ms;
  std::uint64_t epoch;
  std::uint64_t incarnation;
  std::uint32_t supervisor_pid;
  std::uint32_t watchdog_timeout_ms;
  std::uint32_t pool_count;
  std::uint8_t watchdog_armed;
  std::uint8_t watchdog_feeding;
  std::uint8_t pad[2];
};

// The supervisor's own picture; what is published is a copy of its used part.
// A slot keeps its pool for as long as that is known; a free slot has no pool UUID.
struct BoardImage {
  BoardHead head;
  BoardPool pools[kMaxPools];
};

struct BoardFile {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t size;  // of this whole struct
  std::uint64_t sequence;
  BoardImage image;
};

static_assert(std::is_trivially_copyable_v<BoardFile>);
static_assert(sizeof(BoardReading) % 8 == 0 && sizeof(BoardPoolHead) % 8 == 0);
static_assert(sizeof(BoardHead) % 8 == 0 && sizeof(BoardFile) % 8 == 0);
static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

// Copies whole words with relaxed atomic access to `shared`; the fences are the caller's.
void copy_words_out(void* to, const void* shared, std::size_t bytes);
void copy_words_in(void* shared, const void* from, std::size_t bytes);

}  // namespace mold::heartbeat
