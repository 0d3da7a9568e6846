#include "agentd/heartbeat/pools_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <set>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {
namespace {

constexpr std::size_t kMaxFileSize = 64 * 1024;
constexpr std::uint32_t kMinIntervalMs = 100;
constexpr std::uint32_t kMaxIntervalMs = 60 * 1000;
constexpr std::uint32_t kMaxDeadlineMs = 3600 * 1000;

std::optional<PoolPolicy> policy_of(std::string_view text) {
  for (const auto policy :
       {PoolPolicy::kKillVms, PoolPolicy::kResetHost, PoolPolicy::kLogOnly, PoolPolicy::kPause}) {
    if (text == to_string(policy)) return policy;
  }
  return std::nullopt;
}

std::optional<PoolType> type_of(std::string_view text) {
  for (const auto type : {PoolType::kFile, PoolType::kRados, PoolType::kNfs, PoolType::kBlock}) {
    if (text == to_string(type)) return type;
  }
  return std::nullopt;
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

// What would end a word or an option, and the sign itself.
std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == ',' || c == '%') {
      out += '%';
      out += hex_encode({&c, 1});
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto sign = text.find('%');
    out += text.substr(0, sign);
    if (sign == std::string_view::npos) break;
    const auto byte = hex_decode(text.substr(sign + 1, 2));
    if (!byte || byte->size() != 1) return std::nullopt;
    out += *byte;
    text.remove_prefix(sign + 3);
  }
  if (out.size() > kMaxPoolPath || has_control(out)) return std::nullopt;
  return out;
}

std::string_view take_word(std::string_view& rest) {
  const auto end = rest.find(' ');
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

// Why a path cannot be a pool's, or nothing.
std::string_view path_fault(std::string_view path) {
  if (path.empty() || path.front() != '/') return "the path must be absolute";
  if (path.size() > kMaxPoolPath) return "the path is too long";
  if (path == "/") return "the root directory cannot be a pool";
  if (path.back() == '/') return "the path must not end with a slash";
  for (const auto& part : split(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") return "the path must be in its plain form";
  }
  if (has_control(path)) return "the path has control characters";
  return {};
}

// Quotes and the like have no place in a pool's name, and would mislead whoever looks for it in a
// command line.
std::string_view ceph_path_fault(std::string_view path) {
  const auto pool = ceph_pool_of(path);
  if (pool.empty()) return "the path must be rbd:<Ceph pool>";
  if (path.size() > kMaxPoolPath) return "the path is too long";
  if (has_control(pool) || pool.find_first_of("/\"\\ ") != std::string_view::npos) {
    return "that cannot be the name of a Ceph pool";
  }
  return {};
}

std::string_view entry_fault(const PoolEntry& entry) {
  const bool rados = entry.type == PoolType::kRados;
  if (const auto fault = rados ? ceph_path_fault(entry.path) : path_fault(entry.path);
      !fault.empty()) {
    return fault;
  }
  if (rados != !entry.conf.empty()) return "option conf= belongs to type rados, and to no other";
  if (rados && path_fault(entry.conf) != "") return "option conf= must be an absolute path";
  switch (entry.type) {
    case PoolType::kFile:
    case PoolType::kRados:
      if (!entry.source.empty()) return "option source= belongs to types nfs and block";
      break;
    case PoolType::kNfs:
      if (!entry.source.starts_with("nfs://")) return "option source=nfs://... expected";
      break;
    case PoolType::kBlock:
      if (path_fault(entry.source) != "") return "option source=<device> expected";
      break;
  }
  if (entry.must_be_mountpoint && entry.type != PoolType::kFile) {
    return "option mountpoint belongs to type file";
  }
  return {};
}

Status parse_options(std::string_view text, PoolEntry& entry) {
  if (text == "-") return {};
  for (const auto& option : split(text, ',')) {
    if (option == "mountpoint" && !entry.must_be_mountpoint) {
      entry.must_be_mountpoint = true;
      continue;
    }
    const auto equals = option.find('=');
    const auto key = std::string_view(option).substr(0, equals);
    std::string* const to = key == "source" ? &entry.source : key == "conf" ? &entry.conf : nullptr;
    const auto value = equals == std::string::npos
                           ? std::nullopt
                           : percent_decode(std::string_view(option).substr(equals + 1));
    if (to == nullptr || !to->empty() || !value || value->empty()) {
      return fail(ErrorKind::kInvalid, "options must be '-' or of mountpoint, source=, conf=");
    }
    *to = *value;
  }
  return {};
}

std::string options_of(const PoolEntry& entry) {
  std::string out;
  if (entry.must_be_mountpoint) out = ",mountpoint";
  if (!entry.source.empty()) out += ",source=" + percent_encode(entry.source);
  if (!entry.conf.empty()) out += ",conf=" + percent_encode(entry.conf);
  return out.empty() ? "-" : out.substr(1);
}

Result<PoolEntry> parse_pool(std::string_view rest) {
  PoolEntry entry;
  const auto uuid = Uuid::parse(take_word(rest));
  if (!uuid || uuid->is_none()) return fail(ErrorKind::kInvalid, "pool UUID expected");
  entry.uuid = *uuid;
  const auto type = type_of(take_word(rest));
  if (!type) return fail(ErrorKind::kUnsupported, "pool type unknown to this build");
  entry.type = *type;
  const auto interval = parse_number<std::uint32_t>(take_word(rest));
  if (!interval || (*interval != 0 && *interval < kMinIntervalMs) || *interval > kMaxIntervalMs) {
    return fail(ErrorKind::kInvalid, "beat interval must be 100 to 60000 ms, or 0");
  }
  entry.beat_interval_ms = *interval;
  const auto deadline = parse_number<std::uint32_t>(take_word(rest));
  if (!deadline || *deadline > kMaxDeadlineMs) {
    return fail(ErrorKind::kInvalid, "self-fence deadline must be at most 3600000 ms");
  }
  entry.deadline_ms = *deadline;
  const auto policy = policy_of(take_word(rest));
  if (!policy) {
    return fail(ErrorKind::kInvalid, "policy must be kill-vms, pause, reset-host or log-only");
  }
  entry.policy = *policy;
  MOLD_TRY_VOID(parse_options(take_word(rest), entry));
  entry.path = rest;
  if (const auto fault = entry_fault(entry); !fault.empty()) {
    return fail(ErrorKind::kInvalid, std::string(fault));
  }
  return entry;
}

// State of the line by line parser.
struct Parse {
  PoolsFile file;
  std::set<Uuid> seen;
  bool headed = false;
  bool ended = false;
};

Status parse_line(std::string_view line, Parse& parse) {
  if (parse.ended) return fail(ErrorKind::kInvalid, "text after 'end'");
  if (!parse.headed) {
    if (line != "mold-pools 1") return fail(ErrorKind::kUnsupported, "'mold-pools 1' expected");
    parse.headed = true;
    return {};
  }
  if (line.empty() || line.front() == '#') return {};
  if (line == "end") {
    if (parse.file.cluster.is_none()) return fail(ErrorKind::kInvalid, "no 'cluster' line");
    parse.ended = true;
    return {};
  }
  std::string_view rest = line;
  const auto keyword = take_word(rest);
  if (keyword == "cluster") {
    const auto uuid = Uuid::parse(rest);
    if (!uuid || uuid->is_none() || !parse.file.cluster.is_none()) {
      return fail(ErrorKind::kInvalid, "one cluster UUID expected");
    }
    parse.file.cluster = *uuid;
    return {};
  }
  if (keyword != "pool") return fail(ErrorKind::kInvalid, "'cluster', 'pool' or 'end' expected");
  MOLD_TRY(auto entry, parse_pool(rest));
  if (parse.file.pools.size() >= kMaxPools) return fail(ErrorKind::kInvalid, "too many pools");
  if (!parse.seen.insert(entry.uuid).second) return fail(ErrorKind::kInvalid, "pool named twice");
  parse.file.pools.push_back(std::move(entry));
  return {};
}

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "writing " + path));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

