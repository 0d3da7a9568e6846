#include "agentd/heartbeat/watchdog.h"

#include <fcntl.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agentd/heartbeat/quiet_log.h"

namespace mold::heartbeat {

KernelWatchdog::KernelWatchdog(std::string device, unsigned timeout_s)
    : device_(std::move(device)), wanted_s_(timeout_s), timeout_s_(timeout_s) {
  std::snprintf(note_, sizeof note_, "not opened yet");
}

bool KernelWatchdog::refuse(const char* what, int error) {
  armed_ = false;
  std::snprintf(note_, sizeof note_, "%.60s: %s: %s", device_.c_str(), what,
                error == 0 ? "no" : std::strerror(error));
  return false;
}

bool KernelWatchdog::open() {
  if (device_.empty()) {
    std::snprintf(note_, sizeof note_, "switched off by configuration");
    return false;
  }
  if (!fd_) {
    fd_.reset(::open(device_.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd_) return refuse("open", errno);
    log_identity();
  }
  if (!set_up()) {
    // It runs since it was opened; one that we cannot use must not reset the host.
    (void)!::write(fd_.get(), "V", 1);
    fd_.reset();
    return false;
  }
  armed_ = true;
  note_[0] = '\0';
  log_line(LogLevel::kNotice, "watchdog %s armed, timeout %u s", device_.c_str(), timeout_s_);
  return true;
}

bool KernelWatchdog::set_up() {
  int seconds = static_cast<int>(wanted_s_);
  if (::ioctl(fd_.get(), WDIOC_SETTIMEOUT, &seconds) != 0 && errno != EOPNOTSUPP &&
      errno != ENOTTY) {
    return refuse("setting its timeout", errno);
  }
  seconds = 0;
  if (::ioctl(fd_.get(), WDIOC_GETTIMEOUT, &seconds) != 0) {
    return refuse("reading its timeout back", errno);
  }
  if (seconds <= 0 || seconds > 3600) return refuse("a sensible timeout read back", 0);
  timeout_s_ = static_cast<std::uint32_t>(seconds);
  if (timeout_s_ != wanted_s_) {
    log_line(LogLevel::kWarning, "watchdog %s: timeout is %u s, asked for %u s", device_.c_str(),
             timeout_s_, wanted_s_);
  }
  return runs();
}

void KernelWatchdog::log_identity() {
  watchdog_info info{};
  if (::ioctl(fd_.get(), WDIOC_GETSUPPORT, &info) != 0) {
    log_line(LogLevel::kWarning, "watchdog %s does not say what it is", device_.c_str());
    return;
  }
  log_line(LogLevel::kNotice, "watchdog %s is \"%.32s\"", device_.c_str(),
           reinterpret_cast<const char*>(info.identity));
  if ((info.options & WDIOF_MAGICCLOSE) == 0) {
    log_line(LogLevel::kWarning,
             "watchdog %s has no magic close: stopping this service will reset the host",
             device_.c_str());
  }
  int pretimeout = 0;
  if ((info.options & WDIOF_PRETIMEOUT) != 0 &&
      ::ioctl(fd_.get(), WDIOC_GETPRETIMEOUT, &pretimeout) == 0 && pretimeout > 0) {
    log_line(LogLevel::kNotice, "watchdog %s warns %d s before it resets", device_.c_str(),
             pretimeout);
  }
}

// Fed, and counting down from no more than its timeout where the device can tell.
bool KernelWatchdog::runs() {
  int unused = 0;
  if (::ioctl(fd_.get(), WDIOC_KEEPALIVE, &unused) != 0) return refuse("feeding", errno);
  int left = 0;
  if (::ioctl(fd_.get(), WDIOC_GETTIMELEFT, &left) == 0 &&
      (left < 0 || left > static_cast<int>(timeout_s_))) {
    return refuse("counting down", 0);
  }
  return true;
}

bool KernelWatchdog::feed() {
  if (!armed_) return false;
  int unused = 0;
  if (::ioctl(fd_.get(), WDIOC_KEEPALIVE, &unused) == 0) return true;
  return refuse("feeding", errno);
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
  armed_ = false;
  std::snprintf(note_, sizeof note_, "closed");
}

}  // namespace mold::heartbeat
