#pragma once
// Settings of a program: defaults, then one file, then conf.d/*.conf by name, then the environment
// (optional), then the command line; the later wins, and where each value came from is kept. Files
// are "key=value" with dotted keys (the look of agent.properties), '#' or ';' starts a comment
// line. A key that nobody declared is an error with file and line. Used at start-up and on reload;
// the result is a value.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/time.h"

namespace mold::runtime {

// "500ms", "10s", "2min", "1h", "1d", "0"; a bare number other than 0 is refused (which unit?).
Result<Duration> parse_duration(std::string_view text);
std::string format_duration(Duration duration);  // shortest exact form: "1500ms", "2min"
// true/yes/on/1, false/no/off/0.
Result<bool> parse_bool(std::string_view text);

struct OptionSpec {
  std::string name;  // "ha.beat.interval"; on the command line --ha.beat.interval=1s
  std::string default_value;
  std::string help;                // one line
  bool is_flag = false;            // on the command line "--name" alone means true
  char short_name = 0;             // on the command line "-n"
  bool command_line_only = false;  // not allowed in files and environment
};

struct ConfigSources {
  std::string file;  // empty: none. Missing file: kNotFound unless optional
  bool file_optional = false;
  std::string directory;  // conf.d; empty or missing: none
  std::string
      environment_prefix;  // "MOLD_": ha.beat.interval <- MOLD_HA_BEAT_INTERVAL; empty: none
  std::vector<std::string> arguments;  // command line without the program's name
  // Unknown keys of files become warnings() instead of errors (files of other products).
  bool lenient_files = false;
};

class Config {
 public:
  // kInvalid with every problem found, one per line: "FILE:LINE: unknown setting 'x'". kNotFound:
  // the file is missing. Another kind: something could not be read this time.
  static Result<Config> load(const std::vector<OptionSpec>& options, const ConfigSources& sources);

  // Asking for an undeclared name is a fault of the program: CHECK.
  [[nodiscard]] const std::string& text(std::string_view name) const;
  // "/etc/mold/agentd.conf:12", "environment MOLD_X", "command line", "default"
  [[nodiscard]] const std::string& origin(std::string_view name) const;
  [[nodiscard]] bool is_default(std::string_view name) const;
  // kInvalid names the setting, its value and its origin.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view name, std::int64_t least,
                                             std::int64_t most) const;
  [[nodiscard]] Result<bool> boolean(std::string_view name) const;
  [[nodiscard]] Result<Duration> duration(std::string_view name, Duration least,
                                          Duration most) const;
  // Comma separated, trimmed, empty parts left out.
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const;

  // What stood on the command line without a "--".
  [[nodiscard]] const std::vector<std::string>& positional() const { return positional_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] std::vector<std::string> names() const;  // sorted

 private:
  struct Entry {
    std::string value;
    std::string origin;
  };
  Error bad_value(std::string_view name, std::string_view why) const;
  const Entry& entry(std::string_view name) const;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> positional_;
  std::vector<std::string> warnings_;
  friend class ConfigLoader;
};

// For --help: one line per option with its default.
std::string options_help(const std::vector<OptionSpec>& options);

// How a service ends when its settings cannot be had: 2 when a person must mend them, and its unit
// says that it is not to be started again (RestartPreventExitStatus); 1 when the next try may do.
int settings_exit_code(const Error& error);

}  // namespace mold::runtime
