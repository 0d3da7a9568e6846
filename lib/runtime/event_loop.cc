#include "lib/runtime/event_loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <deque>
#include <list>
#include <mutex>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {
namespace {

constexpr std::int64_t kLagLimitUs = 5'000;
constexpr std::int64_t kLagReportEveryUs = 10'000'000;
constexpr Duration kLookAgain{10};
constexpr std::size_t kPostsPerTurn = 64;  // then other sources have their turn
constexpr std::uint64_t kTimerAccuracyUs = 500;

std::int64_t clock_us(clockid_t clock) {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000 + t.tv_nsec / 1000;
}

std::uint64_t to_us(std::int64_t ms) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)) * 1000;
}

}  // namespace

Instant boot_time_now() {
  return {clock_us(CLOCK_BOOTTIME) / 1000};
}
WallTime wall_time_now() {
  return {clock_us(CLOCK_REALTIME) / 1000};
}

struct EventLoop::Impl {
  sd_event* event = nullptr;
  UniqueFd wake;  // eventfd: something was posted
  std::mutex mutex;
  std::deque<std::function<void()>> posted;  // under the mutex
  std::function<void(int)> on_signal;
  std::list<std::pair<UniqueFd, std::unique_ptr<IoSource>>> orphans;
  LoopLag lag;
  std::int64_t last_lag_report_us = -kLagReportEveryUs;

  ~Impl() { sd_event_unref(event); }

  void ring() const {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    [[maybe_unused]] const ssize_t written = ::write(wake.get(), &one, sizeof one);
  }

  void run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(wake.get(), &count, sizeof count);
    for (std::size_t i = 0; i < kPostsPerTurn; ++i) {
      std::function<void()> task;
      {
        const std::lock_guard lock(mutex);
        if (posted.empty()) return;
        task = std::move(posted.front());
        posted.pop_front();
      }
      task();
    }
    const std::lock_guard lock(mutex);
    if (!posted.empty()) ring();
  }

  void account(std::int64_t took_us) {
    ++lag.dispatches;
    lag.worst_us = std::max(lag.worst_us, took_us);
    if (took_us <= kLagLimitUs) return;
    ++lag.over_limit;
    const std::int64_t now_us = clock_us(CLOCK_MONOTONIC);
    if (now_us - last_lag_report_us < kLagReportEveryUs) return;
    last_lag_report_us = now_us;
    log(LogLevel::kWarning, messages::kLoopLag,
        "the event loop was held up for " + std::to_string(took_us / 1000) + " ms",
        {{"LAG_US", std::to_string(took_us)}, {"OVER_LIMIT", std::to_string(lag.over_limit)}});
  }

  // One turn, at most `timeout_us`. False when the loop has finished.
  bool turn(std::uint64_t timeout_us) {
    int r = sd_event_prepare(event);
    if (r == 0) r = sd_event_wait(event, timeout_us);
    if (r < 0) {
      log_error("event loop: " + errno_error(-r, "waiting").what);
      return false;
    }
    if (r == 0) return true;
    const std::int64_t before = clock_us(CLOCK_MONOTONIC);
    r = sd_event_dispatch(event);
    account(clock_us(CLOCK_MONOTONIC) - before);
    return r > 0 && sd_event_get_state(event) != SD_EVENT_FINISHED;
  }
};

EventLoop::EventLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  std::signal(SIGPIPE, SIG_IGN);
  auto impl = std::make_unique<Impl>();
  if (const int r = sd_event_new(&impl->event); r < 0) {
    return fail(errno_error(-r, "making an event loop"));
  }
  impl->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!impl->wake) return fail(errno_error(errno, "making an eventfd"));
  const auto on_wake = [](sd_event_source*, int, std::uint32_t, void* self) {
    static_cast<Impl*>(self)->run_posted();
    return 0;
  };
  const int r =
      sd_event_add_io(impl->event, nullptr, impl->wake.get(), EPOLLIN, on_wake, impl.get());
  if (r < 0) return fail(errno_error(-r, "watching an eventfd"));
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(impl)));
}

EventLoop::~EventLoop() {
  // Tasks may own things that look at the loop when they die: drop them while it still stands.
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(impl_->mutex);
    dropped.swap(impl_->posted);
  }
  dropped.clear();
  impl_->orphans.clear();
}

void EventLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->posted.push_back(std::move(task));
  }
  impl_->ring();
}

Status EventLoop::on_signals(std::function<void(int)> handler) {
  const bool first = !impl_->on_signal;
  impl_->on_signal = std::move(handler);
  if (!first) return {};
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  if (const int err = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); err != 0) {
    return fail(errno_error(err, "blocking signals"));
  }
  const auto on_signal = [](sd_event_source*, const signalfd_siginfo* info, void* self) {
    const auto call = static_cast<Impl*>(self)->on_signal;
    call(static_cast<int>(info->ssi_signo));
    return 0;
  };
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const int r = sd_event_add_signal(impl_->event, nullptr, number, on_signal, impl_.get());
    if (r < 0) return fail(errno_error(-r, "watching signals"));
  }
  return {};
}

Result<bool> EventLoop::enable_watchdog() {
  const int r = sd_event_set_watchdog(impl_->event, 1);
  if (r < 0) return fail(errno_error(-r, "arming the watchdog"));
  return r > 0;
}

