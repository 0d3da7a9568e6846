#include "lib/runtime/worker_lane.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

// A library call that hangs until the test lets it go.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

auto hang_on(const std::shared_ptr<Gate>& gate) {
  return [gate]() -> Result<int> {
    gate->wait();
    return 1;
  };
}

TEST(WorkerLane, RunsJobsElsewhereAndAnswersOnTheLoop) {
  const auto loop = make_loop();
  WorkerLane lane(*loop, "test", 2, 64);
  const auto here = std::this_thread::get_id();
  int sum = 0;
  int answers = 0;
  for (int i = 1; i <= 10; ++i) {
    lane.submit(
        [i, here]() -> Result<int> {
          if (std::this_thread::get_id() == here) return fail(ErrorKind::kInternal, "same thread");
          return i;
        },
        [&](Result<int> result) {
          EXPECT_EQ(std::this_thread::get_id(), here);
          EXPECT_OK(result);
          sum += result.value_or(0);
          ++answers;
        },
        kPatience);
  }
  EXPECT_EQ(answers, 0);
  ASSERT_TRUE(loop->run_until([&] { return answers == 10; }, kPatience));
  EXPECT_EQ(sum, 55);
  EXPECT_EQ(lane.stats().finished, 10U);
}

TEST(WorkerLane, CarriesMoveOnlyValuesStatusAndErrors) {
  const auto loop = make_loop();
  WorkerLane lane(*loop, "test", 1, 8);
  std::unique_ptr<int> value;
  bool ok = false;
  ErrorKind kind{};
  lane.submit([p = std::make_unique<int>(
                   5)]() mutable -> Result<std::unique_ptr<int>> { return std::move(p); },
              [&](Result<std::unique_ptr<int>> r) { value = std::move(*r); }, kPatience);
  lane.submit([]() -> Status { return {}; }, [&](Status s) { ok = s.has_value(); }, kPatience);
  lane.submit([]() -> Status { return fail(ErrorKind::kDenied, "no"); },
              [&](Status s) { kind = s.error().kind; }, kPatience);
  ASSERT_TRUE(loop->run_until([&] { return kind == ErrorKind::kDenied; }, kPatience));
  EXPECT_TRUE(ok);
  EXPECT_EQ(*value, 5);
}

TEST(WorkerLane, AJobThatThrowsIsAnInternalError) {
  const auto loop = make_loop();
  WorkerLane lane(*loop, "test", 1, 8);
  std::optional<Error> error;
  lane.submit([]() -> Status { throw std::runtime_error("boo"); },
              [&](Status s) { error = s.error(); }, kPatience);
  ASSERT_TRUE(loop->run_until([&] { return error.has_value(); }, kPatience));
  EXPECT_EQ(error->kind, ErrorKind::kInternal);
  EXPECT_NE(error->what.find("boo"), std::string::npos);
}

TEST(WorkerLane, AFullQueueRefusesLaterNotInside) {
  const auto loop = make_loop();
  const auto gate = std::make_shared<Gate>();
  WorkerLane lane(*loop, "test", 1, 1);
  int good = 0;
  std::optional<ErrorKind> refused;
  lane.submit(
      hang_on(gate), [&](Result<int>) { ++good; }, kPatience);
  ASSERT_TRUE(loop->run_until([&] { return gate->waiting() == 1; }, kPatience));
  lane.submit(
      hang_on(gate), [&](Result<int>) { ++good; }, kPatience);
  lane.submit(
      hang_on(gate), [&](Result<int> r) { refused = r.error().kind; }, kPatience);
  EXPECT_FALSE(refused);
  ASSERT_TRUE(loop->run_until([&] { return refused.has_value(); }, kPatience));
  EXPECT_EQ(*refused, ErrorKind::kBusy);
  gate->open();
  EXPECT_TRUE(loop->run_until([&] { return good == 2; }, kPatience));
}

TEST(WorkerLane, AStuckJobIsUnknownItsThreadReplacedAndItsResultDropped) {
  const auto loop = make_loop();
  const auto gate = std::make_shared<Gate>();
  WorkerLane lane(*loop, "test", 1, 8);
  std::optional<ErrorKind> kind;
  int calls = 0;
  lane.submit(
      hang_on(gate),
      [&](Result<int> r) {
        ++calls;
        if (!r) kind = r.error().kind;
      },
      20ms);
  ASSERT_TRUE(loop->run_until([&] { return kind.has_value(); }, kPatience));
  EXPECT_EQ(*kind, ErrorKind::kUnknown);
  EXPECT_EQ(lane.stats().stuck, 1U);
  bool next = false;  // served by the replacement
  lane.submit([]() -> Status { return {}; }, [&](Status s) { next = s.has_value(); }, kPatience);
  ASSERT_TRUE(loop->run_until([&] { return next; }, kPatience));
  EXPECT_EQ(lane.stats().replaced, 1U);
  gate->open();
  ASSERT_TRUE(loop->run_until([&] { return lane.stats().stuck == 0 && lane.stats().threads == 1; },
                              kPatience));
  EXPECT_EQ(calls, 1);
}

TEST(WorkerLane, BeyondTheCapWorkWaitsAndTimesOutUnstarted) {
  const auto loop = make_loop();
  const auto gate = std::make_shared<Gate>();
  WorkerLane lane(*loop, "test", 1, 8, 1);
  std::vector<ErrorKind> kinds;
  const auto note = [&](Result<int> r) { kinds.push_back(r.error().kind); };
  lane.submit(hang_on(gate), note, 10ms);
  ASSERT_TRUE(loop->run_until([&] { return kinds.size() == 1; }, kPatience));
  lane.submit(hang_on(gate), note, 10ms);
  ASSERT_TRUE(loop->run_until([&] { return kinds.size() == 2; }, kPatience));
  lane.submit(hang_on(gate), note, 10ms);
  ASSERT_TRUE(loop->run_until([&] { return kinds.size() == 3; }, kPatience));
  EXPECT_EQ(kinds[0], ErrorKind::kUnknown);
  EXPECT_EQ(kinds[2], ErrorKind::kTimeout);
  EXPECT_LE(lane.stats().threads, 2U);
  gate->open();
}

TEST(WorkerLane, DiesInTimeWithAStuckJobAndNeverCallsBack) {
  const auto loop = make_loop();
  const auto gate = std::make_shared<Gate>();
  bool called = false;
  {
    WorkerLane lane(*loop, "test", 1, 8);
    lane.set_grace(10ms);
    lane.submit(
        hang_on(gate), [&](Result<int>) { called = true; }, kPatience);
    ASSERT_TRUE(loop->run_until([&] { return gate->waiting() == 1; }, kPatience));
  }
  gate->open();
  EXPECT_TRUE(loop->run_until([&] { return gate.use_count() == 1; }, kPatience));
  EXPECT_FALSE(called);
}

TEST(WorkerLane, MayBeDestroyedFromItsOwnAnswer) {
  const auto loop = make_loop();
  auto lane = std::make_unique<WorkerLane>(*loop, "test", 1, 8);
  lane->submit([]() -> Status { return {}; }, [&](Status) { lane.reset(); }, kPatience);
  EXPECT_TRUE(loop->run_until([&] { return lane == nullptr; }, kPatience));
}

}  // namespace
}  // namespace mold::runtime
