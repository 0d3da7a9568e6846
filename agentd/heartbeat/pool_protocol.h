#pragma once
// What the supervisor and a pool's child say to each other: structs of fixed size, one per packet,
// over a SOCK_SEQPACKET pair. Both ends are one binary, so there is no version. The supervisor
// never waits for the child; the child waits only for the supervisor's acceptance of an answer.
#include <cstdint>

#include "agentd/heartbeat/beat_record.h"
#include "agentd/heartbeat/pools_file.h"

namespace mold::heartbeat {

// What a child is born with; it changes only by a new child.
struct PoolChildSetup {
  Uuid cluster;
  Uuid pool;
  Uuid host;
  Uuid boot;
  std::uint32_t read_interval_ms = kDefaultBeatIntervalMs;
  bool must_be_mountpoint = false;
  // This pool was seen alive before: never make its identity file anew, it must be there.
  bool identity_known = false;
  char path[kMaxPoolPath + 1] = {};
};

// Supervisor to child: write this beat now.
struct BeatOrder {
  std::uint64_t number;
  BeatRecord record;
};

enum class ChildSays : std::uint8_t { kReady, kDone, kReading };

// Where a pool operation failed; with an errno it makes the message on the board.
enum class PoolFault : std::uint8_t {
  kNone,
  kDirectory,
  kNotMounted,
  kIdentityMissing,
  kForeignPool,
  kCreate,
  kOpen,
  kWrite,
  kShortWrite,
};
const char* to_text(PoolFault fault);

struct ChildReport {
  ChildSays says;
  // kDone
  PoolFault fault;
  std::int32_t error;  // errno, 0 if none
  std::uint64_t number;
  std::uint32_t took_ms;
  // kReading
  bool readable;  // record is valid and of the right cluster, pool and host
  Uuid host;      // whose file this was
  BeatRecord record;
  std::int64_t began_ms;
  std::int64_t ended_ms;
  // kReady
  char real_path[kMaxPoolPath + 1];
};

}  // namespace mold::heartbeat
