#pragma once
// Log lines of a process that must never wait for its log: a line that cannot be taken at once is
// dropped and counted. Goes to stderr (the journal, under systemd) with a "<n>" priority in front;
// fixed buffers, no allocation. Also sd_notify(3) by hand, for the same reasons. One thread per
// process.
#include <cstdint>

namespace mold::heartbeat {

enum class LogLevel : std::uint8_t { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6 };

[[gnu::format(printf, 2, 3)]] void log_line(LogLevel level, const char* format, ...);
std::uint64_t dropped_log_lines();

// "READY=1" and the like, to $NOTIFY_SOCKET if there is one. Never waits.
void notify_init();
void notify_manager(const char* message);

}  // namespace mold::heartbeat
