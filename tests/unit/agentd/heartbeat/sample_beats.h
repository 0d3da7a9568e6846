#pragma once
// Hosts of one cluster and pool, and their beats, for the tests of the media.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "agentd/heartbeat/pool_medium.h"

namespace mold::heartbeat {

using BeatBytes = std::array<std::byte, kBeatBlockSize>;

inline Uuid host_number(std::uint8_t n) {
  Uuid id;
  id.bytes[0] = n;
  return id;
}

// Without the place of the pool.
inline PoolChildSetup setup_of(const Uuid& host) {
  PoolChildSetup setup;
  setup.cluster.bytes[0] = 0xcc;
  setup.pool.bytes[0] = 0xdd;
  setup.host = host;
  return setup;
}

inline BeatRecord record_of(const Uuid& host, std::uint64_t counter) {
  const auto from = setup_of(host);
  BeatRecord record;
  record.cluster = from.cluster;
  record.pool = from.pool;
  record.host = from.host;
  record.boot.bytes[0] = 0xbb;
  record.counter = counter;
  return record;
}

inline BeatBytes encoded(const BeatRecord& record) {
  BeatBytes out{};
  encode_beat(record, out);
  return out;
}

inline BeatBytes beat_of(const Uuid& host, std::uint64_t counter) {
  return encoded(record_of(host, counter));
}

// As a pool keeps it.
inline std::uint64_t counter_in(const std::string& stored) {
  BeatRecord record;
  EXPECT_EQ(decode_beat(std::as_bytes(std::span(stored)), record), BeatVerdict::kOk);
  return record.counter;
}

}  // namespace mold::heartbeat