void EventLoop::reap_later(UniqueFd pidfd) {
  const auto reap = [](int fd) {
    siginfo_t info{};
    return ::waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | WNOHANG) != 0 ||
           info.si_pid != 0;
  };
  const int fd = pidfd.get();
  if (fd < 0 || reap(fd)) return;
  auto& orphans = impl_->orphans;
  orphans.emplace_front(std::move(pidfd), nullptr);
  const auto place = orphans.begin();
  place->second = std::make_unique<IoSource>(*this, fd, EPOLLIN, [this, place, fd, reap](auto) {
    if (!reap(fd)) return;
    place->second.reset();
    impl_->orphans.erase(place);
  });
}

int EventLoop::run() {
  while (impl_->turn(UINT64_MAX)) {
  }
  int code = 1;
  return sd_event_get_exit_code(impl_->event, &code) < 0 ? 1 : code;
}

void EventLoop::stop(int code) {
  sd_event_exit(impl_->event, code);
}

bool EventLoop::run_until(const std::function<bool()>& predicate, Duration limit) {
  const Instant end = now() + limit;
  while (!predicate()) {
    const Duration left = end - now();
    if (left.count() <= 0) return false;
    if (!impl_->turn(to_us(std::min<Duration>(left, kLookAgain).count()))) return predicate();
  }
  return true;
}

LoopLag EventLoop::lag() const {
  return impl_->lag;
}
sd_event* EventLoop::raw() const {
  return impl_->event;
}

// Both kinds of source keep their state alive while their own callback runs, so that the callback
// may destroy them.
struct Timer::State : std::enable_shared_from_this<State> {
  sd_event_source* source = nullptr;
  std::function<void()> action;
  Duration period{0};
  Instant next;

  ~State() { sd_event_source_disable_unref(source); }

  void arm(Instant when) {
    next = when;
    sd_event_source_set_time(source, to_us(when.ms));
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
  }

  void fire() {
    const auto keep = shared_from_this();
    if (period.count() == 0) {
      const auto call = std::exchange(action, nullptr);
      call();
      return;
    }
    const Instant now = boot_time_now();
    const auto missed = std::max<std::int64_t>((now - next) / period, 0);
    arm(next + period * (missed + 1));
    const auto call = action;
    call();
  }
};

Timer::Timer(EventLoop& loop) : state_(std::make_shared<State>()) {
  const auto on_time = [](sd_event_source*, std::uint64_t, void* state) {
    static_cast<State*>(state)->fire();
    return 0;
  };
  const int r = sd_event_add_time(loop.raw(), &state_->source, CLOCK_BOOTTIME, 0, kTimerAccuracyUs,
                                  on_time, state_.get());
  MOLD_CHECK(r >= 0, "no timer to be had");
  sd_event_source_set_enabled(state_->source, SD_EVENT_OFF);
}

Timer::~Timer() {
  cancel();
}

void Timer::start_after(Duration delay, std::function<void()> action) {
  start_at(boot_time_now() + delay, std::move(action));
}

void Timer::start_at(Instant when, std::function<void()> action) {
  MOLD_CHECK(action, "a timer without an action");
  state_->period = Duration{0};
  state_->action = std::move(action);
  state_->arm(when);
}

void Timer::start_periodic(Duration period, std::function<void()> action) {
  MOLD_CHECK(action && period.count() > 0, "a periodic timer needs a period and an action");
  state_->period = period;
  state_->action = std::move(action);
  state_->arm(boot_time_now() + period);
}

void Timer::cancel() {
  sd_event_source_set_enabled(state_->source, SD_EVENT_OFF);
  const auto dropped = std::exchange(state_->action, nullptr);
}

bool Timer::armed() const {
  return static_cast<bool>(state_->action);
}

struct IoSource::State : std::enable_shared_from_this<State> {
  sd_event_source* source = nullptr;
  std::function<void(std::uint32_t)> action;
  bool closed = false;
};

IoSource::IoSource(EventLoop& loop, int fd, std::uint32_t events,
                   std::function<void(std::uint32_t)> action)
    : state_(std::make_shared<State>()) {
  state_->action = std::move(action);
  const auto on_io = [](sd_event_source*, int, std::uint32_t revents, void* raw) {
    const auto keep = static_cast<State*>(raw)->shared_from_this();
    if (!keep->closed) keep->action(revents);
    return 0;
  };
  if (sd_event_add_io(loop.raw(), &state_->source, fd, events, on_io, state_.get()) < 0) {
    state_->source = nullptr;
    return;
  }
  if (events == 0) set_events(0);
}

IoSource::~IoSource() {
  state_->closed = true;
  sd_event_source_disable_unref(state_->source);
  state_->source = nullptr;
}

void IoSource::set_events(std::uint32_t events) {
  if (state_->source == nullptr) return;
  if (events != 0) sd_event_source_set_io_events(state_->source, events);
  sd_event_source_set_enabled(state_->source, events == 0 ? SD_EVENT_OFF : SD_EVENT_ON);
}

bool IoSource::valid() const {
  return state_->source != nullptr;
}

}  // namespace mold::runtime
