#pragma once
// What systemd wants to hear from a service. Without a supervisor (NOTIFY_SOCKET unset) every call
// is silently fine. Any thread. The periodic watchdog is EventLoop::enable_watchdog(); feed() is
// for programs that decide themselves when they are well.
#include <optional>
#include <string_view>

#include "lib/base/time.h"

namespace mold::runtime::systemd {

void ready();
void status(std::string_view text);  // one line for `systemctl status`
void reloading();                    // followed by ready() when done
void stopping();
void feed_watchdog();
// Asks systemd to act as if the watchdog had run out.
void trigger_watchdog();
// The interval in which systemd wants to be fed; nothing when it does not.
std::optional<Duration> watchdog_interval();

}  // namespace mold::runtime::systemd
