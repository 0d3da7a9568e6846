#include "agentd/heartbeat/beat_record.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <string_view>

namespace mold::heartbeat {
namespace {

using Block = std::array<std::byte, kBeatBlockSize>;

Uuid uuid(char digit) {
  std::string text(kUuidTextSize, digit);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text[at] = '-';
  return *Uuid::parse(text);
}

BeatRecord sample() {
  return {.cluster = uuid('1'),
          .pool = uuid('2'),
          .host = uuid('a'),
          .boot = uuid('b'),
          .epoch = 7,
          .incarnation = 2,
          .counter = 123456,
          .deadline_ms = 10000,
          .armed = true,
          .health = PoolHealth::kSlow};
}

Block block_of(const BeatRecord& record) {
  Block block{};
  encode_beat(record, block);
  return block;
}

std::string_view text_of(const Block& block) {
  return {reinterpret_cast<const char*>(block.data()), block.size()};
}

Block replaced(const Block& block, std::string_view from, std::string_view to) {
  std::string text(text_of(block));
  text.replace(text.find(from), from.size(), to);
  text.resize(kBeatBlockSize, ' ');
  Block out{};
  std::memcpy(out.data(), text.data(), kBeatBlockSize);
  return out;
}

// The same text with a checksum that fits: only the form can refuse it.
Block resealed(Block block) {
  const auto at = text_of(block).find("crc32c ");
  char hex[9];
  std::snprintf(hex, sizeof hex, "%08x", crc32c(std::span<const std::byte>(block).first(at)));
  std::memcpy(block.data() + at + 7, hex, 8);
  return block;
}

TEST(BeatRecord, ChecksumIsCastagnoli) {
  const std::string_view text = "123456789";
  EXPECT_EQ(crc32c(std::as_bytes(std::span(text.data(), text.size()))), 0xe3069283U);
}

TEST(BeatRecord, RoundTrip) {
  auto record = sample();
  for (const auto health : {PoolHealth::kOk, PoolHealth::kSlow, PoolHealth::kFailing}) {
    record.health = health;
    BeatRecord back;
    ASSERT_EQ(decode_beat(block_of(record), back), BeatVerdict::kOk);
    EXPECT_EQ(back, record);
  }
}

TEST(BeatRecord, RoundTripOfTheLargestNumbers) {
  auto record = sample();
  record.epoch = record.incarnation = record.counter = std::numeric_limits<std::uint64_t>::max();
  record.deadline_ms = std::numeric_limits<std::uint32_t>::max();
  BeatRecord back;
  ASSERT_EQ(decode_beat(block_of(record), back), BeatVerdict::kOk);
  EXPECT_EQ(back, record);
}

TEST(BeatRecord, EveryFlippedByteIsSeen) {
  const auto good = block_of(sample());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
      auto bad = good;
      bad[i] ^= static_cast<std::byte>(mask);
      BeatRecord record;
      ASSERT_NE(decode_beat(bad, record), BeatVerdict::kOk) << "byte " << i << " mask " << mask;
      ASSERT_EQ(record, BeatRecord{});
    }
  }
}

TEST(BeatRecord, EveryTearBetweenTwoBeatsIsSeen) {
  auto next = sample();
  next.counter = 123457;
  next.armed = false;
  const auto older = block_of(sample());
  const auto newer = block_of(next);
  for (std::size_t cut = 1; cut < kBeatBlockSize; ++cut) {
    auto torn = newer;
    std::memcpy(torn.data() + cut, older.data() + cut, kBeatBlockSize - cut);
    BeatRecord record;
    if (decode_beat(torn, record) == BeatVerdict::kOk) {
      EXPECT_TRUE(record == sample() || record == next) << "cut at " << cut;
    }
  }
}

TEST(BeatRecord, EveryTruncationIsSeen) {
  const auto good = block_of(sample());
  for (std::size_t size = 0; size < good.size(); ++size) {
    BeatRecord record;
    ASSERT_NE(decode_beat(std::span<const std::byte>(good).first(size), record), BeatVerdict::kOk);
  }
}

TEST(BeatRecord, ZerosAreNoRecord) {
  BeatRecord record;
  EXPECT_EQ(decode_beat(Block{}, record), BeatVerdict::kNotARecord);
}

TEST(BeatRecord, AnotherVersionIsToldApart) {
  BeatRecord record;
  const auto other = resealed(replaced(block_of(sample()), "MOLD-BEAT 1", "MOLD-BEAT 2"));
  EXPECT_EQ(decode_beat(other, record), BeatVerdict::kOtherVersion);
}

TEST(BeatRecord, OnlyTheCanonicalFormIsAccepted) {
  const auto good = block_of(sample());
  BeatRecord record;
  for (const auto& [from, to] : {std::pair{"epoch 7", "epoch 07"},
                                 {"armed yes", "armed YES"},
                                 {"host a", "host A"},
                                 {"health slow", "health odd"},
                                 {"epoch 7", "epoch 99999999999999999999"},
                                 {"epoch 7", "epoch -7"},
                                 {"counter ", "Counter "}}) {
    EXPECT_EQ(decode_beat(resealed(replaced(good, from, to)), record), BeatVerdict::kDamaged) << to;
  }
}

TEST(BeatRecord, ForeignIsClusterPoolOrHost) {
  const auto r = sample();
  EXPECT_FALSE(is_foreign(r, r.cluster, r.pool, r.host));
  EXPECT_TRUE(is_foreign(r, uuid('9'), r.pool, r.host));
  EXPECT_TRUE(is_foreign(r, r.cluster, uuid('9'), r.host));
  EXPECT_TRUE(is_foreign(r, r.cluster, r.pool, uuid('9')));
}

}  // namespace
}  // namespace mold::heartbeat
