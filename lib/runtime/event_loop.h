#pragma once
// The one loop of a program: sd-event with our own types in front, so that everything that decides
// runs on one thread and needs no locks. Only post(), now() and wall() may be called from another
// thread; everything else belongs to the thread that runs the loop. Nothing on the loop may block
// for more than 5 ms: each dispatch is timed, and one that takes longer is counted and reported.
// Lifetime: the loop is made first and dies last; timers and sources die before it. A callback may
// destroy its own Timer or IoSource. A callback that throws is a bug: it ends the process.
#include <cstdint>
#include <functional>
#include <memory>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/base/unique_fd.h"

struct sd_event;
struct sd_event_source;

namespace mold::runtime {

// Readings that need no loop; any thread.
Instant boot_time_now();  // CLOCK_BOOTTIME
WallTime wall_time_now();

// How long the loop was held up by single dispatches.
struct LoopLag {
  std::int64_t worst_us = 0;
  std::uint64_t over_limit = 0;  // dispatches that took longer than 5 ms
  std::uint64_t dispatches = 0;
};

class EventLoop {
 public:
  // Makes a loop for the calling thread and sets SIGPIPE to ignored for the process.
  static Result<std::unique_ptr<EventLoop>> create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  [[nodiscard]] Instant now() const { return boot_time_now(); }    // any thread
  [[nodiscard]] WallTime wall() const { return wall_time_now(); }  // any thread
  [[nodiscard]] Now both() const { return {now(), wall()}; }

  // Any thread: runs `task` on the loop, in the order of posting, never inside this call. Tasks
  // still waiting when the loop dies are dropped unrun.
  void post(std::function<void()> task);

  // Blocks SIGTERM, SIGINT and SIGHUP for the calling thread (call it before any other thread is
  // made) and tells their number here instead.
  Status on_signals(std::function<void(int signal)> handler);
  // Feeds the systemd watchdog from the loop when WATCHDOG_USEC is set. True when it is armed.
  Result<bool> enable_watchdog();
  // Reaps this child when it ends, without telling anybody.
  void reap_later(UniqueFd pidfd);

  // Runs until stop(); returns its code. A loop runs once.
  int run();
  // Loop thread. The code is what run() returns.
  void stop(int code);
  // For tests and start-up: runs until the predicate holds (true) or the time is over (false).
  // Looks after every turn and at least every 10 ms.
  bool run_until(const std::function<bool()>& predicate, Duration limit);

  [[nodiscard]] LoopLag lag() const;
  [[nodiscard]] sd_event* raw() const;  // for sd-bus

 private:
  friend class Timer;
  friend class IoSource;
  struct Impl;
  explicit EventLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// One timer on the boot-time clock, accurate to 1 ms. Starting it again replaces what it was to do.
class Timer {
 public:
  explicit Timer(EventLoop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start_after(Duration delay, std::function<void()> action);
  void start_at(Instant when, std::function<void()> action);
  // First after one period; later beats keep to the raster, beats that were missed are skipped.
  void start_periodic(Duration period, std::function<void()> action);
  void cancel();
  [[nodiscard]] bool armed() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// Readiness of one descriptor, level triggered. Does not own the descriptor: destroy the source
// before the descriptor is closed.
class IoSource {
 public:
  // events and what `action` is told: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP.
  IoSource(EventLoop& loop, int fd, std::uint32_t events,
           std::function<void(std::uint32_t events)> action);
  ~IoSource();
  IoSource(const IoSource&) = delete;
  IoSource& operator=(const IoSource&) = delete;

  void set_events(std::uint32_t events);  // 0 pauses it
  [[nodiscard]] bool valid() const;       // false: the descriptor cannot be watched

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace mold::runtime
