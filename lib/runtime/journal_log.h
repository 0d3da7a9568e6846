#pragma once
// The log: structured fields to the systemd journal, one plain line to stderr where there is no
// journal (or stderr is a terminal, or MOLD_LOG=stderr). Any thread; never fails, never throws: a
// log line that cannot be written is dropped. One line per message: control characters are escaped,
// so that what a guest or a BMC says cannot forge a line. Never log a Secret.
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "lib/runtime/message_ids.h"

namespace mold::runtime {

// Values are those of syslog.
enum class LogLevel : std::uint8_t {
  kCritical = 2,
  kError = 3,
  kWarning = 4,
  kNotice = 5,
  kInfo = 6,
  kDebug = 7,
};
std::string_view to_string(LogLevel level);

// A journal field: name of A-Z, 0-9 and _, e.g. {"HOST", "h1"}.
struct LogField {
  std::string_view name;
  std::string value;
};

void log(LogLevel level, const MessageId& id, std::string_view text,
         std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view text, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kDebug, messages::kNone, text, fields);
}
inline void log_info(std::string_view text, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kInfo, messages::kNone, text, fields);
}
inline void log_warning(std::string_view text, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kWarning, messages::kNone, text, fields);
}
inline void log_error(std::string_view text, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kError, messages::kNone, text, fields);
}

// A change of state in its ONE form. Canonical line, also the golden log:
//   "host h1: suspect -> checking (no beat for 9000 ms)"
struct Transition {
  std::string entity;  // "host", "vm", "job"
  std::string id;      // "h1"
  std::string from;
  std::string to;
  std::string reason;

  friend bool operator==(const Transition&, const Transition&) = default;
};
std::string to_line(const Transition& transition);
void log(const Transition& transition, std::initializer_list<LogField> fields = {});

// Process-wide settings, made at start-up. Default: kInfo.
void set_log_level(LogLevel level);
enum class LogTarget : std::uint8_t { kAuto, kJournal, kStderr };
void set_log_target(LogTarget target);
// For tests: every line goes here instead, "level: text {FIELD=value ...}". Empty: back to normal.
void set_log_capture(std::function<void(std::string_view line)> capture);

// Control characters as \n, \t, \xNN; everything else as it is.
std::string one_line(std::string_view text);

}  // namespace mold::runtime
