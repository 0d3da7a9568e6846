#include "fencing/fence_mold/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::fence_mold {
namespace {

const OptionSpec* find_by_name(std::string_view name) {
  for (const OptionSpec& spec : option_table()) {
    if (name == spec.name || (!spec.old_name.empty() && name == spec.old_name)) return &spec;
  }
  return nullptr;
}

const OptionSpec* find_by_letter(char letter) {
  for (const OptionSpec& spec : option_table()) {
    if (spec.letter != 0 && spec.letter == letter) return &spec;
  }
  return nullptr;
}

// Takes the words of a command line one after the other.
class Reader {
 public:
  explicit Reader(const std::vector<std::string>& words) : words_(words) {}

  CommandLine run() {
    while (at_ < words_.size()) take(words_[at_++]);
    return std::move(line_);
  }

 private:
  void take(const std::string& word) {
    if (word == "-h" || word == "--help") {
      line_.help = true;
    } else if (word == "-V" || word == "--version") {
      line_.version = true;
    } else if (word.starts_with("--")) {
      take_long(word.substr(2));
    } else if (word.size() > 1 && word[0] == '-') {
      take_short(word);
    } else {
      complain("'" + word + "' is not an option");
    }
  }

  void take_long(const std::string& body) {
    const auto equals = body.find('=');
    std::string name = body.substr(0, equals);
    std::replace(name.begin(), name.end(), '-', '_');
    const OptionSpec* const spec = find_by_name(name);
    if (spec == nullptr) {
      complain("there is no option --" + body.substr(0, equals));
      return;
    }
    const bool old = name != spec->name;
    if (equals != std::string::npos) {
      set(*spec, body.substr(equals + 1), old);
    } else {
      set_from_next(*spec, old);
    }
  }

  void take_short(const std::string& word) {
    const OptionSpec* const spec = find_by_letter(word[1]);
    if (spec == nullptr) {
      complain("there is no option " + word.substr(0, 2));
      return;
    }
    if (word.size() == 2) {
      set_from_next(*spec, false);
    } else if (spec->type == OptionType::kFlag) {
      complain(word.substr(0, 2) + " takes no value");
    } else {
      set(*spec, word.substr(2), false);
    }
  }

  void set_from_next(const OptionSpec& spec, bool old) {
    if (spec.type == OptionType::kFlag) {
      set(spec, "1", old);
    } else if (at_ < words_.size()) {
      set(spec, words_[at_++], old);
    } else {
      complain("--" + long_name(spec) + " needs a value");
    }
  }

  void set(const OptionSpec& spec, std::string value, bool old) {
    if (spec.type == OptionType::kSecret) {
      complain("--" + long_name(spec) +
               " on the command line can be read by everybody on this machine: use "
               "--password-file, --password-script or standard input");
      return;
    }
    line_.options.set(spec, std::move(value), old);
  }

