#include "lib/runtime/systemd_notify.h"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <string>

namespace mold::runtime::systemd {
namespace {

// Errors are dropped on purpose: a supervisor that does not listen is no reason to stop working.
void tell(const std::string& state) {
  static_cast<void>(sd_notify(0, state.c_str()));
}

}  // namespace

void ready() {
  tell("READY=1");
}

void status(std::string_view text) {
  std::string line(text.substr(0, text.find('\n')));
  tell("STATUS=" + line);
}

void reloading() {
  tell("RELOADING=1");
}
void stopping() {
  tell("STOPPING=1");
}
void feed_watchdog() {
  tell("WATCHDOG=1");
}
void trigger_watchdog() {
  tell("WATCHDOG=trigger");
}

std::optional<Duration> watchdog_interval() {
  std::uint64_t usec = 0;
  if (sd_watchdog_enabled(0, &usec) <= 0) return std::nullopt;
  return Duration{static_cast<std::int64_t>(usec / 1000)};
}

}  // namespace mold::runtime::systemd
