#include "lib/runtime/journal_log.h"

#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "lib/base/text.h"

namespace mold::runtime {
namespace {

struct Sink {
  std::mutex mutex;
  std::function<void(std::string_view)> capture;
};

Sink& sink() {
  static Sink* const the_sink = new Sink;  // never destroyed: threads may log until the end
  return *the_sink;
}

std::atomic<LogLevel> level_limit{LogLevel::kInfo};
std::atomic<LogTarget> chosen_target{LogTarget::kAuto};

LogTarget auto_target() {
  static const LogTarget target = [] {
    const char* const wish = std::getenv("MOLD_LOG");
    if (wish != nullptr && std::string_view(wish) == "stderr") return LogTarget::kStderr;
    if (::isatty(STDERR_FILENO) == 1) return LogTarget::kStderr;
    return LogTarget::kJournal;
  }();
  return target;
}

std::string plain_line(LogLevel level, std::string_view text, const std::vector<LogField>& fields) {
  std::string line(to_string(level));
  line += ": " + one_line(text);
  if (fields.empty()) return line;
  line += " {";
  bool first = true;
  for (const auto& field : fields) {
    if (!first) line += ' ';
    first = false;
    line += std::string(field.name) + "=" + one_line(field.value);
  }
  return line + "}";
}

void to_stderr(std::string line) {
  line += '\n';
  // One write, so that lines of several threads and processes do not mix.
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

// False when there is no journal to take it.
bool to_journal(LogLevel level, const MessageId& id, std::string_view text,
                const std::vector<LogField>& fields) {
  // Without this sd_journal_sendv() reports success and drops the line.
  if (::access("/run/systemd/journal/socket", W_OK) != 0) return false;
  std::vector<std::string> items;
  items.push_back("MESSAGE=" + one_line(text));
  items.push_back("PRIORITY=" + std::to_string(static_cast<int>(level)));
  if (!id.hex.empty()) {
    items.push_back("MESSAGE_ID=" + std::string(id.hex));
    items.push_back("MESSAGE_NAME=" + std::string(id.name));
  }
  for (const auto& field : fields) items.push_back(std::string(field.name) + "=" + field.value);
  std::vector<iovec> vectors;
  vectors.reserve(items.size());
  for (auto& item : items) vectors.push_back({item.data(), item.size()});
  return sd_journal_sendv(vectors.data(), static_cast<int>(vectors.size())) == 0;
}

void write_log(LogLevel level, const MessageId& id, std::string_view text,
               const std::vector<LogField>& fields) {
  if (level > level_limit.load(std::memory_order_relaxed)) return;
  {
    const std::lock_guard lock(sink().mutex);
    if (sink().capture) {
      sink().capture(plain_line(level, text, fields));
      return;
    }
  }
  LogTarget target = chosen_target.load(std::memory_order_relaxed);
  if (target == LogTarget::kAuto) target = auto_target();
  if (target == LogTarget::kJournal && to_journal(level, id, text, fields)) return;
  to_stderr(plain_line(level, text, fields));
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::kCritical:
      return "critical";
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kNotice:
      return "notice";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kDebug:
      return "debug";
  }
  return "info";
}

void log(LogLevel level, const MessageId& id, std::string_view text,
         std::initializer_list<LogField> fields) {
  try {
    write_log(level, id, text, std::vector<LogField>(fields));
  } catch (...) {  // out of memory: the line is lost, the program goes on
  }
}

std::string to_line(const Transition& t) {
  return t.entity + " " + t.id + ": " + t.from + " -> " + t.to + " (" + one_line(t.reason) + ")";
}

void log(const Transition& t, std::initializer_list<LogField> fields) {
  try {
    std::vector<LogField> all{{"ENTITY", t.entity},
                              {"ENTITY_ID", t.id},
                              {"FROM", t.from},
                              {"TO", t.to},
                              {"REASON", t.reason}};
    all.insert(all.end(), fields.begin(), fields.end());
    write_log(LogLevel::kNotice, messages::kTransition, to_line(t), all);
  } catch (...) {
  }
}

void set_log_level(LogLevel level) {
  level_limit = level;
}
void set_log_target(LogTarget target) {
  chosen_target = target;
}

void set_log_capture(std::function<void(std::string_view)> capture) {
  const std::lock_guard lock(sink().mutex);
  sink().capture = std::move(capture);
}

std::string one_line(std::string_view text) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      line += "\\x" + hex_encode(std::string_view(&c, 1));
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace mold::runtime
