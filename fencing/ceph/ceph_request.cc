// Requests: what may be asked for, and how it travels.
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "fencing/ceph/caps.h"
#include "fencing/ceph/ceph_messages.h"
#include "fencing/ceph/client_name.h"
#include "lib/base/text.h"
#include "lib/wire/json_fields.h"
#include "lib/wire/limits.h"

namespace mold::ceph {
namespace {

using nlohmann::json;
using wire::Fields;

constexpr std::size_t kMostName = 128;
constexpr std::size_t kMostImageName = 95;  // of RBD itself
constexpr std::size_t kMostMonHost = 1024;
constexpr Duration kLeastDeadline{100};
constexpr Duration kMostDeadline{24 * 3'600'000};
constexpr Duration kLeastExpiry{1'000};
constexpr Duration kMostExpiry{std::int64_t{366} * 24 * 3'600'000};

struct Name {
  CephVerb verb;
  std::string_view text;
};
constexpr std::array<Name, kCephVerbs> kVerbs = {{{CephVerb::kProbe, "probe"},
                                                  {CephVerb::kClients, "clients"},
                                                  {CephVerb::kGrant, "grant"},
                                                  {CephVerb::kRemoveUser, "remove_user"},
                                                  {CephVerb::kIsolate, "isolate"},
                                                  {CephVerb::kRenew, "renew"},
                                                  {CephVerb::kLift, "lift"},
                                                  {CephVerb::kCreateDisk, "create_disk"},
                                                  {CephVerb::kRemoveDisk, "remove_disk"}}};

bool is_word(std::string_view text, std::string_view more, std::size_t most) {
  if (text.empty() || text.size() > most || text.front() == '-' || text.front() == '.')
    return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && more.find(c) == std::string_view::npos) return false;
  }
  return true;
}

// A pool's name stands in the text of caps, where a space or a comma would begin something else.
bool is_pool(std::string_view text) {
  return is_word(text, "._-", kMostName);
}
bool is_user(std::string_view text) {
  return is_word(text, "._-", kMostName) && !text.starts_with("client.");
}
bool is_image(std::string_view text) {
  return is_word(text, "._-:+", kMostImageName);
}

tl::unexpected<Error> wrong(std::string_view field, std::string_view why) {
  return fail(ErrorKind::kInvalid, std::string(field) + ": " + std::string(why));
}

Status check_access(const port::CephAccess& access) {
  if (!is_word(access.mon_host, ".:,[]/_- ", kMostMonHost))
    return wrong("mon_host", "not a list of monitors");
  if (!is_pool(access.pool)) return wrong("pool", "not a pool's name that is taken here");
  if (!is_user(access.user)) return wrong("user", "not a user's name (without \"client.\")");
  return {};
}

template <class Check>
Status check_all(std::string_view field, const std::vector<std::string>& names, std::size_t most,
                 Check good) {
  if (names.size() > most) return wrong(field, "too many");
  for (const std::string& name : names) {
    if (!good(name)) return wrong(field, "'" + wire::clipped(name, 128) + "' is not taken here");
  }
  return {};
}

Status check_clients(const std::vector<std::string>& clients) {
  return check_all("clients", clients, kMostClients,
                   [](const std::string& name) { return client_name(name) == name; });
}

Status check_expiry(Duration expiry) {
  if (expiry < kLeastExpiry || expiry > kMostExpiry)
    return wrong("expiry", "must be from 1 s to 366 days");
  return {};
}

Status check_isolation(const port::IsolationOrder& order) {
  if (!is_user(order.user)) return wrong("user", "not a user's name (without \"client.\")");
  MOLD_TRY_VOID(check_clients(order.clients));
  MOLD_TRY_VOID(check_all("images", order.images, kMostImages, is_image));
  if (!order.beat_object.empty() && !is_word(order.beat_object, "._-:", 255))
    return wrong("beat_object", "not an object's name that is taken here");
  return check_expiry(order.expiry);
}

Status check_disk(const port::DiskOrder& disk) {
  if (!is_image(disk.image)) return wrong("image", "not an image's name that is taken here");
  if (disk.size_bytes > wire::limits::kDiskBytes) return wrong("size", "too large");
  const std::string& from = disk.from;
  if (from.empty()) return disk.size_bytes > 0 ? Status{} : wrong("size", "how large?");
  if (from.front() == '/') {
    const bool upwards = (from + "/").find("/../") != std::string::npos;
    bool control = false;
    for (const char c : from) control = control || static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    if (from.size() > wire::limits::kPath || upwards || control)
      return wrong("from", "not a path that is taken here");
    return {};
  }
  const auto at = from.find('@');
  if (at == std::string::npos || !is_image(from.substr(0, at)) || !is_image(from.substr(at + 1)))
    return wrong("from", "neither IMAGE@SNAPSHOT nor a whole path");
  return {};
}

std::vector<std::string> texts(const Fields& fields, std::string_view name, std::size_t most,
                               std::size_t most_bytes) {
  std::vector<std::string> all;
  fields.each_text(name, most, most_bytes,
                   [&all](std::string text) { all.push_back(std::move(text)); });
  return all;
}

void read_isolation(const Fields& fields, port::IsolationOrder& order) {
  order.user = fields.text("host_user", kMostName);
  order.clients = texts(fields, "clients", kMostClients, kMostName);
  order.images = texts(fields, "images", kMostImages, kMostName);
  order.beat_object = fields.text("beat_object", wire::limits::kName);
  order.expiry = fields.duration("expiry_ms");
}

void read_disk(const Fields& fields, port::DiskOrder& disk) {
  disk.image = fields.text("image", kMostName);
  disk.size_bytes = fields.number("size", wire::limits::kDiskBytes);
  disk.from = fields.text("from", wire::limits::kPath);
}

}  // namespace

