#include "agentd/heartbeat/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/quiet_log.h"

namespace mold::heartbeat {

namespace {

constexpr char kSoftwareIdentity[] = "Software Watchdog";  // drivers/watchdog/softdog.c
// What is left is told in whole seconds: below this it cannot be seen to count in half its time.
constexpr std::uint32_t kShortestProof = 3;
constexpr Duration kLongestProof{2500};

}  // namespace

KernelWatchdog::KernelWatchdog(std::string device, unsigned timeout_s, bool accept_software)
    : device_(std::move(device)),
      wanted_s_(timeout_s),
      accept_software_(accept_software),
      timeout_s_(timeout_s) {
  std::snprintf(note_, sizeof note_, "not opened yet");
}

int KernelWatchdog::control(int fd, unsigned long request, void* argument) {
  return ::ioctl(fd, request, argument);
}

Instant KernelWatchdog::now() const {
  return boottime_now();
}

bool KernelWatchdog::refuse(const char* what, int error) {
  armed_ = proving_ = false;
  std::snprintf(note_, sizeof note_, "%.60s: %s: %s", device_.c_str(), what,
                error == 0 ? "no" : std::strerror(error));
  return false;
}

// It runs since it was opened; one that we cannot use must not reset the host.
bool KernelWatchdog::give_back() {
  (void)!::write(fd_.get(), "V", 1);
  fd_.reset();
  return false;
}

bool KernelWatchdog::open() {
  if (device_.empty()) {
    std::snprintf(note_, sizeof note_, "switched off by configuration");
    return false;
  }
  if (proving_) return go_on_with_proof() || (proving_ ? false : give_back());
  if (!fd_) {
    fd_.reset(::open(device_.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd_) return refuse("open", errno);
  }
  if (!identify() || !set_up()) return give_back();
  if (begin_proof()) return true;
  return proving_ ? false : give_back();
}

bool KernelWatchdog::set_up() {
  int seconds = static_cast<int>(wanted_s_);
  if (control(fd_.get(), WDIOC_SETTIMEOUT, &seconds) != 0 && errno != EOPNOTSUPP &&
      errno != ENOTTY) {
    return refuse("setting its timeout", errno);
  }
  seconds = 0;
  if (control(fd_.get(), WDIOC_GETTIMEOUT, &seconds) != 0) {
    return refuse("reading its timeout back", errno);
  }
  if (seconds <= 0 || seconds > 3600) return refuse("a sensible timeout read back", 0);
  timeout_s_ = static_cast<std::uint32_t>(seconds);
  if (timeout_s_ != wanted_s_) {
    log_line(LogLevel::kWarning, "watchdog %s: timeout is %u s, asked for %u s", device_.c_str(),
             timeout_s_, wanted_s_);
  }
  int unused = 0;
  if (control(fd_.get(), WDIOC_KEEPALIVE, &unused) != 0) return refuse("feeding", errno);
  return true;
}

bool KernelWatchdog::identify() {
  watchdog_info info{};
  const bool told = control(fd_.get(), WDIOC_GETSUPPORT, &info) == 0;
  const auto* name = reinterpret_cast<const char*>(info.identity);
  if (told && std::strncmp(name, kSoftwareIdentity, sizeof info.identity) == 0 &&
      !accept_software_) {
    return refuse("more than the kernel's own software watchdog", 0);
  }
  if (identified_) return true;
  identified_ = true;
  if (!told) {
    log_line(LogLevel::kWarning, "watchdog %s does not say what it is", device_.c_str());
    return true;
  }
  log_line(LogLevel::kNotice, "watchdog %s is \"%.32s\"", device_.c_str(), name);
  if ((info.options & WDIOF_MAGICCLOSE) == 0) {
    log_line(LogLevel::kWarning,
             "watchdog %s has no magic close: stopping this service will reset the host",
             device_.c_str());
  }
  int value = 0;
  if ((info.options & WDIOF_PRETIMEOUT) != 0 &&
      control(fd_.get(), WDIOC_GETPRETIMEOUT, &value) == 0 && value > 0) {
    log_line(LogLevel::kNotice, "watchdog %s warns %d s before it resets", device_.c_str(), value);
  }
  value = 0;
  if (control(fd_.get(), WDIOC_GETBOOTSTATUS, &value) == 0 && (value & WDIOF_CARDRESET) != 0) {
    log_line(LogLevel::kWarning, "watchdog %s had reset this host before its last boot",
             device_.c_str());
  }
  return true;
}

// True when armed; else proving_ says whether there is still hope.
bool KernelWatchdog::begin_proof() {
  int left = 0;
  if (control(fd_.get(), WDIOC_GETTIMELEFT, &left) != 0) {
    log_line(LogLevel::kInfo, "watchdog %s does not tell its countdown", device_.c_str());
    return arm();
  }
  if (left < 0 || left > static_cast<int>(timeout_s_)) return refuse("counting down", 0);
  if (timeout_s_ < kShortestProof) return arm();
  proving_ = true;
  first_left_ = left;
  proof_began_ = now();
  std::snprintf(note_, sizeof note_, "%.60s: not yet seen to count down", device_.c_str());
  return false;
}

bool KernelWatchdog::go_on_with_proof() {
  int left = 0;
  if (control(fd_.get(), WDIOC_GETTIMELEFT, &left) != 0) return refuse("counting down", errno);
  if (left < first_left_) return arm();
  // Not fed meanwhile, so half its time and no more.
  const Duration longest = std::min(Duration{timeout_s_ * 500}, kLongestProof);
  if (now() - proof_began_ >= longest) return refuse("counting down", 0);
  return false;
}

bool KernelWatchdog::arm() {
  proving_ = false;
  int unused = 0;
  if (control(fd_.get(), WDIOC_KEEPALIVE, &unused) != 0) return refuse("feeding", errno);
  armed_ = true;
  note_[0] = '\0';
  log_line(LogLevel::kNotice, "watchdog %s armed, timeout %u s", device_.c_str(), timeout_s_);
  return true;
}

bool KernelWatchdog::feed() {
  if (!armed_) return false;
  int unused = 0;
  if (control(fd_.get(), WDIOC_KEEPALIVE, &unused) == 0) return true;
  return refuse("feeding", errno);
}

void KernelWatchdog::begin_with(unsigned timeout_s) {
  if (fd_ || timeout_s == 0 || timeout_s >= wanted_s_) return;
  timeout_s_ = wanted_s_ = timeout_s;
}

void KernelWatchdog::set_timeout(unsigned timeout_s) {
  if (!armed_ || timeout_s == timeout_s_) return;
  int seconds = static_cast<int>(timeout_s);
  if (control(fd_.get(), WDIOC_SETTIMEOUT, &seconds) != 0) {
    log_line(LogLevel::kWarning, "watchdog %s: its timeout stays %u s, %u s refused: %s",
             device_.c_str(), timeout_s_, timeout_s, std::strerror(errno));
    return;
  }
  if (control(fd_.get(), WDIOC_GETTIMEOUT, &seconds) != 0 || seconds <= 0) {
    (void)refuse("reading its timeout back", errno);
    return;
  }
  timeout_s_ = wanted_s_ = static_cast<std::uint32_t>(seconds);
  log_line(LogLevel::kNotice, "watchdog %s: timeout is %u s now", device_.c_str(), timeout_s_);
  (void)feed();
}

void KernelWatchdog::disarm() {
  if (!fd_) return;
  if (::write(fd_.get(), "V", 1) != 1) {
    log_line(LogLevel::kError, "watchdog %s: magic close refused: it stays armed", device_.c_str());
  }
  let_go();
}

void KernelWatchdog::let_go() {
  fd_.reset();
  armed_ = proving_ = false;
  std::snprintf(note_, sizeof note_, "closed");
}

}  // namespace mold::heartbeat
