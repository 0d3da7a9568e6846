#include "hactl/settings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/base/text.h"
#include "lib/runtime/config_file.h"
#include "lib/runtime/files.h"

namespace mold::hactl {
namespace {

std::string from_environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

const std::vector<runtime::OptionSpec>& options() {
  static const std::vector<runtime::OptionSpec> specs = {
      {.name = "url", .default_value = "", .help = "of the manager's API"},
      {.name = "apikey", .default_value = "", .help = "who we are"},
      {.name = "secretkey", .default_value = "", .help = "what we sign with"},
      {.name = "cacert", .default_value = "", .help = "PEM file of the manager's CA"},
      {.name = "insecure", .default_value = "false", .help = "do not verify the manager"},
  };
  return specs;
}

Status check_mode(const std::string& file, bool has_secret, std::vector<std::string>& warnings) {
  struct stat info {};
  if (file.empty() || ::stat(file.c_str(), &info) != 0) return {};
  if ((info.st_mode & S_IWOTH) != 0) {
    return fail(ErrorKind::kDenied, file + ": anybody may write it; chmod 600 " + file);
  }
  if (has_secret && (info.st_mode & S_IROTH) != 0) {
    warnings.push_back(file + ": anybody may read the secret key in it; chmod 600 " + file);
  }
  return {};
}

// An example file, with every line commented out, does not stand before one that has settings.
bool says_something(const std::string& file) {
  const auto text = runtime::read_file(file);
  if (!text) return true;  // what is wrong with it will be told when it is loaded
  for (const std::string& raw : split(*text, '\n')) {
    const std::string_view line = trim(raw);
    if (!line.empty() && line.front() != '#' && line.front() != ';') return true;
  }
  return false;
}

std::string choose_file(const SettingsPlaces& places) {
  if (!places.explicit_file.empty()) return places.explicit_file;
  for (const std::string& file : places.files) {
    if (::access(file.c_str(), R_OK) == 0 && says_something(file)) return file;
  }
  return {};
}

}  // namespace

SettingsPlaces usual_places() {
  SettingsPlaces places;
  std::string home = from_environment("XDG_CONFIG_HOME");
  if (home.empty()) {
    home = from_environment("HOME");
    if (!home.empty()) home += "/.config";
  }
  if (!home.empty()) places.files.push_back(home + "/mold/hactl.conf");
  places.files.emplace_back("/etc/mold/hactl.conf");
  // The first administrator's keys, where the manager put them: for root on its machine.
  places.files.emplace_back("/var/lib/mold-manager/admin.conf");
  return places;
}

Result<Settings> load_settings(const SettingsPlaces& places) {
  runtime::ConfigSources sources;
  sources.file = choose_file(places);
  sources.environment_prefix = "MOLD_";
  MOLD_TRY(const runtime::Config config, runtime::Config::load(options(), sources));

  Settings settings;
  settings.origin = sources.file;
  const bool secret_in_file = config.origin("secretkey").starts_with("/");
  MOLD_TRY_VOID(check_mode(sources.file, secret_in_file, settings.warnings));
  if (!config.text("url").empty()) settings.url = config.text("url");
  if (!settings.url.starts_with("http://") && !settings.url.starts_with("https://")) {
    return fail(ErrorKind::kInvalid, "url '" + settings.url + "' (" + config.origin("url") +
                                         ") must begin with http:// or https://");
  }
  settings.api_key = config.text("apikey");
  settings.secret_key = Secret(config.text("secretkey"));
  settings.ca_file = config.text("cacert");
  MOLD_TRY(settings.insecure, config.boolean("insecure"));
  return settings;
}

}  // namespace mold::hactl
