#pragma once
// What every medium that carries beats has to do. A new medium instantiates this suite with a maker
// that gives fresh handles of one and the same pool.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "agentd/heartbeat/pool_medium.h"
#include "tests/unit/agentd/heartbeat/sample_beats.h"

namespace mold::heartbeat {

// One kind of medium, with what only its makers know of it: how its storage is reached past it.
struct MediumMaker {
  // A handle of the pool for this setup, whose path, source and conf it fills in; `fresh_pool`
  // starts another, empty pool first.
  std::function<std::unique_ptr<PoolMedium>(PoolChildSetup setup, bool fresh_pool)> make;
  // Puts these bytes where the host's record lies, as a stranger would.
  std::function<void(const Uuid& host, std::span<const std::byte> bytes)> plant;
  // The bytes of the pool's identity, as they are.
  std::function<std::string()> identity;
  std::function<void(const std::string& text)> plant_identity;  // empty: takes it away
  // The storage is gone, and comes back as it was.
  std::function<void()> take_away;
  std::function<void()> bring_back;
};

class PoolMediumContract : public ::testing::TestWithParam<MediumMaker> {
 protected:
  static Uuid host(std::uint8_t n) { return host_number(n); }
  static PoolChildSetup setup(std::uint8_t host_number) {
    PoolChildSetup setup = setup_of(host(host_number));
    setup.op_timeout_ms = 5000;
    return setup;
  }
  static std::unique_ptr<PoolMedium> medium(std::uint8_t host_number, bool fresh_pool) {
    return GetParam().make(setup(host_number), fresh_pool);
  }
  static BeatRecord record(std::uint8_t host_number, std::uint64_t counter) {
    return record_of(host(host_number), counter);
  }
  static BeatBytes block(std::uint8_t host_number, std::uint64_t counter) {
    return beat_of(host(host_number), counter);
  }
  // As the pool's child judges what it reads.
  static bool readable(PoolMedium& medium, std::uint8_t host_number, BeatRecord& out) {
    BeatBytes seen{};
    const int n = medium.read(host(host_number), seen);
    const auto from = setup(host_number);
    return n >= 0 &&
           decode_beat(std::span<const std::byte>(seen).first(static_cast<std::size_t>(n)), out) ==
               BeatVerdict::kOk &&
           !is_foreign(out, from.cluster, from.pool, from.host);
  }
  static bool readable(PoolMedium& medium, std::uint8_t host_number) {
    BeatRecord ignored;
    return readable(medium, host_number, ignored);
  }
};

TEST_P(PoolMediumContract, AnEmptyPoolHasNoHosts) {
  auto one = medium(1, true);
  const auto written = one->write_own(block(1, 1));
  ASSERT_TRUE(written.ok()) << to_text(written.fault) << " " << written.error;
  std::array<Uuid, 8> hosts;
  EXPECT_EQ(one->list(hosts), 0);
}

// The content counts, not the return code: a medium that writes nothing says "ok" as well.
TEST_P(PoolMediumContract, OthersReadWhatWasWrittenLast) {
  auto writer = medium(1, true);
  auto reader = medium(2, false);
  ASSERT_TRUE(reader->write_own(block(2, 1)).ok());
  for (std::uint64_t n = 1; n <= 5; ++n) {
    ASSERT_TRUE(writer->write_own(block(1, n)).ok());
    BeatBytes seen{};
    ASSERT_EQ(reader->read(host(1), seen), static_cast<int>(kBeatBlockSize));
    EXPECT_EQ(seen, block(1, n));
  }
  std::array<Uuid, 8> hosts;
  ASSERT_EQ(reader->list(hosts), 1);
  EXPECT_EQ(hosts[0], host(1));
  BeatRecord last;
  ASSERT_TRUE(readable(*reader, 1, last));  // found by its list, too
  EXPECT_EQ(last.counter, 5U);
}

TEST_P(PoolMediumContract, AMissingRecordCannotBeRead) {
  auto one = medium(1, true);
  ASSERT_TRUE(one->write_own(block(1, 1)).ok());
  BeatBytes seen{};
  EXPECT_EQ(one->read(host(9), seen), -1);
}

TEST_P(PoolMediumContract, MoreHostsThanAskedForAreCutOff) {
  auto one = medium(1, true);
  ASSERT_TRUE(one->write_own(block(1, 1)).ok());
  for (std::uint8_t n = 2; n < 8; ++n) {
    ASSERT_TRUE(medium(n, false)->write_own(block(n, 1)).ok());
  }
  std::array<Uuid, 3> few;
  EXPECT_EQ(one->list(few), 3);
  std::array<Uuid, 16> all;
  EXPECT_EQ(one->list(all), 6);
  for (std::uint8_t n = 2; n < 8; ++n) EXPECT_TRUE(readable(*one, n));
}

TEST_P(PoolMediumContract, TheNextInstanceGoesOnInTheSamePlace) {
  auto reader = medium(2, true);
  ASSERT_TRUE(reader->write_own(block(2, 1)).ok());
  for (std::uint64_t n = 1; n <= 4; ++n) {
    ASSERT_TRUE(medium(1, false)->write_own(block(1, n)).ok());
    BeatRecord seen;
    ASSERT_TRUE(readable(*reader, 1, seen));
    EXPECT_EQ(seen.counter, n);
  }
  std::array<Uuid, 8> hosts;
  EXPECT_EQ(reader->list(hosts), 1);
}

// Whatever lies there: no crash, no record, and the host's own next beat mends it.
TEST_P(PoolMediumContract, BadRecordsAreUnknownUntilTheNextBeat) {
  auto writer = medium(1, true);
  auto reader = medium(2, false);
  ASSERT_TRUE(reader->write_own(block(2, 1)).ok());
  const auto with = [](auto&& change) {
    auto bytes = block(1, 1);
    change(bytes);
    return bytes;
  };
  auto foreign_cluster = record(1, 1);
  foreign_cluster.cluster.bytes[0] = 0xee;
  auto foreign_pool = record(1, 1);
  foreign_pool.pool.bytes[0] = 0xee;
  auto foreign_host = record(1, 1);
  foreign_host.host.bytes[0] = 0x77;
  const BeatBytes bad[] = {
      with([](BeatBytes& b) { b[10] = std::byte{'2'}; }),      // another version
      with([](BeatBytes& b) { b[300] ^= std::byte{1}; }),      // wrong checksum
      with([](BeatBytes& b) { b[kBeatBlockSize - 1] = {}; }),  // wrong padding
      with([](BeatBytes& b) { std::fill(b.begin() + 200, b.end(), std::byte{0}); }),  // torn
      BeatBytes{},                                                                    // all zeros
      encoded(foreign_cluster),
      encoded(foreign_pool),
      encoded(foreign_host),
  };
  std::uint64_t counter = 1;
  for (const auto& bytes : bad) {
    const auto which = &bytes - bad;
    const auto written = writer->write_own(block(1, ++counter));
    ASSERT_TRUE(written.ok()) << which << ": " << to_text(written.fault);
    ASSERT_TRUE(readable(*reader, 1)) << which;
    GetParam().plant(host(1), bytes);
    EXPECT_FALSE(readable(*reader, 1)) << which;
    std::array<Uuid, 8> hosts;
    EXPECT_GE(reader->list(hosts), 0);
    // Foreign bytes in our place are somebody else's business where they may be somebody's record;
    // the beat comes back in that place or in another.
    bool back = false;
    for (int i = 0; i < 3 && !back; ++i) back = writer->write_own(block(1, ++counter)).ok();
    EXPECT_TRUE(back) << which;
    for (int i = 0; i < 12 && !readable(*reader, 1); ++i) (void)reader->list(hosts);
    BeatRecord seen;
    ASSERT_TRUE(readable(*reader, 1, seen)) << which;
    EXPECT_EQ(seen.counter, counter) << which;
  }
}

TEST_P(PoolMediumContract, AnotherPoolsStorageIsRefused) {
  ASSERT_TRUE(medium(1, true)->write_own(block(1, 1)).ok());
  auto other_pool = setup(1);
  other_pool.pool.bytes[0] = 0xee;
  EXPECT_EQ(GetParam().make(other_pool, false)->write_own(block(1, 2)).fault,
            PoolFault::kForeignPool);
  auto other_cluster = setup(1);
  other_cluster.cluster.bytes[0] = 0xee;
  EXPECT_EQ(GetParam().make(other_cluster, false)->write_own(block(1, 2)).fault,
            PoolFault::kForeignPool);
}

TEST_P(PoolMediumContract, AnIdentityThatWasThereIsNeverMadeAnew) {
  ASSERT_TRUE(medium(1, true)->write_own(block(1, 1)).ok());
  const auto text = GetParam().identity();
  GetParam().plant_identity("");
  auto known = setup(1);
  known.identity_known = true;
  auto one = GetParam().make(known, false);
  EXPECT_EQ(one->write_own(block(1, 2)).fault, PoolFault::kIdentityMissing);
  GetParam().plant_identity(text);
  EXPECT_TRUE(one->write_own(block(1, 3)).ok());
  GetParam().plant_identity("something else\n");
  EXPECT_EQ(medium(1, false)->write_own(block(1, 4)).fault, PoolFault::kForeignPool);
}

TEST_P(PoolMediumContract, AVanishedPoolIsAnErrorAndComesBackByItself) {
  auto one = medium(1, true);
  auto reader = medium(2, false);
  ASSERT_TRUE(one->write_own(block(1, 1)).ok());
  ASSERT_TRUE(reader->write_own(block(2, 1)).ok());
  ASSERT_TRUE(readable(*reader, 1));
  GetParam().take_away();
  EXPECT_FALSE(one->write_own(block(1, 2)).ok());
  EXPECT_FALSE(reader->write_own(block(2, 2)).ok());
  EXPECT_FALSE(readable(*reader, 1));
  GetParam().bring_back();
  // As often as a supervisor would: a medium may need a beat or two to find its storage again.
  const auto beats = [&](PoolMedium& medium, std::uint8_t host_number) {
    for (std::uint64_t n = 3; n < 60; ++n) {
      if (medium.write_own(block(host_number, n)).ok()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
    return false;
  };
  EXPECT_TRUE(beats(*one, 1));
  EXPECT_TRUE(beats(*reader, 2));
  EXPECT_TRUE(readable(*reader, 1));
  EXPECT_FALSE(one->fenced());
}

}  // namespace mold::heartbeat
