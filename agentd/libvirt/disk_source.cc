#include "agentd/libvirt/disk_source.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kMaxMonitors = 16;
constexpr const char* kNewPort = "3300";
constexpr const char* kOldPort = "6789";

bool is_host(std::string_view host) {
  return !host.empty() && host.find_first_not_of(
                              "0123456789abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ.:-_%") == std::string_view::npos;
}

// "v2:10.0.0.1:3300/0", "10.0.0.1", "[fd00::1]:6789".
Result<MonitorAddress> parse_address(std::string_view text) {
  const auto bad = [text] {
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is no monitor's address");
  };
  std::string_view rest = text;
  if (rest.starts_with("v1:") || rest.starts_with("v2:")) rest.remove_prefix(3);
  rest = rest.substr(0, rest.find('/'));
  MonitorAddress out;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad();
    out.host = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ':') return bad();
    out.port = rest.empty() ? "" : std::string(rest.substr(1));
    if (!rest.empty() && out.port.empty()) return bad();
  } else {
    const auto colon = rest.find(':');
    out.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) {
      out.port = rest.substr(colon + 1);
      if (out.port.empty()) return bad();
    }
  }
  const auto port = parse_number<std::uint16_t>(out.port);
  if (!is_host(out.host) || (!out.port.empty() && (!port || *port == 0))) return bad();
  return out;
}

// Commas between brackets belong to one monitor's own list, unless the brackets are an address's.
std::vector<std::string> split_monitors(std::string_view text) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    const bool between = depth == 0 && (c == ',' || c == ';' || c == ' ');
    if (!between) out.back().push_back(c);
    if (between && !out.back().empty()) out.emplace_back();
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

// A name-based UUID (version 8: of our own making).
std::string uuid_of(std::string_view name) {
  std::string hex = hex_encode(runtime::sha256(name)).substr(0, 32);
  hex[12] = '8';
  hex[16] = 'a';
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace

Result<std::vector<MonitorAddress>> parse_mon_host(std::string_view text) {
  std::vector<MonitorAddress> out;
  for (const std::string& one : split_monitors(text)) {
    std::string_view first = one;
    if (first.starts_with("[v")) {  // "[v2:..,v1:..]": the first is the better one
      if (first.back() != ']') return fail(ErrorKind::kInvalid, "monitors: '" + one + "'");
      first = first.substr(1, first.size() - 2);
      first = first.substr(0, first.find(','));
    }
    MOLD_TRY(MonitorAddress address, parse_address(first));
    if (address.port.empty()) {
      out.push_back({address.host, kNewPort});
      address.port = kOldPort;
    }
    out.push_back(std::move(address));
  }
  if (out.empty()) return fail(ErrorKind::kInvalid, "a Ceph pool without monitors");
  if (out.size() > kMaxMonitors) out.resize(kMaxMonitors);
  return out;
}

Result<DiskSource> source_of(const core::Disk& disk, const wire::PoolInfo& pool) {
  const std::string below = pool.path + "/";
  if (!disk.path.starts_with(below) || disk.path.size() == below.size()) {
    return fail(ErrorKind::kInvalid, disk.path + " does not lie in " + pool.path);
  }
  DiskSource out;
  switch (pool.kind) {
    case core::PoolKind::kDirectory:
    case core::PoolKind::kNfs:
    case core::PoolKind::kLocal:
      return out;
    case core::PoolKind::kClvm:
      out.type = DiskSource::Type::kBlock;
      return out;
    case core::PoolKind::kRbd:
      break;
  }
  out.type = DiskSource::Type::kRbd;
  MOLD_TRY(out.monitors, parse_mon_host(pool.source));
  if (!pool.user.empty() && !pool.key.empty()) {
    out.auth =
        CephAuth{pool.user, uuid_of("mold-ha ceph " + pool.user + " " + pool.source), pool.key};
  }
  return out;
}

}  // namespace mold::agentd
