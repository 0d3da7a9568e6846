#pragma once
// What the supervisor and a pool's child say to each other: structs of fixed size, one per packet,
// over a SOCK_SEQPACKET pair. The child of a file or block pool is a fork of the supervisor. That
// of a rados or nfs pool is a program of its own, which may be of another version when a package
// was replaced below a running supervisor: it gets its setup as the first packet and ends with
// kExitOtherVersion unless version and size are its own. The supervisor never waits for the child;
// the child waits only for the supervisor's acceptance of an answer.
#include <cstdint>

#include "agentd/heartbeat/beat_record.h"
#include "agentd/heartbeat/pools_file.h"

namespace mold::heartbeat {

inline constexpr std::uint32_t kPoolProtocolVersion = 1;  // of any change below
inline constexpr int kPoolProgramSocket = 3;  // the descriptor such a program starts with
inline constexpr int kExitNoProgram = 120;
inline constexpr int kExitOtherVersion = 121;

// What a child is born with; it changes only by a new child.
struct PoolChildSetup {
  std::uint32_t version = kPoolProtocolVersion;
  std::uint32_t size = 0;  // of all the structs; set by the sender
  Uuid cluster;
  Uuid pool;
  Uuid host;
  Uuid boot;
  PoolType type = PoolType::kFile;
  std::uint32_t read_interval_ms = kDefaultBeatIntervalMs;
  // How long one operation may take where the medium can give it up by itself.
  std::uint32_t op_timeout_ms = 1500;
  bool must_be_mountpoint = false;
  // This pool was seen alive before: never make its identity anew, it must be there.
  bool identity_known = false;
  char path[kMaxPoolPath + 1] = {};
  char source[kMaxPoolPath + 1] = {};
  char conf[kMaxPoolPath + 1] = {};
};

// Supervisor to child: write this beat now.
struct BeatOrder {
  std::uint64_t number;
  BeatRecord record;
};

// kFenced comes unasked, when a read told it.
enum class ChildSays : std::uint8_t { kReady, kDone, kReading, kFenced };

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
  kConnect,
  kSettings,
  kTooSmall,
  kNoRoom,
  kNoProgram,
  kOtherVersion,
  // The storage shut this client out for good: another host has what we had.
  kFenced,
  kNoDevice,
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

inline constexpr std::uint32_t kPoolProtocolSize =
    sizeof(PoolChildSetup) + sizeof(BeatOrder) + sizeof(ChildReport);

}  // namespace mold::heartbeat
