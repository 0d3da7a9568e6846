#include "fencing/ceph/mon_answers.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "fencing/ceph/client_name.h"

namespace mold::ceph {
namespace {

using nlohmann::json;

constexpr Duration kClocks{3'600'000};

json parsed(std::string_view text) {
  return json::parse(text, nullptr, /*allow_exceptions=*/false);
}

// Of an object; empty when it is not there, or not a text.
std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::uint64_t number_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// The end of the array that `text` begins with: newer monitors write a second one behind it, with
// ranges of addresses.
std::string_view first_array(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == '[') {
      ++depth;
    } else if (!quoted && c == ']' && --depth == 0) {
      return text.substr(0, i + 1);
    }
  }
  return text;
}

// "2026-11-21T19:22:09.281763+0000", which is how monitors print times.
std::optional<WallTime> parse_until(const std::string& text) {
  std::tm parts{};
  const char* const rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || !text.ends_with("+0000")) return std::nullopt;
  return WallTime{static_cast<std::int64_t>(::timegm(&parts)) * 1'000};
}

}  // namespace

Result<Blocklist> parse_blocklist(std::string_view text) {
  const json entries = parsed(first_array(text));
  if (!entries.is_array()) return fail(ErrorKind::kCorrupt, "osd blocklist ls: an odd answer");
  Blocklist clients;
  for (const json& entry : entries) {
    const std::string address = entry.is_object() ? text_of(entry, "addr") : std::string{};
    if (address.empty()) return fail(ErrorKind::kCorrupt, "osd blocklist ls: an odd entry");
    const auto client = client_name(address);
    if (!client) continue;
    const auto until = parse_until(text_of(entry, "until"));
    if (!until) return fail(ErrorKind::kCorrupt, "osd blocklist ls: an odd time");
    clients[*client] = *until;
  }
  return clients;
}

Result<KnownUser> parse_user(std::string_view text, const std::string& user) {
  const json list = parsed(text);
  const bool one = list.is_array() && list.size() == 1 && list[0].is_object();
  if (!one || text_of(list[0], "entity") != "client." + user || text_of(list[0], "key").empty())
    return fail(ErrorKind::kCorrupt, "auth get client." + user + ": an odd answer");
  KnownUser known;
  known.key = Secret(text_of(list[0], "key"));
  const auto caps = list[0].find("caps");
  if (caps == list[0].end()) return known;
  if (!caps->is_object())
    return fail(ErrorKind::kCorrupt, "auth get client." + user + ": odd caps");
  for (const auto& [service, may] : caps->items()) {
    if (!may.is_string())
      return fail(ErrorKind::kCorrupt, "auth get client." + user + ": odd caps");
    known.caps[service] = may.get<std::string>();
  }
  return known;
}

Result<PoolSpace> parse_space(std::string_view text, const std::string& pool) {
  const json df = parsed(text);
  const auto pools = df.is_object() ? df.find("pools") : df.end();
  if (pools == df.end() || !pools->is_array())
    return fail(ErrorKind::kCorrupt, "df: an odd answer");
  for (const json& one : *pools) {
    if (!one.is_object() || text_of(one, "name") != pool) continue;
    const auto stats = one.find("stats");
    if (stats == one.end() || !stats->is_object()) break;
    PoolSpace space;
    space.free_bytes = number_of(*stats, "max_avail");
    space.total_bytes = space.free_bytes + number_of(*stats, "stored");
    if (space.total_bytes < space.free_bytes) break;  // more than there can be
    return space;
  }
  return PoolSpace{};
}

bool lasts(WallTime until, WallTime now, Duration expiry) {
  return until.ms >= now.ms + (expiry / 2 - std::min(kClocks, expiry / 4)).count();
}

}  // namespace mold::ceph