std::string_view to_string(CephVerb verb) {
  return kVerbs.at(static_cast<std::size_t>(verb)).text;
}

std::optional<CephVerb> parse_ceph_verb(std::string_view text) {
  for (const Name& name : kVerbs) {
    if (name.text == text) return name.verb;
  }
  return std::nullopt;
}

Status check_request(const CephRequest& request) {
  MOLD_TRY_VOID(check_access(request.access));
  if (request.deadline < kLeastDeadline || request.deadline > kMostDeadline)
    return wrong("deadline", "must be from 0.1 s to a day");
  switch (request.verb) {
    case CephVerb::kProbe:
      return {};
    case CephVerb::kClients:
      return check_all("images", request.images, kMostImages, is_image);
    case CephVerb::kGrant:
      if (!is_user(request.user)) return wrong("user", "not a user's name (without \"client.\")");
      if (request.pools.empty()) return wrong("pools", "none");
      return check_all("pools", request.pools, kMostPools, is_pool);
    case CephVerb::kRemoveUser:
      if (!is_user(request.user) || !request.user.starts_with(kHostUserPrefix) ||
          request.user == request.access.user)
        return wrong("user",
                     "only users of hosts are removed, " + std::string(kHostUserPrefix) + "...");
      return {};
    case CephVerb::kIsolate:
      return check_isolation(request.isolation);
    case CephVerb::kRenew:
      MOLD_TRY_VOID(check_expiry(request.expiry));
      if (!request.user.empty() && !is_user(request.user))
        return wrong("user", "not a user's name (without \"client.\")");
      return check_clients(request.clients);
    case CephVerb::kLift:
      return check_clients(request.clients);
    case CephVerb::kCreateDisk:
      return check_disk(request.disk);
    case CephVerb::kRemoveDisk:
      if (!is_image(request.disk.image)) return wrong("image", "not an image's name");
      return {};
  }
  return wrong("verb", "unknown");
}

std::string encode_request(const CephRequest& request) {
  json body = {{"verb", to_string(request.verb)},
               {"mon_host", request.access.mon_host},
               {"pool", request.access.pool},
               {"user", request.access.user},
               {"deadline_ms", request.deadline.count()}};
  const port::IsolationOrder& order = request.isolation;
  switch (request.verb) {
    case CephVerb::kProbe:
      break;
    case CephVerb::kClients:
      body["images"] = request.images;
      break;
    case CephVerb::kGrant:
      body["host_user"] = request.user;
      body["pools"] = request.pools;
      break;
    case CephVerb::kRemoveUser:
      body["host_user"] = request.user;
      break;
    case CephVerb::kIsolate:
      body["host_user"] = order.user;
      body["clients"] = order.clients;
      body["images"] = order.images;
      body["beat_object"] = order.beat_object;
      body["expiry_ms"] = order.expiry.count();
      break;
    case CephVerb::kRenew:
      body["host_user"] = request.user;
      body["expiry_ms"] = request.expiry.count();
      body["clients"] = request.clients;
      break;
    case CephVerb::kLift:
      body["clients"] = request.clients;
      break;
    case CephVerb::kCreateDisk:
      body["size"] = request.disk.size_bytes;
      body["from"] = request.disk.from;
      body["image"] = request.disk.image;
      break;
    case CephVerb::kRemoveDisk:
      body["image"] = request.disk.image;
      break;
  }
  return wire::write_json(body);
}

Result<CephRequest> decode_request(std::string_view body) {
  CephRequest request;
  MOLD_TRY_VOID(wire::read_message(body, kMostBytes, [&request](const Fields& fields) {
    request.verb = fields.choice("verb", &parse_ceph_verb);
    request.access.mon_host = fields.text("mon_host", kMostMonHost);
    request.access.pool = fields.text("pool", kMostName);
    request.access.user = fields.text("user", kMostName);
    request.deadline = fields.duration("deadline_ms");
    switch (request.verb) {
      case CephVerb::kProbe:
        break;
      case CephVerb::kClients:
        request.images = texts(fields, "images", kMostImages, kMostName);
        break;
      case CephVerb::kGrant:
        request.user = fields.text("host_user", kMostName);
        request.pools = texts(fields, "pools", kMostPools, kMostName);
        break;
      case CephVerb::kRemoveUser:
        request.user = fields.text("host_user", kMostName);
        break;
      case CephVerb::kIsolate:
        read_isolation(fields, request.isolation);
        break;
      case CephVerb::kRenew:
        request.user = fields.text("host_user", kMostName);
        request.expiry = fields.duration("expiry_ms");
        request.clients = texts(fields, "clients", kMostClients, kMostName);
        break;
      case CephVerb::kLift:
        request.clients = texts(fields, "clients", kMostClients, kMostName);
        break;
      case CephVerb::kCreateDisk:
        read_disk(fields, request.disk);
        break;
      case CephVerb::kRemoveDisk:
        request.disk.image = fields.text("image", kMostName);
        break;
    }
  }));
  MOLD_TRY_VOID(check_request(request));
  return request;
}

}  // namespace mold::ceph
