#include "agentd/lease/lease_watch.h"

#include <gtest/gtest.h>

#include "tests/unit/agentd/board_double.h"

namespace mold::agentd {
namespace {

using runtime::TempDir;

wire::PoolInfo pool(std::uint64_t id, const char* uuid, bool heartbeat = true) {
  wire::PoolInfo info;
  info.id = PoolId{id};
  info.uuid = uuid;
  info.path = "/pool";
  info.heartbeat = heartbeat;
  return info;
}

constexpr Instant kNow{1'000'000};

class LeaseWatchTest : public ::testing::Test {
 protected:
  LeaseWatchTest() : board_(dir_.file("leases")), watch_(dir_.file("leases")) {
    watch_.set_host(kThisHost);
    watch_.set_pools({pool(4, kPoolA), pool(5, kPoolB, false)});
  }
  TempDir dir_;
  BoardDouble board_;
  LeaseWatch watch_;
};

TEST_F(LeaseWatchTest, ShowsHeldLeasesAndPoolsWithoutHeartbeat) {
  board_.head().incarnation = 3;
  board_.add_held_pool(kPoolA, kNow + 5'000ms);
  board_.publish(kNow);
  const core::LeaseView view = watch_.view(kNow);
  EXPECT_TRUE(view.valid);
  EXPECT_EQ(view.incarnation, 3U);
  ASSERT_EQ(view.pools.size(), 2U);
  EXPECT_TRUE(view.pools[0].held);
  EXPECT_EQ(view.pools[0].valid_until, kNow + 5'000ms);
  EXPECT_TRUE(view.pools[1].held);
  EXPECT_FALSE(watch_.view(kNow + 6'000ms).valid);  // nobody wrote it for six seconds
}

TEST_F(LeaseWatchTest, AnUnknownPoolIsNotHeld) {
  board_.publish(kNow);
  const core::LeaseView view = watch_.view(kNow);
  EXPECT_TRUE(view.valid);
  EXPECT_FALSE(view.pools[0].held);
}

TEST_F(LeaseWatchTest, ABoardOfAnotherHostIsNotBelieved) {
  board_.publish(kNow);
  watch_.set_host(kOtherHost);
  EXPECT_FALSE(watch_.view(kNow).valid);
  EXPECT_FALSE(watch_.trouble().empty());
  EXPECT_TRUE(watch_.readings(kNow).empty());
}

TEST(LeaseWatch, WithoutABoardNothingIsHeld) {
  const TempDir dir;
  LeaseWatch watch(dir.file("none"));
  watch.set_host(kThisHost);
  watch.set_pools({pool(4, kPoolA)});
  EXPECT_FALSE(watch.view(kNow).valid);
  BoardDouble board(dir.file("none"));  // it comes later
  board.publish(kNow);
  EXPECT_TRUE(watch.view(kNow).valid);
}

TEST_F(LeaseWatchTest, ReadingsCarryAgesOfThisHostsClock) {
  board_.add_held_pool(kPoolA, kNow + 5'000ms);
  board_.add_reading(0, kNow - 9'000ms, kNow - 1'000ms);
  board_.publish(kNow);
  watch_.refresh();
  const auto readings = watch_.readings(kNow);
  ASSERT_EQ(readings.size(), 1U);
  EXPECT_EQ(readings[0].subject_uuid, kOtherHost);
  EXPECT_EQ(readings[0].pool_uuid, kPoolA);
  EXPECT_TRUE(readings[0].readable);
  EXPECT_EQ(readings[0].unchanged_ms, 8'000U);  // not 9 000: the last second was not looked at
  EXPECT_EQ(readings[0].counter, 77U);
  EXPECT_TRUE(readings[0].armed);
  EXPECT_EQ(readings[0].deadline_ms, 10'000U);
  // Read more than 2.5 beat intervals ago.
  EXPECT_TRUE(watch_.readings(kNow + 1'500ms)[0].readable);
  EXPECT_FALSE(watch_.readings(kNow + 1'501ms)[0].readable);
}

TEST_F(LeaseWatchTest, AFailedReadIsNotReadable) {
  board_.add_held_pool(kPoolA, kNow + 5'000ms);
  board_.add_reading(0, kNow, kNow, heartbeat::ReadingStatus::kUnknown);
  board_.publish(kNow);
  watch_.refresh();
  EXPECT_FALSE(watch_.readings(kNow)[0].readable);
}

TEST_F(LeaseWatchTest, SupervisorLatenessAndLostLeases) {
  EXPECT_FALSE(watch_.supervisor_lateness(kNow));
  board_.add_held_pool(kPoolA, kNow);
  board_.publish(kNow);
  watch_.refresh();
  EXPECT_EQ(watch_.supervisor_lateness(kNow + 400ms), Duration{0});
  EXPECT_EQ(watch_.supervisor_lateness(kNow + 1'400ms), Duration{900});
  EXPECT_FALSE(watch_.any_lost());
  board_.pool(0).head.state = static_cast<std::uint8_t>(heartbeat::LeaseState::kLost);
  board_.publish(kNow);
  watch_.refresh();
  EXPECT_TRUE(watch_.any_lost());
  EXPECT_EQ(watch_.own_leases()[0].state, "lost");
}

}  // namespace
}  // namespace mold::agentd
