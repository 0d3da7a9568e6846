#pragma once
// What every medium that carries beats has to do. A new medium instantiates this suite with a maker
// that gives fresh handles of one and the same pool.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>

#include "agentd/heartbeat/pool_medium.h"

namespace mold::heartbeat {

struct MediumMaker {
  // A handle of the pool for this host; `fresh_pool` starts another, empty pool first.
  std::function<std::unique_ptr<PoolMedium>(const Uuid& host, bool fresh_pool)> make;
};

class PoolMediumContract : public ::testing::TestWithParam<MediumMaker> {
 protected:
  static Uuid host(std::uint8_t n) {
    Uuid id;
    id.bytes[0] = n;
    return id;
  }
  static std::array<std::byte, kBeatBlockSize> block(std::uint64_t counter) {
    BeatRecord record;
    record.counter = counter;
    std::array<std::byte, kBeatBlockSize> out{};
    encode_beat(record, out);
    return out;
  }
};

TEST_P(PoolMediumContract, AnEmptyPoolHasNoHosts) {
  auto medium = GetParam().make(host(1), true);
  ASSERT_TRUE(medium->write_own(block(1)).ok());
  std::array<Uuid, 8> hosts;
  EXPECT_EQ(medium->list(hosts), 0);
}

TEST_P(PoolMediumContract, OthersReadWhatWasWrittenLast) {
  auto writer = GetParam().make(host(1), true);
  auto reader = GetParam().make(host(2), false);
  ASSERT_TRUE(reader->write_own(block(1)).ok());
  for (std::uint64_t n = 1; n <= 5; ++n) {
    ASSERT_TRUE(writer->write_own(block(n)).ok());
    std::array<std::byte, kBeatBlockSize> seen{};
    ASSERT_EQ(reader->read(host(1), seen), static_cast<int>(kBeatBlockSize));
    EXPECT_EQ(seen, block(n));
  }
  std::array<Uuid, 8> hosts;
  ASSERT_EQ(reader->list(hosts), 1);
  EXPECT_EQ(hosts[0], host(1));
}

TEST_P(PoolMediumContract, AMissingRecordCannotBeRead) {
  auto medium = GetParam().make(host(1), true);
  ASSERT_TRUE(medium->write_own(block(1)).ok());
  std::array<std::byte, kBeatBlockSize> seen{};
  EXPECT_EQ(medium->read(host(9), seen), -1);
}

TEST_P(PoolMediumContract, MoreHostsThanAskedForAreCutOff) {
  auto medium = GetParam().make(host(1), true);
  ASSERT_TRUE(medium->write_own(block(1)).ok());
  for (std::uint8_t n = 2; n < 8; ++n) {
    ASSERT_TRUE(GetParam().make(host(n), false)->write_own(block(n)).ok());
  }
  std::array<Uuid, 3> few;
  EXPECT_EQ(medium->list(few), 3);
}

}  // namespace mold::heartbeat
