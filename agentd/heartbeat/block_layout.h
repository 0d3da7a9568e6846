#pragma once
// Where things lie on the device of a block pool. Pure; one sector is one beat record.
//
//   sector 0             the pool's identity, blanks up to the end of the sector
//   sectors 1 .. 251     one host each, or zeros
//
// There is no table that says which host has which sector: two hosts would have to change it at the
// same time, and a plain device has no compare-and-swap. Instead each host has an order of its own
// in which it tries the sectors, made of its UUID, and takes the first that is its own or empty.
// Readers go the same way, so they find it with one or two reads. 251 is a prime, so every step
// size visits all of them; two hosts that meet in one sector part at the next.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "agentd/heartbeat/beat_record.h"
#include "agentd/heartbeat/uuid.h"

namespace mold::heartbeat {

inline constexpr std::uint32_t kBeatSectors = 251;
inline constexpr std::uint64_t kBlockAreaSize = (1 + kBeatSectors) * std::uint64_t{kBeatBlockSize};

// The sector that this host tries as its n-th (from 0), 1 .. kBeatSectors.
inline std::uint32_t beat_sector(const Uuid& host, std::uint32_t n) {
  const auto hash = crc32c(std::as_bytes(std::span(host.bytes)));
  const std::uint32_t first = hash % kBeatSectors;
  const std::uint32_t step = 1 + (hash / kBeatSectors) % (kBeatSectors - 1);
  return 1 + static_cast<std::uint32_t>((first + std::uint64_t{n} * step) % kBeatSectors);
}

}  // namespace mold::heartbeat
