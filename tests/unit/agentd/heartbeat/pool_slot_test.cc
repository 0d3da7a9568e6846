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
  slot.inherit(old);
  EXPECT_STREQ(slot.real_path(), "/srv/real");
  entry.beat_interval_ms = 500;  // the board does not say it, the file does
  slot.reconfigure(entry, LadderPolicy{});
  slot.fill_board();
  EXPECT_STREQ(board->head.real_path, "/srv/real");
  entry.path = "/mnt/other";
  slot.reconfigure(entry, LadderPolicy{});
  EXPECT_STREQ(slot.real_path(), "");
}

}  // namespace
}  // namespace mold::heartbeat
