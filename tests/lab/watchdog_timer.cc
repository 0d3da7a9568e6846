#include "watchdog_timer.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace mold_lab {

namespace {
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kMaxTimeout{3600};
constexpr milliseconds kLateClose{200};
}  // namespace

WatchdogTimer::WatchdogTimer(seconds timeout, std::function<void()> on_expiry)
    : on_expiry_(std::move(on_expiry)), timeout_(timeout) {}

void WatchdogTimer::start() {
  std::thread([this] { run(); }).detach();
}

bool WatchdogTimer::open_device() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kLateClose, [this] { return !open_; })) return false;
  open_ = true;
  armed_ = true;
  may_stop_ = false;
  feed_locked();
  return true;
}

void WatchdogTimer::close_device() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  if (may_stop_) armed_ = false;
  changed_.notify_all();
}

void WatchdogTimer::write_device(std::string_view data) {
  const std::lock_guard lock(mutex_);
  may_stop_ = data.find('V') != std::string_view::npos;
  feed_locked();
}

void WatchdogTimer::feed() {
  const std::lock_guard lock(mutex_);
  feed_locked();
}

void WatchdogTimer::enable(bool on) {
  const std::lock_guard lock(mutex_);
  armed_ = on;
  feed_locked();
}

bool WatchdogTimer::set_timeout(seconds timeout) {
  if (timeout < seconds(1) || timeout > kMaxTimeout) return false;
  const std::lock_guard lock(mutex_);
  timeout_ = timeout;
  feed_locked();
  return true;
}

seconds WatchdogTimer::timeout() const {
  const std::lock_guard lock(mutex_);
  return timeout_;
}

milliseconds WatchdogTimer::time_left() const {
  const std::lock_guard lock(mutex_);
  if (!armed_) return milliseconds(0);
  return std::max(milliseconds(0), duration_cast<milliseconds>(deadline_ - Clock::now()));
}

bool WatchdogTimer::bitten() const {
  const std::lock_guard lock(mutex_);
  return bitten_;
}

void WatchdogTimer::power_on() {
  const std::lock_guard lock(mutex_);
  bitten_ = std::exchange(expired_, false);
  open_ = armed_ = may_stop_ = false;
  changed_.notify_all();
}

std::string WatchdogTimer::describe() const {
  const auto left = time_left();
  const std::lock_guard lock(mutex_);
  const char* state = expired_ ? "expired" : armed_ ? "armed" : "stopped";
  return std::string("{\"state\":\"") + state + "\",\"open\":" + (open_ ? "true" : "false") +
         ",\"timeout_s\":" + std::to_string(timeout_.count()) +
         ",\"left_ms\":" + std::to_string(left.count()) + "}\n";
}

void WatchdogTimer::feed_locked() {
  last_fed_ = Clock::now();
  deadline_ = last_fed_ + timeout_;
  changed_.notify_all();
}

void WatchdogTimer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!armed_) {
      changed_.wait(lock);
      continue;
    }
    if (Clock::now() < deadline_) {
      changed_.wait_until(lock, deadline_);
      continue;
    }
    armed_ = false;
    expired_ = true;
    lock.unlock();
    on_expiry_();
    lock.lock();
  }
}

}  // namespace mold_lab