std::string_view to_string(PoolType type) {
  switch (type) {
    case PoolType::kFile:
      return "file";
    case PoolType::kRados:
      return "rados";
    case PoolType::kNfs:
      return "nfs";
    case PoolType::kBlock:
      return "block";
  }
  MOLD_UNREACHABLE();
}

std::string_view ceph_pool_of(std::string_view path) {
  if (!path.starts_with(kRbdPrefix)) return {};
  return path.substr(kRbdPrefix.size());
}

std::string_view to_string(PoolPolicy policy) {
  switch (policy) {
    case PoolPolicy::kKillVms:
      return "kill-vms";
    case PoolPolicy::kResetHost:
      return "reset-host";
    case PoolPolicy::kLogOnly:
      return "log-only";
    case PoolPolicy::kPause:
      return "pause";
  }
  MOLD_UNREACHABLE();
}

Result<PoolsFile> parse_pools(std::string_view text) {
  Parse parse;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return fail(ErrorKind::kInvalid, "last line is cut off");
    if (auto status = parse_line(text.substr(0, end), parse); !status) {
      return fail(status.error().context("line " + std::to_string(number)));
    }
    text.remove_prefix(end + 1);
  }
  if (!parse.ended) return fail(ErrorKind::kInvalid, "no 'end' line: the file is cut off");
  return std::move(parse.file);
}

std::string format_pools(const PoolsFile& file) {
  std::string out = "mold-pools 1\ncluster " + file.cluster.text() + "\n";
  for (const auto& pool : file.pools) {
    out += "pool " + pool.uuid.text() + " ";
    out += to_string(pool.type);
    out +=
        " " + std::to_string(pool.beat_interval_ms) + " " + std::to_string(pool.deadline_ms) + " ";
    out += to_string(pool.policy);
    out += " " + options_of(pool) + " " + pool.path + "\n";
  }
  return out + "end\n";
}

Result<PoolsFile> load_pools(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  std::string text(kMaxFileSize + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto n = ::read(fd.get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading " + path));
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  if (size > kMaxFileSize) return fail(ErrorKind::kInvalid, path + ": larger than 64 KiB");
  auto parsed = parse_pools(std::string_view(text).substr(0, size));
  if (!parsed) return fail(parsed.error().context(path));
  return parsed;
}

Status save_pools(const std::string& path, const PoolsFile& file) {
  const auto text = format_pools(file);
  if (auto check = parse_pools(text); !check) return fail(check.error().context("pools to save"));
  const std::string tmp = path + ".tmp";
  const UniqueFd fd(::open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail(errno_error(errno, "creating " + tmp));
  MOLD_TRY_VOID(write_all(fd.get(), text, tmp));
  if (::fsync(fd.get()) != 0) return fail(errno_error(errno, "syncing " + tmp));
  if (::rename(tmp.c_str(), path.c_str()) != 0) return fail(errno_error(errno, "renaming " + tmp));
  const auto slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const UniqueFd dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir) (void)::fsync(dir.get());
  return {};
}

}  // namespace mold::heartbeat
