#include "agentd/heartbeat/config.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

#ifndef MOLD_PROGRAMS_DIR
#define MOLD_PROGRAMS_DIR "/usr/libexec/mold"
#endif

namespace mold::heartbeat {

const std::string_view kDefaultProgramsDir = MOLD_PROGRAMS_DIR;

namespace {

constexpr std::size_t kMaxConfigSize = 16 * 1024;

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  std::string text(limit, '\0');
  const auto n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) return fail(errno_error(errno, "reading " + path));
  text.resize(static_cast<std::size_t>(n));
  return text;
}

template <class T>
Status set_number(std::string_view value, T low, T high, T& out) {
  const auto number = parse_number<T>(value);
  if (!number || *number < low || *number > high) {
    return fail(ErrorKind::kInvalid, "a number from " + std::to_string(low) + " to " +
                                         std::to_string(high) + " expected");
  }
  out = *number;
  return {};
}

Status set_path(std::string_view value, std::string& out) {
  if (value.empty() || value.front() != '/') {
    return fail(ErrorKind::kInvalid, "an absolute path expected");
  }
  out = value;
  return {};
}

Status set_prefixes(std::string_view value, std::vector<std::string>& out) {
  std::vector<std::string> prefixes;
  for (const auto& part : split(value, ',')) {
    const auto name = trim(part);
    if (name.size() < 3)
      return fail(ErrorKind::kInvalid, "names of at least 3 characters expected");
    prefixes.emplace_back(name);
  }
  out = std::move(prefixes);
  return {};
}

Status set_flag(std::string_view value, bool& out) {
  if (value != "true" && value != "false") {
    return fail(ErrorKind::kInvalid, "true or false expected");
  }
  out = value == "true";
  return {};
}

Status apply(std::string_view key, std::string_view value, Config& config) {
  if (key == "host.uuid_file") return set_path(value, config.host_uuid_file);
  if (key == "boot_id.file") return set_path(value, config.boot_id_file);
  if (key == "pools.file") return set_path(value, config.pools_file);
  if (key == "epoch.file") return set_path(value, config.epoch_file);
  if (key == "board") return set_path(value, config.board);
  if (key == "watchdog.device") {
    if (value.empty()) {
      config.watchdog_device.clear();
      return {};
    }
    return set_path(value, config.watchdog_device);
  }
  if (key == "watchdog.timeout") return set_number(value, 1U, 600U, config.watchdog_timeout_s);
  if (key == "watchdog.software") return set_flag(value, config.watchdog_software);
  if (key == "watchdog.required") return set_flag(value, config.watchdog_required);
  if (key == "beat.interval_ms") return set_number(value, 100U, 60000U, config.beat_interval_ms);
  if (key == "self_fence.deadline_ms") {
    return set_number(value, 1000U, 3600000U, config.deadline_ms);
  }
  if (key == "verify.grace_ms") return set_number(value, 100U, 60000U, config.verify_grace_ms);
  if (key == "probation.beats") return set_number(value, 1U, 100U, config.probation_beats);
  if (key == "stop.wait_ms") return set_number(value, 0U, 60000U, config.stop_wait_ms);
  if (key == "programs.dir") return set_path(value, config.programs_dir);
  if (key == "vm.status_dir") return set_path(value, config.vm_status_dir);
  if (key == "vm.name_prefixes") return set_prefixes(value, config.vm_prefixes);
  return fail(ErrorKind::kInvalid, "unknown key");
}

Status check_whole(const Config& config) {
  const auto used = config.watchdog_timeout_s * 1000 + config.verify_grace_ms;
  if (config.deadline_ms < used + std::max(2 * config.beat_interval_ms, 1000U)) {
    return fail(ErrorKind::kInvalid,
                "self_fence.deadline_ms must be at least watchdog.timeout + verify.grace_ms + two "
                "beat intervals, or 1 s");
  }
  return {};
}

}  // namespace

Result<Config> parse_config(std::string_view text) {
  Config config;
  std::size_t number = 0;
  for (const auto& raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    const auto key = trim(line.substr(0, equals));
    const auto where = "line " + std::to_string(number) + ", " + std::string(key);
    if (equals == std::string_view::npos) return fail(ErrorKind::kInvalid, where + ": no '='");
    if (auto status = apply(key, trim(line.substr(equals + 1)), config); !status) {
      return fail(status.error().context(where));
    }
  }
  MOLD_TRY_VOID(check_whole(config));
  return config;
}

Result<Config> load_config(const std::string& path) {
  auto text = read_file(path, kMaxConfigSize + 1);
  if (!text) {
    if (text.error().kind == ErrorKind::kNotFound) return Config{};
    return fail(text.error());
  }
  if (text->size() > kMaxConfigSize) return fail(ErrorKind::kInvalid, path + ": too large");
  auto config = parse_config(*text);
  if (!config) return fail(config.error().context(path));
  return config;
}

Result<std::string> read_small_file(const std::string& path) {
  MOLD_TRY(const auto text, read_file(path, 256));
  return std::string(trim(std::string_view(text).substr(0, text.find('\n'))));
}

}  // namespace mold::heartbeat
