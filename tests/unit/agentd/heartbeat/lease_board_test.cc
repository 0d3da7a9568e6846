#include "agentd/heartbeat/lease_board.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "agentd/heartbeat/lease_board_writer.h"
#include "agentd/heartbeat/status_text.h"
#include "tests/unit/agentd/heartbeat/temp_dir.h"

namespace mold::heartbeat {
namespace {

Uuid uuid(std::uint8_t last) {
  Uuid id;
  id.bytes[15] = last;
  return id;
}

std::unique_ptr<BoardImage> image_with(std::uint32_t pools, std::uint32_t readings) {
  auto image = std::make_unique<BoardImage>();
  image->head.pool_count = pools;
  for (std::uint32_t p = 0; p < pools; ++p) {
    auto& pool = image->pools[p];
    pool.head.pool = uuid(static_cast<std::uint8_t>(p + 1));
    pool.head.reading_count = readings;
    for (std::uint32_t r = 0; r < readings; ++r) {
      pool.readings[r].host = uuid(static_cast<std::uint8_t>(r + 1));
    }
  }
  return image;
}

TEST(LeaseBoard, MissingBoardIsNotFound) {
  EXPECT_EQ(LeaseBoardReader::open("/nonexistent/leases").error().kind, ErrorKind::kNotFound);
}

TEST(LeaseBoard, ShowsWhatWasPublished) {
  TempDir dir;
  auto writer = LeaseBoardWriter::open(dir.path("leases"));
  ASSERT_TRUE(writer);
  auto image = image_with(2, 3);
  image->head.incarnation = 4;
  image->head.watchdog_armed = 1;
  image->head.updated_at_ms = 5000;
  auto& pool = image->pools[1];
  pool.head.state = static_cast<std::uint8_t>(LeaseState::kHeld);
  pool.head.valid_until_ms = 9000;
  pool.readings[2].counter = 77;
  pool.readings[2].status = 1;
  pool.readings[2].changed_at_ms = 4000;
  writer->publish(*image);
  auto reader = LeaseBoardReader::open(dir.path("leases"));
  ASSERT_TRUE(reader);
  const auto board = reader->snapshot();
  ASSERT_TRUE(board);
  EXPECT_EQ(board->incarnation, 4U);
  EXPECT_EQ(board->age(Instant{5500}), 500ms);
  const auto* lease = board->find(uuid(2).text());
  ASSERT_NE(lease, nullptr);
  EXPECT_TRUE(may_start(*lease, Instant{8999}));
  EXPECT_FALSE(may_start(*lease, Instant{9000}));
  ASSERT_EQ(lease->readings.size(), 3U);
  EXPECT_EQ(lease->readings[2].counter, 77U);
  EXPECT_EQ(lease->readings[2].status, ReadingStatus::kOk);
  EXPECT_EQ(lease->readings[1].status, ReadingStatus::kUnknown);
  EXPECT_EQ(board->find("nonsense"), nullptr);
  EXPECT_NE(status_text(*board, Instant{6000}).find("incarnation 4"), std::string::npos);
}

TEST(LeaseBoard, OnlyOneWriter) {
  TempDir dir;
  const auto first = LeaseBoardWriter::open(dir.path("leases"));
  ASSERT_TRUE(first);
  EXPECT_EQ(LeaseBoardWriter::open(dir.path("leases")).error().kind, ErrorKind::kBusy);
}

TEST(LeaseBoard, AnotherLayoutIsReplacedByTheWriterAndRefusedByTheReader) {
  TempDir dir;
  dir.write("leases", "old layout");
  EXPECT_EQ(LeaseBoardReader::open(dir.path("leases")).error().kind, ErrorKind::kUnsupported);
  ASSERT_TRUE(LeaseBoardWriter::open(dir.path("leases")));
  EXPECT_TRUE(LeaseBoardReader::open(dir.path("leases")));
}

TEST(LeaseBoard, AReaderFollowsAReplacedFile) {
  TempDir dir;
  const auto path = dir.path("leases");
  auto writer = LeaseBoardWriter::open(path);
  writer->publish(*image_with(1, 0));
  auto reader = LeaseBoardReader::open(path);
  ASSERT_EQ(reader->snapshot()->pools.size(), 1U);
  std::filesystem::remove(path);
  EXPECT_EQ(reader->snapshot().error().kind, ErrorKind::kNotFound);
  std::filesystem::remove(path + ".lock");
  auto again = LeaseBoardWriter::open(path);
  again->publish(*image_with(3, 0));
  EXPECT_EQ(reader->snapshot()->pools.size(), 3U);
}

TEST(LeaseBoard, ImpossibleCountsAreCorruptNotACrash) {
  TempDir dir;
  auto writer = LeaseBoardWriter::open(dir.path("leases"));
  auto image = image_with(1, 0);
  writer->publish(*image);
  auto file = std::fstream(dir.path("leases"), std::ios::in | std::ios::out | std::ios::binary);
  const std::uint32_t many = 1000000;
  file.seekp(
      static_cast<std::streamoff>(offsetof(BoardFile, image) + offsetof(BoardHead, pool_count)));
  file.write(reinterpret_cast<const char*>(&many), sizeof many);
  file.close();
  auto reader = LeaseBoardReader::open(dir.path("leases"));
  EXPECT_EQ(reader->snapshot().error().kind, ErrorKind::kCorrupt);
}

TEST(LeaseBoard, AWriterThatDiedInAnUpdateMeansBusyAndTheNextOneRepairsIt) {
  TempDir dir;
  const auto path = dir.path("leases");
  { auto writer = LeaseBoardWriter::open(path); }
  {
    auto file = std::fstream(path, std::ios::in | std::ios::out | std::ios::binary);
    const std::uint64_t odd = 5;
    file.seekp(offsetof(BoardFile, sequence));
    file.write(reinterpret_cast<const char*>(&odd), sizeof odd);
  }
  auto reader = LeaseBoardReader::open(path);
  EXPECT_EQ(reader->snapshot().error().kind, ErrorKind::kBusy);
  auto writer = LeaseBoardWriter::open(path);
  EXPECT_TRUE(reader->snapshot());
}

TEST(LeaseBoard, ReadersNeverSeeAMixOfTwoUpdates) {
  TempDir dir;
  auto writer = LeaseBoardWriter::open(dir.path("leases"));
  auto image = image_with(4, 20);
  writer->publish(*image);
  std::atomic<bool> done{false};
  std::thread writing([&] {
    for (std::uint64_t n = 1; n < 1000; ++n) {
      image->head.incarnation = n;
      for (auto& pool : image->pools) {
        for (auto& reading : pool.readings) reading.counter = n;
      }
      writer->publish(*image);
      std::this_thread::yield();
    }
    done = true;
  });
  auto reader = LeaseBoardReader::open(dir.path("leases"));
  while (!done) {
    const auto board = reader->snapshot();
    if (!board) continue;
    for (const auto& pool : board->pools) {
      for (const auto& reading : pool.readings) {
        ASSERT_TRUE(reading.counter == board->incarnation || board->incarnation == 0);
      }
    }
  }
  writing.join();
}

}  // namespace
}  // namespace mold::heartbeat
