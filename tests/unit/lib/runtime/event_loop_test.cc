#include "lib/runtime/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <optional>
#include <thread>
#include <vector>

#include "lib/runtime/journal_log.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

TEST(EventLoop, RunsPostedTasksInOrderAndNeverInsidePost) {
  const auto loop = make_loop();
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) loop->post([&order, i] { order.push_back(i); });
  EXPECT_TRUE(order.empty());
  ASSERT_TRUE(loop->run_until([&] { return order.size() == 200; }, kPatience));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(EventLoop, TakesPostsFromManyThreadsAndKeepsEachOnesOrder) {
  const auto loop = make_loop();
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<int> last(kThreads, -1);
  int total = 0;
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop->post([&, t, i] {
          const auto at = static_cast<std::size_t>(t);
          in_order = in_order && last[at] == i - 1;
          last[at] = i;
          ++total;
        });
      }
    });
  }
  EXPECT_TRUE(loop->run_until([&] { return total == kThreads * kEach; }, kPatience));
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(in_order);
}

TEST(EventLoop, AnEndlessChainOfPostsDoesNotStarveTimers) {
  const auto loop = make_loop();
  bool fired = false;
  std::function<void()> again = [&] { loop->post([&] { again(); }); };
  again();
  Timer timer(*loop);
  timer.start_after(1ms, [&] { fired = true; });
  EXPECT_TRUE(loop->run_until([&] { return fired; }, kPatience));
}

TEST(EventLoop, TasksThatWereNotRunAreDestroyed) {
  auto loop = make_loop();
  auto alive = std::make_shared<int>(1);
  loop->post([alive] {});
  loop.reset();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(EventLoop, RunReturnsTheCodeOfStop) {
  const auto loop = make_loop();
  loop->post([&] { loop->stop(7); });
  EXPECT_EQ(loop->run(), 7);
}

TEST(EventLoop, TellsSignals) {
  const auto loop = make_loop();
  int got = 0;
  EXPECT_OK(loop->on_signals([&](int number) { got = number; }));
  ::kill(::getpid(), SIGHUP);
  EXPECT_TRUE(loop->run_until([&] { return got == SIGHUP; }, kPatience));
}

TEST(EventLoop, CountsAndReportsWhatHoldsItUp) {
  const auto loop = make_loop();
  std::string line;
  set_log_capture([&](std::string_view text) { line = text; });
  bool done = false;
  loop->post([&] {
    const Instant end = loop->now() + 20ms;
    while (loop->now() < end) {
    }
    done = true;
  });
  loop->run_until([&] { return done; }, kPatience);
  set_log_capture(nullptr);
  EXPECT_GE(loop->lag().over_limit, 1U);
  EXPECT_GE(loop->lag().worst_us, 19'000);
  EXPECT_NE(line.find("warning: the event loop was held up"), std::string::npos) << line;
}

TEST(Timer, FiresOnceNotBeforeItsTimeAndInOrder) {
  const auto loop = make_loop();
  std::string order;
  Timer a(*loop);
  Timer b(*loop);
  Timer c(*loop);
  const Instant begin = loop->now();
  Instant fired;
  c.start_after(30ms, [&] {
    order += 'c';
    fired = loop->now();
  });
  a.start_after(5ms, [&] { order += 'a'; });
  b.start_after(15ms, [&] { order += 'b'; });
  EXPECT_TRUE(loop->run_until([&] { return order.size() == 3; }, kPatience));
  EXPECT_EQ(order, "abc");
  EXPECT_GE(fired - begin, 30ms);
  EXPECT_FALSE(a.armed());
}

TEST(Timer, StartingAgainReplacesAndCancelDrops) {
  const auto loop = make_loop();
  int old_calls = 0;
  int new_calls = 0;
  Timer replaced(*loop);
  Timer cancelled(*loop);
  replaced.start_after(1ms, [&] { ++old_calls; });
  replaced.start_after(2ms, [&] { ++new_calls; });
  cancelled.start_after(1ms, [&] { ++old_calls; });
  cancelled.cancel();
  EXPECT_TRUE(loop->run_until([&] { return new_calls == 1; }, kPatience));
  EXPECT_EQ(old_calls, 0);
}

TEST(Timer, MayDestroyOrRestartItselfInItsCallback) {
  const auto loop = make_loop();
  bool gone = false;
  auto doomed = std::make_unique<Timer>(*loop);
  doomed->start_after(1ms, [&] {
    doomed.reset();
    gone = true;
  });
  int beats = 0;
  Timer chain(*loop);
  std::function<void()> beat = [&] {
    if (++beats < 3) chain.start_after(1ms, beat);
  };
  chain.start_after(1ms, beat);
  EXPECT_TRUE(loop->run_until([&] { return gone && beats == 3; }, kPatience));
}

TEST(Timer, PeriodicBeatsUntilCancelled) {
  const auto loop = make_loop();
  int beats = 0;
  Timer timer(*loop);
  timer.start_periodic(2ms, [&] {
    if (++beats == 5) timer.cancel();
  });
  EXPECT_TRUE(loop->run_until([&] { return beats == 5; }, kPatience));
  EXPECT_FALSE(timer.armed());
  EXPECT_FALSE(loop->run_until([&] { return beats > 5; }, 10ms));
}

TEST(IoSource, TellsReadinessPausesAndMayDestroyItself) {
  const auto loop = make_loop();
  const UniqueFd fd(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  int calls = 0;
  std::optional<IoSource> source;
  source.emplace(*loop, fd.get(), EPOLLIN, [&](std::uint32_t events) {
    EXPECT_TRUE(events & EPOLLIN);
    if (++calls == 2) source->set_events(0);
    if (calls == 3) source.reset();
  });
  EXPECT_TRUE(loop->run_until([&] { return calls == 2; }, kPatience));
  EXPECT_FALSE(loop->run_until([&] { return calls > 2; }, 10ms));
  source->set_events(EPOLLIN);
  EXPECT_TRUE(loop->run_until([&] { return calls == 3; }, kPatience));
  EXPECT_FALSE(source.has_value());
}

TEST(IoSource, IsInvalidForADescriptorThatCannotBeWatched) {
  const auto loop = make_loop();
  const IoSource source(*loop, 9999, EPOLLIN, [](auto) {});
  EXPECT_FALSE(source.valid());
}

}  // namespace
}  // namespace mold::runtime