  // The first problem is the one that is told.
  void complain(std::string text) {
    if (line_.problem.empty()) line_.problem = std::move(text);
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  CommandLine line_;
};

}  // namespace

const std::vector<OptionSpec>& option_table() {
  using enum OptionType;
  static const std::vector<OptionSpec> table = {
      {"action", "option", 'o', kText, "action", "reboot",
       "on, off, reboot, status, monitor, list, list-status, validate-all or metadata"},
      {"plug", "port", 'n', kText, "host", "", "The host: its name or id in the manager"},
      {"manager", "", 'M', kText, "urls", "http://127.0.0.1:8080/client/api",
       "URLs of the manager's API, comma separated, tried in this order"},
      {"credentials_file", "", 'c', kText, "file", "/etc/mold/fence_mold.conf",
       "File with key= and secret= of a user of the manager, not readable by everybody"},
      {"ca_file", "", 'C', kText, "file", "", "PEM file of the CA that the manager's TLS is of"},
      {"ssl_insecure", "", 0, kFlag, "", "0", "Do not verify the manager's certificate"},
      {"direct", "", 'd', kFlag, "", "0", "Ask the host's BMC itself, without a manager"},
      {"driver", "", 'D', kText, "name", "ipmitool", "With direct: how the BMC is spoken to"},
      {"driver_options", "", 0, kText, "name=value,...", "",
       "With direct: settings of that driver"},
      {"ip", "ipaddr", 'a', kText, "address", "", "With direct: address of the BMC"},
      {"ipport", "", 'u', kInteger, "port", "", "With direct: port of the BMC"},
      {"username", "login", 'l', kText, "name", "", "With direct: user of the BMC"},
      {"password", "passwd", 0, kSecret, "", "",
       "With direct: password of the BMC, on standard input only"},
      {"password_file", "passwd_file", 0, kText, "file", "",
       "With direct: file whose first line is the password, not readable by everybody"},
      {"password_script", "passwd_script", 'S', kText, "program", "",
       "With direct: program that prints the password; a path, run without a shell"},
      {"power_timeout", "", 0, kSeconds, "seconds", "30",
       "How long to wait for on or off to be read back; the on of a reboot gets at most 10 s"},
      {"delay", "", 0, kSeconds, "seconds", "0", "Wait so long before off or reboot"},
      {"separator", "", 0, kText, "character", ",", "Between the columns of list"},
      {"verbose", "", 'v', kFlag, "", "0", "Tell every step on standard error"},
      {"quiet", "", 'q', kFlag, "", "0", "Say nothing on standard error"},
  };
  return table;
}

std::string long_name(const OptionSpec& spec) {
  std::string name(spec.name);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

void Options::set(const OptionSpec& spec, std::string value, bool by_old_name) {
  Value& kept = values_[std::string(spec.name)];
  const bool newer_stands = by_old_name && !kept.by_old_name && !kept.text.empty();
  if (!newer_stands) kept = {std::move(value), by_old_name};
}

bool Options::has(std::string_view name) const {
  const auto found = values_.find(name);
  return found != values_.end() && !found->second.text.empty();
}

std::string Options::text(std::string_view name) const {
  if (has(name)) return values_.find(name)->second.text;
  const OptionSpec* const spec = find_by_name(name);
  MOLD_CHECK(spec != nullptr, "an option that is not in the table");
  return std::string(spec->default_value);
}

Options read_lines(std::string_view text) {
  Options options;
  for (const std::string& raw : split(text, '\n')) {
    const std::string_view line = trim(raw);
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, equals);
    const OptionSpec* const spec = find_by_name(name);
    if (spec != nullptr) {
      options.set(*spec, std::string(line.substr(equals + 1)), name != spec->name);
    }
  }
  return options;
}

CommandLine read_arguments(const std::vector<std::string>& arguments) {
  return Reader(arguments).run();
}

std::string help_text() {
  std::string text =
      "usage: fence_mold [options]      (no options: key=value lines on standard input)\n\n"
      "Fences a host of a Mold HA cluster: through its manager, or with --direct through its\n"
      "BMC. Ends with 0 only when \"off\" (or \"on\") was read back. See fence_mold(8).\n\n";
  for (const OptionSpec& spec : option_table()) {
    if (spec.type == OptionType::kSecret) continue;
    std::string left = spec.letter == 0 ? "    " : fmt::format("-{}, ", spec.letter);
    left += "--" + long_name(spec);
    if (spec.type != OptionType::kFlag) left += fmt::format("={}", spec.value_name);
    text += fmt::format("  {:<36} {}", left, spec.help);
    if (spec.type != OptionType::kFlag && !spec.default_value.empty()) {
      text += fmt::format(" [{}]", spec.default_value);
    }
    text += '\n';
  }
  return text + fmt::format("  {:<36} {}\n  {:<36} {}\n", "-h, --help", "this", "-V, --version",
                            "version of fence_mold");
}

}  // namespace mold::fence_mold
