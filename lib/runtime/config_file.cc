#include "lib/runtime/config_file.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/runtime/files.h"

namespace mold::runtime {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 5> kUnits{
    {{"ms", 1}, {"s", 1'000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};

std::string environment_name(const std::string& prefix, std::string_view option) {
  std::string name = prefix;
  for (const char c : option) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += lower ? static_cast<char>(c - 'a' + 'A') : (plain ? c : '_');
  }
  return name;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const std::string_view trimmed = trim(text);
  const auto digits_end = std::min(trimmed.find_first_not_of("0123456789"), trimmed.size());
  const auto number = parse_number<std::int64_t>(trimmed.substr(0, digits_end));
  const std::string_view unit_name = trim(trimmed.substr(digits_end));
  const auto bad = [&text](std::string_view why) {
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is not a duration" +
                                         std::string(why) + " (write 500ms, 10s, 2min, 1h, 1d)");
  };
  if (!number) return bad("");
  if (unit_name.empty()) {
    if (*number == 0) return Duration{0};
    return bad(": it has no unit");
  }
  for (const auto& unit : kUnits) {
    if (unit_name != unit.name) continue;
    if (*number > std::numeric_limits<std::int64_t>::max() / unit.ms) return bad(": too long");
    return Duration{*number * unit.ms};
  }
  return bad(": unknown unit");
}

std::string format_duration(Duration duration) {
  const std::int64_t ms = duration.count();
  const Unit* best = &kUnits[0];
  for (const auto& unit : kUnits) {
    if (ms != 0 && ms % unit.ms == 0) best = &unit;
  }
  return std::to_string(ms / best->ms) + std::string(best->name);
}

Result<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (iequals(trim(text), yes)) return true;
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (iequals(trim(text), no)) return false;
  }
  return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is neither true nor false");
}

// Gathers all sources and all problems, so that a person repairs a file in one go.
class ConfigLoader {
 public:
  ConfigLoader(const std::vector<OptionSpec>& options, const ConfigSources& sources)
      : options_(options), sources_(sources) {
    for (const auto& option : options) {
      const bool fresh = specs_.emplace(option.name, &option).second;
      MOLD_CHECK(fresh, "an option is declared twice");
      config_.entries_[option.name] = {option.default_value, "default"};
    }
  }

  Result<Config> run() {
    if (!sources_.file.empty()) read(sources_.file, sources_.file_optional);
    read_directory();
    read_environment();
    read_arguments();
    if (problems_.empty()) return std::move(config_);
    std::string text;
    for (const auto& problem : problems_) text += (text.empty() ? "" : "\n") + problem;
    if (unreadable_) return fail(*unreadable_, text);
    return fail(missing_file_ && problems_.size() == 1 ? ErrorKind::kNotFound : ErrorKind::kInvalid,
                text);
  }

 private:
  void set(std::string_view name, std::string value, std::string origin) {
    config_.entries_.insert_or_assign(std::string(name),
                                      Config::Entry{std::move(value), std::move(origin)});
  }

  void read(const std::string& path, bool optional) {
    auto content = read_file(path);
    if (!content) {
      const bool missing = content.error().kind == ErrorKind::kNotFound;
      if (missing && optional) return;
      missing_file_ = missing;
      if (!missing) note_unreadable(content.error().kind);
      problems_.push_back(content.error().what);
      return;
    }
    std::map<std::string, std::string, std::less<>> seen;  // key -> where, in this file
    int number = 0;
    for (const auto& raw : split(*content, '\n')) {
      const std::string where = path + ":" + std::to_string(++number);
      const std::string_view line = trim(raw);
      if (line.empty() || line.front() == '#' || line.front() == ';') continue;
      take_line(line, where, seen);
    }
  }

  // What is too long or may not be read stays so; anything else may be good in a moment.
  void note_unreadable(ErrorKind kind) {
    if (kind != ErrorKind::kInvalid && kind != ErrorKind::kDenied) unreadable_ = kind;
  }

