#include "fencing/fence_mold/settings.h"

#include <cstdint>
#include <utility>

#include "lib/base/text.h"

namespace mold::fence_mold {
namespace {

constexpr std::int64_t kMostSeconds = 3'600;

tl::unexpected<Error> wrong(const std::string& name, const std::string& why) {
  return fail(ErrorKind::kInvalid, name + ": " + why);
}

// What clusters write for a boolean.
Result<bool> flag(const Options& options, const std::string& name) {
  const std::string value = to_lower(trim(options.text(name)));
  for (const std::string_view yes : {"1", "yes", "on", "true"}) {
    if (value == yes) return true;
  }
  for (const std::string_view no : {"0", "no", "off", "false", ""}) {
    if (value == no) return false;
  }
  return wrong(name, "'" + value + "' is neither 1 nor 0");
}

// "20" or "20s".
Result<Duration> seconds(const Options& options, const std::string& name, std::int64_t least) {
  const std::string text = options.text(name);
  std::string_view digits = trim(text);
  if (digits.ends_with('s')) digits.remove_suffix(1);
  const auto value = parse_number<std::int64_t>(digits);
  if (!value || *value < least || *value > kMostSeconds) {
    return wrong(name, "'" + text + "' is not a number of seconds from " + std::to_string(least) +
                           " to " + std::to_string(kMostSeconds));
  }
  return Duration{*value * 1'000};
}

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> parts;
  for (const std::string& part : split(text, ',')) {
    if (!trim(part).empty()) parts.emplace_back(trim(part));
  }
  return parts;
}

Result<ManagerSettings> manager_settings(const Options& options) {
  ManagerSettings settings;
  settings.urls = listed(options.text("manager"));
  if (settings.urls.empty()) return wrong("manager", "no URL");
  for (const std::string& url : settings.urls) {
    if (!url.starts_with("https://") && !url.starts_with("http://"))
      return wrong("manager", "'" + url + "' must begin with https:// or http://");
    if (url.find_first_of("@?#") != std::string::npos)
      return wrong("manager", "a URL without user, query and fragment, please");
  }
  settings.credentials_file = options.text("credentials_file");
  settings.ca_file = options.text("ca_file");
  MOLD_TRY(settings.insecure, flag(options, "ssl_insecure"));
  return settings;
}

Result<DirectSettings> direct_settings(const Options& options) {
  DirectSettings settings;
  port::PowerTarget& target = settings.target;
  target.driver = options.text("driver");
  target.address = options.text("ip");
  target.port = options.text("ipport");
  if (target.port.empty() && target.driver == "ipmitool") target.port = "623";
  target.username = options.text("username");
  for (const std::string& pair : listed(options.text("driver_options"))) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos)
      return wrong("driver_options", "'" + pair + "' is not of the form name=value");
    target.options[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  settings.password = Secret(options.text("password"));
  settings.password_file = options.text("password_file");
  settings.password_script = options.text("password_script");
  if (!settings.password_script.empty() && settings.password_script[0] != '/')
    return wrong("password_script", "the whole path of a program, please");
  return settings;
}

bool needs_a_host(Action action) {
  return action == Action::kOn || action == Action::kOff || action == Action::kReboot ||
         action == Action::kStatus;
}

}  // namespace

Result<Settings> make_settings(const Options& options) {
  Settings settings;
  const auto action = parse_action(options.text("action"));
  if (!action) return wrong("action", "'" + options.text("action") + "' is none of ours");
  settings.action = *action;
  settings.plug = options.text("plug");
  MOLD_TRY(settings.direct, flag(options, "direct"));
  MOLD_TRY(settings.verbose, flag(options, "verbose"));
  MOLD_TRY(settings.quiet, flag(options, "quiet"));
  MOLD_TRY(settings.power_timeout, seconds(options, "power_timeout", 1));
  MOLD_TRY(settings.delay, seconds(options, "delay", 0));
  settings.separator = options.text("separator");
  if (settings.direct) {
    MOLD_TRY(settings.direct_way, direct_settings(options));
  } else {
    if (needs_a_host(*action) && settings.plug.empty())
      return wrong("plug", "which host? its name or id in the manager");
    MOLD_TRY(settings.manager, manager_settings(options));
  }
  return settings;
}

}  // namespace mold::fence_mold
