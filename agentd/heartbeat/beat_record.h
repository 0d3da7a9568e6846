#pragma once
// The beat record: how a host proves on shared storage that it is alive, and what it promises.
// docs/HEARTBEAT_FORMAT.md is the specification; this is its only encoder and decoder. Pure
// functions over caller's memory: no I/O, no allocation, any thread.
//
// Invariants
// - One record is exactly one block of kBeatBlockSize bytes; there is one way to write a record
//   (decode() encodes what it understood and compares), so no two different blocks mean the same
//   and no damaged block means anything.
// - No wall clock inside. The counter only says "changed"; its value has no meaning.
// - Whatever is not a perfect record of the expected cluster, pool and host is a reason for
//   "unknown", never for "dead".
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "agentd/heartbeat/uuid.h"

namespace mold::heartbeat {

inline constexpr std::size_t kBeatBlockSize = 4096;
inline constexpr std::uint32_t kBeatVersion = 1;
// Below the pool's directory.
inline constexpr std::string_view kHaDirectory = ".mold-ha";
inline constexpr std::string_view kBeatDirectory = ".mold-ha/beats";

// How the writing host sees the pool itself.
enum class PoolHealth : std::uint8_t { kOk, kSlow, kFailing };

struct BeatRecord {
  Uuid cluster;
  Uuid pool;
  Uuid host;
  Uuid boot;                      // /proc/sys/kernel/random/boot_id
  std::uint64_t epoch = 0;        // given out by the manager; 0 = none yet
  std::uint64_t incarnation = 0;  // leases lost by this host since its boot
  std::uint64_t counter = 0;      // different at every beat
  std::uint32_t deadline_ms = 0;  // self-fence: see `armed`
  // "If this record stops changing, then deadline_ms after I began to write it none of my VMs on
  // this pool can write any more." Only then is a stale record evidence of death.
  bool armed = false;
  PoolHealth health = PoolHealth::kOk;

  friend bool operator==(const BeatRecord&, const BeatRecord&) = default;
};

using BeatBlock = std::span<std::byte, kBeatBlockSize>;
using ConstBeatBlock = std::span<const std::byte, kBeatBlockSize>;

void encode_beat(const BeatRecord& record, BeatBlock out);

enum class BeatVerdict : std::uint8_t {
  kOk,
  kTruncated,     // not one whole block
  kNotARecord,    // no magic: zeros, something else
  kOtherVersion,  // a record, but of a format that this build does not know
  kDamaged,       // checksum or form is wrong: torn or corrupt
};
std::string_view to_string(BeatVerdict verdict);

// Total: every input gives a verdict; `out` is only touched on kOk.
BeatVerdict decode_beat(std::span<const std::byte> block, BeatRecord& out);

// A valid record, but of another cluster, pool or host than the place where it lay says.
bool is_foreign(const BeatRecord& record, const Uuid& cluster, const Uuid& pool, const Uuid& host);

// CRC-32C (Castagnoli), as in iSCSI and ext4.
std::uint32_t crc32c(std::span<const std::byte> data);

}  // namespace mold::heartbeat
