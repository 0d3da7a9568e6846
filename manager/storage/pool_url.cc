#include "manager/storage/pool_url.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "manager/inventory/checks.h"

namespace mold::manager {
namespace {

constexpr std::string_view kForms =
    "write rbd://USER:KEY@MONITOR[:PORT][,..]/POOL, nfs://SERVER/EXPORT, "
    "SharedMountPoint://localhost/PATH, clvm://localhost/VOLUME-GROUP or Filesystem://HOST/PATH";

constexpr std::size_t kMostMonitors = 1024;  // bytes, as mold-ceph takes them

tl::unexpected<Error> bad_url(std::string_view why) {
  return fail(ErrorKind::kInvalid, std::string(why));
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Strict: a '%' that begins no byte is an error, not a text.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[i + 1]);
    const auto low = hex_digit(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

// "server/path" cut at the first slash; the path keeps it.
struct Place {
  std::string_view host;
  std::string path;
};

Result<Place> read_place(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return bad_url(kForms);
  Place place;
  place.host = rest.substr(0, slash);
  place.path = std::string(rest.substr(slash));
  while (place.path.size() > 1 && place.path.back() == '/') place.path.pop_back();
  return place;
}

Status check_server(std::string_view what, std::string_view server) {
  std::string_view name = server;
  const bool six = name.starts_with('[');
  const std::size_t colon = six ? name.find("]:") : name.rfind(':');
  if (colon != std::string_view::npos) {
    const auto port = parse_number<std::uint16_t>(name.substr(colon + (six ? 2 : 1)));
    if (!port || *port == 0) return bad_url(std::string(what) + ": its port is no number");
    name = name.substr(0, colon + (six ? 1 : 0));
  }
  if (name.empty() || name.front() == '-' || name.front() == '.' || name == "[]")
    return bad_url(std::string(what) + " is missing");
  if (six && name.back() != ']') return bad_url(std::string(what) + ": its bracket is not closed");
  if (!six && name.find_first_of(":[]%") != std::string_view::npos)
    return bad_url(std::string(what) + ": an IPv6 address stands in brackets");
  return check_net_address(what, name);
}

Result<Secret> read_key(std::string_view text) {
  auto decoded = percent_decoded(text);
  if (!decoded) return bad_url("the key is not percent-encoded as it should be");
  // '+' is a blank when a form was not encoded in full.
  for (char& c : *decoded) {
    if (c == '-' || c == ' ') c = '+';
    if (c == '_') c = '/';
  }
  Secret key(std::move(*decoded));
  const auto bytes = runtime::base64_decode(key.reveal());
  if (!bytes || bytes->empty())
    return bad_url("the key is no base64 text as `ceph auth get-key` prints it");
  return key;
}

Result<PoolUrl> read_rbd(std::string_view rest) {
  PoolUrl made;
  made.kind = core::PoolKind::kRbd;
  const std::size_t at = rest.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view who = rest.substr(0, at);
    const std::size_t colon = who.find(':');
    if (colon == std::string_view::npos)
      return bad_url("the key is missing: write rbd://USER:KEY@MONITOR/POOL");
    const auto user = percent_decoded(who.substr(0, colon));
    if (!user) return bad_url("the user is not percent-encoded as it should be");
    made.user = user->starts_with("client.") ? user->substr(7) : *user;
    MOLD_TRY_VOID(check_storage_name("the user", made.user));
    MOLD_TRY(made.key, read_key(who.substr(colon + 1)));
    rest = rest.substr(at + 1);
  }
  MOLD_TRY(const Place place, read_place(rest));
  if (place.host.size() > kMostMonitors) return bad_url("the monitors: too many");
  for (const std::string& monitor : split(place.host, ','))
    MOLD_TRY_VOID(check_server("a monitor", monitor));
  const std::string pool = place.path.substr(1);
  MOLD_TRY_VOID(check_storage_name("the Ceph pool", pool));
  made.source = std::string(place.host);
  made.path = "rbd:" + pool;
  made.shown = "rbd://" + (made.user.empty() ? "" : made.user + "@") + made.source + "/" + pool;
  return made;
}

Result<PoolUrl> read_nfs(std::string_view rest) {
  PoolUrl made;
  made.kind = core::PoolKind::kNfs;
  MOLD_TRY(const Place place, read_place(rest));
  MOLD_TRY_VOID(check_server("the NFS server", place.host));
  MOLD_TRY_VOID(check_path("the export", place.path));
  // As agents have it (agentd/storage/mount_table.cc): what mount(8) would read as something else.
  const auto odd = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == ',' || c == '\\';
  };
  if (std::any_of(place.path.begin(), place.path.end(), odd))
    return bad_url("the export: blanks, commas and backslashes are not taken");
  made.source = "nfs://" + std::string(place.host) + place.path;
  made.shown = made.source;
  return made;
}

Result<PoolUrl> read_directory(std::string_view rest, core::PoolKind kind) {
  PoolUrl made;
  made.kind = kind;
  MOLD_TRY(const Place place, read_place(rest));
  MOLD_TRY_VOID(check_path("the path", place.path));
  if (place.path == "/") return bad_url("the path must not be /");
  made.path = place.path;
  const bool local = kind == core::PoolKind::kLocal;
  if (local) {
    if (place.host.empty()) return bad_url("the host is missing: write Filesystem://HOST/PATH");
    MOLD_TRY_VOID(check_net_address("the host", place.host));
    made.host = std::string(place.host);
  }
  made.shown = (local ? "Filesystem://" : "SharedMountPoint://") +
               (place.host.empty() ? "localhost" : std::string(place.host)) + place.path;
  MOLD_TRY_VOID(check_text("the host", place.host, 255));
  return made;
}

Result<PoolUrl> read_clvm(std::string_view rest) {
  PoolUrl made;
  made.kind = core::PoolKind::kClvm;
  MOLD_TRY(const Place place, read_place(rest));
  const std::string group = place.path.substr(1);
  MOLD_TRY_VOID(check_storage_name("the volume group", group));
  made.path = "/dev/" + group;
  made.shown = "clvm://localhost/" + group;
  return made;
}

}  // namespace

Result<PoolUrl> parse_pool_url(std::string_view url) {
  url = trim(url);
  const std::size_t end = url.find("://");
  if (end == std::string_view::npos || url.size() > 2048) return bad_url(kForms);
  const std::string_view scheme = url.substr(0, end);
  const std::string_view rest = url.substr(end + 3);
  if (iequals(scheme, "rbd")) return read_rbd(rest);
  if (iequals(scheme, "nfs") || iequals(scheme, "NetworkFilesystem")) return read_nfs(rest);
  if (iequals(scheme, "SharedMountPoint")) return read_directory(rest, core::PoolKind::kDirectory);
  if (iequals(scheme, "clvm")) return read_clvm(rest);
  if (iequals(scheme, "Filesystem") || iequals(scheme, "file"))
    return read_directory(rest, core::PoolKind::kLocal);
  return bad_url(kForms);
}

}  // namespace mold::manager
