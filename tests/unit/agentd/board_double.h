#pragma once
// A lease board as mold-heartbeat would publish it, for tests.
#include <cstring>
#include <memory>
#include <string>

#include "agentd/heartbeat/lease_board_writer.h"
#include "agentd/heartbeat/uuid.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::agentd {

inline constexpr const char* kThisHost = "11111111-1111-4111-8111-111111111111";
inline constexpr const char* kOtherHost = "22222222-2222-4222-8222-222222222222";
inline constexpr const char* kPoolA = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
inline constexpr const char* kPoolB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";

inline heartbeat::Uuid uuid(const char* text) {
  return *heartbeat::Uuid::parse(text);
}

class BoardDouble {
 public:
  explicit BoardDouble(const std::string& path)
      : writer_(runtime::must(heartbeat::LeaseBoardWriter::open(path))),
        image_(std::make_unique<heartbeat::BoardImage>()) {
    std::memset(static_cast<void*>(image_.get()), 0, sizeof *image_);
    head().host = uuid(kThisHost);
    head().boot = uuid(kThisHost);
  }
  heartbeat::BoardHead& head() { return image_->head; }
  heartbeat::BoardPool& pool(std::size_t index) { return image_->pools[index]; }

  // A pool whose lease is held until `valid_until`.
  void add_held_pool(const char* pool_uuid, Instant valid_until) {
    heartbeat::BoardPool& added = image_->pools[head().pool_count++];
    added.head.pool = uuid(pool_uuid);
    std::strcpy(added.head.path, "/pool");
    added.head.state = static_cast<std::uint8_t>(heartbeat::LeaseState::kHeld);
    added.head.valid_until_ms = valid_until.ms;
  }
  void add_reading(std::size_t index, Instant changed, Instant read,
                   heartbeat::ReadingStatus status = heartbeat::ReadingStatus::kOk) {
    heartbeat::BoardPool& in = image_->pools[index];
    heartbeat::BoardReading& added = in.readings[in.head.reading_count++];
    added.host = uuid(kOtherHost);
    added.boot = uuid(kOtherHost);
    added.counter = 77;
    added.incarnation = 1;
    added.deadline_ms = 10'000;
    added.armed = 1;
    added.changed_at_ms = changed.ms;
    added.read_at_ms = read.ms;
    added.tried_at_ms = read.ms;
    added.status = static_cast<std::uint8_t>(status);
  }
  void publish(Instant updated_at) {
    head().updated_at_ms = updated_at.ms;
    writer_.publish(*image_);
  }

 private:
  heartbeat::LeaseBoardWriter writer_;
  std::unique_ptr<heartbeat::BoardImage> image_;
};

}  // namespace mold::agentd
