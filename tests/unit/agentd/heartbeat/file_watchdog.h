#pragma once
// A watchdog double that keeps the contract of watchdog.h in a shared file: the test reads there
// whether and when it was fed, and so whether it would have bitten.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/watchdog.h"

namespace mold::heartbeat {

struct FileWatchdogState {
  std::atomic<std::int64_t> fed_at_ms;
  std::atomic<int> running;          // 1 from open() to disarm(); closing leaves it
  std::atomic<int> refuses;          // set by the test: the device fails
  std::atomic<unsigned> shortest_s;  // set by the test: it takes no shorter timeout
  std::atomic<int> timeout_ms;       // in force
};

inline FileWatchdogState* map_watchdog(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd || ::ftruncate(fd.get(), sizeof(FileWatchdogState)) != 0) return nullptr;
  void* at =
      ::mmap(nullptr, sizeof(FileWatchdogState), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  return at == MAP_FAILED ? nullptr : static_cast<FileWatchdogState*>(at);
}

class FileWatchdog final : public Watchdog {
 public:
  FileWatchdog(const std::string& path, unsigned timeout_s)
      : state_(map_watchdog(path)), timeout_ms_(timeout_s * 1000) {}

  bool open() override {
    if (state_ == nullptr || state_->refuses != 0) return false;
    armed_ = true;
    state_->running = 1;
    state_->timeout_ms = static_cast<int>(timeout_ms_);
    return feed();
  }
  bool feed() override {
    armed_ = armed_ && state_->refuses == 0;
    if (armed_) state_->fed_at_ms = boottime_now().ms;
    return armed_;
  }
  void set_timeout(unsigned timeout_s) override {
    if (!armed_ || timeout_s < state_->shortest_s) return;
    timeout_ms_ = timeout_s * 1000;
    state_->timeout_ms = static_cast<int>(timeout_ms_);
    (void)feed();
  }
  void begin_with(unsigned timeout_s) override {
    if (timeout_s > 0) timeout_ms_ = std::min<std::uint32_t>(timeout_ms_, timeout_s * 1000);
  }
  void disarm() override {
    if (state_ != nullptr) state_->running = 0;
    armed_ = false;
  }
  void let_go() override { armed_ = false; }
  [[nodiscard]] bool armed() const override { return armed_; }
  [[nodiscard]] std::uint32_t timeout_ms() const override { return timeout_ms_; }
  [[nodiscard]] const char* note() const override { return armed_ ? "" : "double refuses"; }

 private:
  FileWatchdogState* state_;
  std::uint32_t timeout_ms_;
  bool armed_ = false;
};

}  // namespace mold::heartbeat
