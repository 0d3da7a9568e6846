#include "manager/api/params.h"

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "manager/api/dates.h"

namespace mold::manager::api {
namespace {

std::vector<std::string> list_parts(std::string_view raw) {
  std::vector<std::string> parts;
  for (const std::string& part : split(raw, ',')) {
    const std::string_view bare = trim(part);
    if (!bare.empty()) parts.emplace_back(bare);
  }
  return parts;
}

// "[3].key" -> index and member; nothing when it has another shape.
struct MapMember {
  std::string index;
  std::string member;
};
std::optional<MapMember> map_member(std::string_view rest) {
  const std::size_t close = rest.find(']');
  if (rest.size() < 3 || rest[0] != '[' || close == std::string_view::npos) return std::nullopt;
  const std::string_view index = rest.substr(1, close - 1);
  if (!parse_number<std::uint32_t>(index)) return std::nullopt;
  std::string_view member = rest.substr(close + 1);
  if (member.size() < 2 || member[0] != '.') return std::nullopt;
  return MapMember{std::string(index), std::string(member.substr(1))};
}

ApiResult<ParamMap> read_map(std::string_view command, std::string_view name,
                             const std::map<std::string, std::string>& given) {
  std::map<std::string, ParamMap> rows;
  const std::string prefix = std::string(name) + "[";
  for (auto at = given.lower_bound(prefix); at != given.end(); ++at) {
    if (at->first.compare(0, prefix.size(), prefix) != 0) break;
    const auto member = map_member(std::string_view(at->first).substr(name.size()));
    if (!member) {
      return refuse(malformed("Unable to execute API command " + to_lower(command) +
                              " due to malformed map parameter " + at->first.substr(0, 128)));
    }
    rows[member->index][member->member] = at->second;
  }
  ParamMap out;
  for (auto& [index, row] : rows) {
    const auto key = row.find("key");
    const auto value = row.find("value");
    if (key != row.end() && row.size() <= 2) {
      out[key->second] = value == row.end() ? std::string() : value->second;
    } else {
      out.merge(row);
    }
  }
  return out;
}

// What an error text may repeat of it.
std::string shown(const ParamSpec& spec, const std::string& raw) {
  return spec.secret || (spec.userinfo && may_hold_key(raw)) ? "***" : raw;
}

}  // namespace

bool may_hold_key(std::string_view url) {
  const std::string_view bare = trim(url);
  return bare.find('@') != std::string_view::npos || iequals(bare.substr(0, 4), "rbd:");
}

std::string_view to_string(ParamType type) {
  switch (type) {
    case ParamType::kText:
      return "string";
    case ParamType::kUuid:
      return "uuid";
    case ParamType::kBool:
      return "boolean";
    case ParamType::kInteger:
      return "integer";
    case ParamType::kDate:
    case ParamType::kEndDate:
      return "date";
    case ParamType::kList:
    case ParamType::kUuidList:
      return "list";
    case ParamType::kMap:
      return "map";
  }
  MOLD_UNREACHABLE();
}

ApiResult<Params::Typed> Params::typed(std::string_view command, const ParamSpec& spec,
                                       const std::string& raw) {
  const auto bad = [&](std::string_view why) {
    return refuse(bad_value(command, spec.name, shown(spec, raw), why));
  };
  switch (spec.type) {
    case ParamType::kText:
      if (raw.size() > spec.length) return bad("longer than " + std::to_string(spec.length));
      return Typed(raw);
    case ParamType::kUuid:
      if (!is_uuid(raw)) return refuse(unknown_entity(command, spec.name, raw));
      return Typed(to_lower(raw));
    case ParamType::kBool:
      if (iequals(raw, "true")) return Typed(true);
      if (iequals(raw, "false")) return Typed(false);
      return bad("neither true nor false");
    case ParamType::kInteger: {
      const auto number = parse_number<std::int64_t>(trim(raw));
      if (!number) return bad("not a whole number");
      return Typed(*number);
    }
    case ParamType::kDate:
    case ParamType::kEndDate: {
      const auto at = parse_date(trim(raw), spec.type == ParamType::kEndDate);
      if (!at) return bad("dates are yyyy-MM-dd or yyyy-MM-dd HH:mm:ss");
      return Typed(*at);
    }
    case ParamType::kList:
      return Typed(list_parts(raw));
    case ParamType::kUuidList: {
      std::vector<std::string> ids = list_parts(raw);
      for (std::string& id : ids) {
        if (!is_uuid(id)) return refuse(unknown_entity(command, spec.name, id));
        id = to_lower(id);
      }
      return Typed(std::move(ids));
    }
    case ParamType::kMap:
      return bad("write it as " + std::string(spec.name) + "[0].key=value");
  }
  MOLD_UNREACHABLE();
}

ApiResult<Params> Params::read(std::string_view command, std::span<const ParamSpec> specs,
                               const std::map<std::string, std::string>& given) {
  Params params;
  params.command_ = std::string(command);
  for (const ParamSpec& spec : specs) {
    Entry entry{spec.type, {}, std::nullopt};
    const auto found = given.find(std::string(spec.name));
    if (spec.type == ParamType::kMap && found == given.end()) {
      MOLD_API_TRY(ParamMap map, read_map(command, spec.name, given));
      if (!map.empty()) entry.value = Typed(std::move(map));
    } else if (found != given.end() && !trim(found->second).empty()) {
      entry.raw = shown(spec, found->second);
      MOLD_API_TRY(entry.value, typed(command, spec, found->second));
    }
    if (spec.required && !entry.value) return refuse(missing_parameter(command, spec.name));
    params.entries_.emplace(std::string(spec.name), std::move(entry));
  }
  return params;
}

const Params::Entry& Params::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  MOLD_CHECK(found != entries_.end(), name);
  return found->second;
}

bool Params::has(std::string_view name) const {
  return entry(name).value.has_value();
}

std::optional<std::string> Params::maybe_text(std::string_view name) const {
  const Entry& found = entry(name);
  if (!found.value) return std::nullopt;
  return std::get<std::string>(*found.value);
}

std::string Params::text(std::string_view name) const {
  return maybe_text(name).value_or(std::string());
}

std::optional<bool> Params::flag(std::string_view name) const {
  const Entry& found = entry(name);
  if (!found.value) return std::nullopt;
  return std::get<bool>(*found.value);
}

bool Params::flag(std::string_view name, bool fallback) const {
  return flag(name).value_or(fallback);
}

std::optional<std::int64_t> Params::integer(std::string_view name) const {
  const Entry& found = entry(name);
  if (!found.value) return std::nullopt;
  return std::get<std::int64_t>(*found.value);
}

std::optional<WallTime> Params::date(std::string_view name) const {
  const Entry& found = entry(name);
  if (!found.value) return std::nullopt;
  return std::get<WallTime>(*found.value);
}

std::vector<std::string> Params::list(std::string_view name) const {
  const Entry& found = entry(name);
  if (!found.value) return {};
  return std::get<std::vector<std::string>>(*found.value);
}

ParamMap Params::map(std::string_view name) const {
  const Entry& found = entry(name);
  if (!found.value) return {};
  return std::get<ParamMap>(*found.value);
}

ApiError Params::wrong(std::string_view name, std::string_view why) const {
  return bad_value(command_, name, entry(name).raw, why);
}

ApiError Params::unknown(std::string_view name) const {
  return unknown_entity(command_, name, entry(name).raw);
}

}  // namespace mold::manager::api