  void take_line(std::string_view line, const std::string& where,
                 std::map<std::string, std::string, std::less<>>& seen) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      problems_.push_back(where + ": not of the form name=value");
      return;
    }
    const std::string name(trim(line.substr(0, equals)));
    const auto spec = specs_.find(name);
    if (spec == specs_.end() || spec->second->command_line_only) {
      auto& list = sources_.lenient_files ? config_.warnings_ : problems_;
      list.push_back(where + ": unknown setting '" + name + "'");
      return;
    }
    const auto [first, fresh] = seen.emplace(name, where);
    if (!fresh) {
      problems_.push_back(where + ": '" + name + "' was set before at " + first->second);
      return;
    }
    set(name, std::string(trim(line.substr(equals + 1))), where);
  }

  void read_directory() {
    if (sources_.directory.empty()) return;
    const auto names = list_dir(sources_.directory);
    if (!names) {
      if (names.error().kind == ErrorKind::kNotFound) return;
      note_unreadable(names.error().kind);
      problems_.push_back(names.error().what);
      return;
    }
    for (const auto& name : *names) {
      if (name.ends_with(".conf") && name.front() != '.') {
        read(sources_.directory + "/" + name, false);
      }
    }
  }

  void read_environment() {
    if (sources_.environment_prefix.empty()) return;
    for (const auto& option : options_) {
      if (option.command_line_only) continue;
      const std::string name = environment_name(sources_.environment_prefix, option.name);
      if (const char* const value = std::getenv(name.c_str()); value != nullptr) {
        set(option.name, value, "environment " + name);
      }
    }
  }

  void read_arguments() {
    namespace po = boost::program_options;
    try {
      po::options_description described;
      for (const auto& option : options_) {
        std::string names = option.name;
        if (option.short_name != 0) names += std::string(",") + option.short_name;
        auto* const value = po::value<std::vector<std::string>>();
        if (option.is_flag) value->zero_tokens();
        described.add_options()(names.c_str(), value, "");
      }
      using namespace po::command_line_style;
      // No guessing of abbreviated names: a new option must not change what an old script means.
      const auto parsed = po::command_line_parser(sources_.arguments)
                              .options(described)
                              .style(unix_style & ~allow_guessing)
                              .run();
      for (const auto& item : parsed.options) take_argument(item.string_key, item.value);
      config_.positional_ = po::collect_unrecognized(parsed.options, po::include_positional);
    } catch (const std::exception& e) {
      problems_.push_back(std::string("command line: ") + e.what());
    }
  }

  void take_argument(const std::string& name, const std::vector<std::string>& values) {
    if (name.empty()) return;  // positional
    set(name, values.empty() ? "true" : values.back(), "command line");
  }

  const std::vector<OptionSpec>& options_;
  const ConfigSources& sources_;
  std::map<std::string, const OptionSpec*, std::less<>> specs_;
  Config config_;
  std::vector<std::string> problems_;
  bool missing_file_ = false;
  std::optional<ErrorKind> unreadable_;
};

Result<Config> Config::load(const std::vector<OptionSpec>& options, const ConfigSources& sources) {
  return ConfigLoader(options, sources).run();
}

const Config::Entry& Config::entry(std::string_view name) const {
  const auto place = entries_.find(name);
  if (place == entries_.end()) check_failed("declared setting", name, __FILE__, __LINE__);
  return place->second;
}

const std::string& Config::text(std::string_view name) const {
  return entry(name).value;
}
const std::string& Config::origin(std::string_view name) const {
  return entry(name).origin;
}
bool Config::is_default(std::string_view name) const {
  return entry(name).origin == "default";
}

Error Config::bad_value(std::string_view name, std::string_view why) const {
  const auto& e = entry(name);
  return {ErrorKind::kInvalid,
          e.origin + ": " + std::string(name) + "=" + e.value + ": " + std::string(why)};
}

Result<std::int64_t> Config::integer(std::string_view name, std::int64_t least,
                                     std::int64_t most) const {
  const auto value = parse_number<std::int64_t>(trim(text(name)));
  if (!value) return fail(bad_value(name, "not a whole number"));
  if (*value < least || *value > most) {
    return fail(
        bad_value(name, "must be from " + std::to_string(least) + " to " + std::to_string(most)));
  }
  return *value;
}

Result<bool> Config::boolean(std::string_view name) const {
  auto value = parse_bool(text(name));
  if (!value) return fail(bad_value(name, "must be true or false"));
  return value;
}

Result<Duration> Config::duration(std::string_view name, Duration least, Duration most) const {
  const auto value = parse_duration(text(name));
  if (!value) return fail(bad_value(name, value.error().what));
  if (*value < least || *value > most) {
    return fail(
        bad_value(name, "must be from " + format_duration(least) + " to " + format_duration(most)));
  }
  return *value;
}

std::vector<std::string> Config::list(std::string_view name) const {
  std::vector<std::string> parts;
  for (const auto& part : split(text(name), ',')) {
    if (const auto trimmed = trim(part); !trimmed.empty()) parts.emplace_back(trimmed);
  }
  return parts;
}

std::vector<std::string> Config::names() const {
  std::vector<std::string> result;
  for (const auto& [name, unused] : entries_) result.push_back(name);
  return result;
}

std::string options_help(const std::vector<OptionSpec>& options) {
  std::vector<std::string> left;
  std::size_t width = 0;
  for (const auto& option : options) {
    std::string text = option.short_name != 0 ? std::string("  -") + option.short_name + ", --"
                                              : std::string("      --");
    text += option.name + (option.is_flag ? "" : "=VALUE");
    width = std::max(width, text.size());
    left.push_back(std::move(text));
  }
  std::string help;
  for (std::size_t i = 0; i < options.size(); ++i) {
    help += left[i] + std::string(width - left[i].size() + 2, ' ') + options[i].help;
    if (!options[i].is_flag && !options[i].default_value.empty()) {
      help += " [" + options[i].default_value + "]";
    }
    help += '\n';
  }
  return help;
}

int settings_exit_code(const Error& error) {
  const bool for_a_person = error.kind == ErrorKind::kInvalid ||
                            error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kDenied;
  return for_a_person ? 2 : 1;
}

}  // namespace mold::runtime
