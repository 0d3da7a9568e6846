// The countdown behind a lab host's /dev/watchdog.
//
// Why: a real watchdog is a timer that nobody on the host can stop once the host stops working.
// Here it is a thread outside the host. It follows the kernel's rules (Documentation/watchdog):
// opening starts it, any write feeds it, closing stops it only after a write that held the letter
// 'V', and a second opener is refused.
//
// Lifetime: one per watchdogfs process; the thread runs until the process ends.
// Thread safety: all functions may be called from any thread.
#ifndef TESTS_LAB_WATCHDOG_TIMER_H_
#define TESTS_LAB_WATCHDOG_TIMER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace mold_lab {

class WatchdogTimer {
 public:
  // `on_expiry` runs on the timer's thread, once per expiry, with no lock held.
  WatchdogTimer(std::chrono::seconds timeout, std::function<void()> on_expiry);

  // Starts the thread. Separate from construction because a daemon loses its threads when it forks.
  void start();

  // Starts the countdown. False when somebody else has the device open; a close that is on its way
  // (the kernel reports it late) is given a moment.
  bool open_device();
  // Stops the countdown only if the last write asked for it.
  void close_device();

  void write_device(std::string_view data);
  void feed();
  void enable(bool on);  // WDIOC_SETOPTIONS

  bool set_timeout(
      std::chrono::seconds timeout);  // false outside 1 s .. 1 h; feeds, as the kernel does
  std::chrono::seconds timeout() const;
  std::chrono::milliseconds time_left() const;
  bool bitten() const;  // the last boot ended with an expiry

  // The machine boots: stopped, whatever happened before.
  void power_on();
  std::string describe() const;  // one JSON line for `lab status`

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void feed_locked();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> on_expiry_;
  std::chrono::seconds timeout_;
  Clock::time_point deadline_;
  Clock::time_point last_fed_;
  bool open_ = false;
  bool armed_ = false;
  bool may_stop_ = false;  // the last write held a 'V'
  bool expired_ = false;   // bit since the last power_on
  bool bitten_ = false;    // bit before the last power_on
};

}  // namespace mold_lab

#endif  // TESTS_LAB_WATCHDOG_TIMER_H_
