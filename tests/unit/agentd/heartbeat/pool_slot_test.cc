#include "agentd/heartbeat/pool_slot.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace mold::heartbeat {
namespace {

class PoolSlotTest : public ::testing::Test {
 protected:
  PoolSlotTest() {
    entry.uuid = *Uuid::parse("aaaaaaaa-0000-4000-8000-000000000001");
    entry.path = "/mnt/link";
    entry.beat_interval_ms = 1000;
    entry.deadline_ms = 10000;
    slot.configure(entry, LadderPolicy{}, *board);
  }
  PoolEntry entry;
  std::unique_ptr<BoardPool> board = std::make_unique<BoardPool>();
  PoolSlot slot;
};

TEST_F(PoolSlotTest, NoArmedBeatBeforeTheBoardShowsTheLease) {
  const Instant now{1'000'000};
  for (int i = 0; i < 3; ++i) {
    slot.ladder().beat_issued(now, false);
    slot.ladder().beat_done(now, true);
  }
  const LadderStep step = slot.ladder().step(now, true);
  ASSERT_TRUE(step.held_now);
  ASSERT_TRUE(step.announce_armed);
  EXPECT_FALSE(slot.board_allows(step));
  EXPECT_TRUE(slot.board_allows(LadderStep{}));  // what promises nothing may go out
  slot.fill_board();
  EXPECT_TRUE(slot.board_allows(step));
}

TEST_F(PoolSlotTest, TheRealNameOfALinkedPoolOutlivesAnInstance) {
  BoardPoolHead old{};
  old.state = static_cast<std::uint8_t>(LeaseState::kHeld);
  std::strcpy(old.real_path, "/srv/real");
  slot.inherit(old, 4s);
  EXPECT_STREQ(slot.real_path(), "/srv/real");
  entry.beat_interval_ms = 500;  // the board does not say it, the file does
  slot.reconfigure(entry, LadderPolicy{});
  slot.fill_board();
  EXPECT_STREQ(board->head.real_path, "/srv/real");
  entry.path = "/mnt/other";
  slot.reconfigure(entry, LadderPolicy{});
  EXPECT_STREQ(slot.real_path(), "");
}

ChildReport reading(const Uuid& host, std::uint64_t counter, std::int64_t at) {
  ChildReport report{};
  report.says = ChildSays::kReading;
  report.readable = true;
  report.host = host;
  report.record.boot.bytes[0] = 0xbb;
  report.record.counter = counter;
  report.record.armed = counter % 2 == 0;
  report.began_ms = at;
  report.ended_ms = at + 1;
  return report;
}

TEST_F(PoolSlotTest, AWriteThatLandsLateIsNoMovement) {
  Uuid other;
  other.bytes[0] = 7;
  slot.take(Instant{100}, reading(other, 10, 100));
  slot.take(Instant{200}, reading(other, 11, 200));
  const auto& seen = board->readings[0];
  EXPECT_EQ(seen.changed_at_ms, 201);
  slot.take(Instant{300}, reading(other, 10, 300));  // given up as lost, and here it is
  EXPECT_EQ(seen.counter, 11U);
  EXPECT_EQ(seen.armed, 0);
  EXPECT_EQ(seen.changed_at_ms, 201);
  EXPECT_EQ(seen.read_at_ms, 300);
  slot.take(Instant{400}, reading(other, 12, 400));
  EXPECT_EQ(seen.counter, 12U);
  EXPECT_EQ(seen.changed_at_ms, 401);
  // A new boot may begin anywhere.
  auto reborn = reading(other, 1, 500);
  reborn.record.boot.bytes[0] = 0xcc;
  slot.take(Instant{500}, reborn);
  EXPECT_EQ(seen.counter, 1U);
  EXPECT_EQ(seen.changed_at_ms, 501);
}

TEST_F(PoolSlotTest, AFenceIsTakenFromABeatAndFromAReadAndShown) {
  for (const bool by_beat : {true, false}) {
    slot.configure(entry, LadderPolicy{}, *board);
    const Instant now{1'000'000};
    for (int i = 0; i < 3; ++i) {
      slot.ladder().beat_issued(now, false);
      slot.ladder().beat_done(now, true);
    }
    ASSERT_TRUE(slot.ladder().step(now, true).held_now);
    ChildReport report{};
    report.says = by_beat ? ChildSays::kDone : ChildSays::kFenced;
    report.fault = by_beat ? PoolFault::kFenced : PoolFault::kNone;
    slot.take(now, report);
    EXPECT_TRUE(slot.ladder().step(now, true).kill);
    slot.fill_board();
    EXPECT_EQ(board->head.fenced, 1);
    EXPECT_NE(std::string(board->head.last_error).find("FENCED"), std::string::npos);
  }
}

}  // namespace
}  // namespace mold::heartbeat
