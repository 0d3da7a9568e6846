#include "manager/store/names.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/model/host.h"
#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::manager {
namespace {

using nlohmann::json;

constexpr std::array kJobKinds{
    std::pair{core::JobKind::kDeploy, std::string_view("deploy")},
    std::pair{core::JobKind::kStart, std::string_view("start")},
    std::pair{core::JobKind::kStop, std::string_view("stop")},
    std::pair{core::JobKind::kReboot, std::string_view("reboot")},
    std::pair{core::JobKind::kDestroy, std::string_view("destroy")},
    std::pair{core::JobKind::kPower, std::string_view("power")},
    std::pair{core::JobKind::kFenceVm, std::string_view("fence-vm")},
    std::pair{core::JobKind::kOther, std::string_view("other")},
};
constexpr std::array kProofMethods{
    std::pair{core::ProofMethod::kPowerOff, std::string_view("power-off")},
    std::pair{core::ProofMethod::kLeaseExpired, std::string_view("lease-expired")},
    std::pair{core::ProofMethod::kStorageIsolated, std::string_view("storage-isolated")},
    std::pair{core::ProofMethod::kFencedElsewhere, std::string_view("fenced-elsewhere")},
    std::pair{core::ProofMethod::kReborn, std::string_view("reborn")},
    std::pair{core::ProofMethod::kOperator, std::string_view("operator")},
};
constexpr std::array kEvidenceKinds{
    std::pair{core::EvidenceKind::kReading, std::string_view("reading")},
    std::pair{core::EvidenceKind::kVerdict, std::string_view("verdict")},
    std::pair{core::EvidenceKind::kProof, std::string_view("proof")},
    std::pair{core::EvidenceKind::kAction, std::string_view("action")},
    std::pair{core::EvidenceKind::kAlarm, std::string_view("alarm")},
};
constexpr std::array kPoolStates{
    std::pair{PoolState::kUp, std::string_view("Up")},
    std::pair{PoolState::kDisabled, std::string_view("Disabled")},
    std::pair{PoolState::kPrepareForMaintenance, std::string_view("PrepareForMaintenance")},
    std::pair{PoolState::kMaintenance, std::string_view("Maintenance")},
    std::pair{PoolState::kErrorInMaintenance, std::string_view("ErrorInMaintenance")},
};
constexpr std::array kEventLevels{
    std::pair{EventLevel::kInfo, std::string_view("INFO")},
    std::pair{EventLevel::kWarn, std::string_view("WARN")},
    std::pair{EventLevel::kError, std::string_view("ERROR")},
};

template <class Table, class Enum>
std::string_view name_in(const Table& table, Enum value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  MOLD_UNREACHABLE();
}

template <class Table, class Enum>
bool parse_in(const Table& table, std::string_view text, Enum& out) {
  for (const auto& [known, name] : table) {
    if (name != text) continue;
    out = known;
    return true;
  }
  return false;
}

template <class Enum>
bool take(std::optional<Enum> parsed, Enum& out) {
  if (parsed) out = *parsed;
  return parsed.has_value();
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string_view to_string(EventLevel level) {
  return name_in(kEventLevels, level);
}
std::optional<EventLevel> parse_event_level(std::string_view text) {
  EventLevel level{};
  if (!parse_in(kEventLevels, text, level)) return std::nullopt;
  return level;
}

std::string_view stored_name(core::JobKind kind) {
  return name_in(kJobKinds, kind);
}
bool parse_stored(std::string_view text, core::JobKind& out) {
  return parse_in(kJobKinds, text, out);
}
std::string_view stored_name(core::HaState state) {
  return core::to_string(state);
}
bool parse_stored(std::string_view text, core::HaState& out) {
  return take(core::parse_ha_state(text), out);
}
std::string_view stored_name(core::VmState state) {
  return core::to_string(state);
}
bool parse_stored(std::string_view text, core::VmState& out) {
  return take(core::parse_vm_state(text), out);
}
std::string_view stored_name(core::Desired desired) {
  return core::to_string(desired);
}
bool parse_stored(std::string_view text, core::Desired& out) {
  return take(core::parse_desired(text), out);
}
std::string_view stored_name(core::ProofMethod method) {
  return name_in(kProofMethods, method);
}
bool parse_stored(std::string_view text, core::ProofMethod& out) {
  return parse_in(kProofMethods, text, out);
}
std::string_view stored_name(core::PoolKind kind) {
  return core::to_string(kind);
}
bool parse_stored(std::string_view text, core::PoolKind& out) {
  return take(core::parse_pool_kind(text), out);
}
std::string_view stored_name(core::PoolPolicy policy) {
  return core::to_string(policy);
}
bool parse_stored(std::string_view text, core::PoolPolicy& out) {
  return take(core::parse_pool_policy(text), out);
}
std::string_view stored_name(PoolState state) {
  return name_in(kPoolStates, state);
}
bool parse_stored(std::string_view text, PoolState& out) {
  return parse_in(kPoolStates, text, out);
}
std::string_view stored_name(core::EvidenceKind kind) {
  return name_in(kEvidenceKinds, kind);
}
bool parse_stored(std::string_view text, core::EvidenceKind& out) {
  return parse_in(kEvidenceKinds, text, out);
}
std::string_view stored_name(EventLevel level) {
  return name_in(kEventLevels, level);
}
bool parse_stored(std::string_view text, EventLevel& out) {
  return parse_in(kEventLevels, text, out);
}

std::string list_text(const std::vector<std::string>& list) {
  return dump(json(list));
}

bool parse_list(std::string_view text, std::vector<std::string>& out) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_array()) return false;
  std::vector<std::string> list;
  for (const json& item : value) {
    const auto* const item_text = item.get_ptr<const std::string*>();
    if (item_text == nullptr) return false;
    list.push_back(*item_text);
  }
  out = std::move(list);
  return true;
}

std::string details_text(const Details& details) {
  json object = json::object();
  for (const auto& [name, value] : details) object[name] = value;
  return dump(object);
}

bool parse_details(std::string_view text, Details& out) {
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object()) return false;
  Details details;
  for (const auto& [name, item] : value.items()) {
    const auto* const item_text = item.get_ptr<const std::string*>();
    if (item_text == nullptr) return false;
    details.emplace(name, *item_text);
  }
  out = std::move(details);
  return true;
}

std::string ids_text(const std::vector<PoolId>& ids) {
  std::string text;
  for (const PoolId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id.value);
  return text;
}

bool parse_ids(std::string_view text, std::vector<PoolId>& out) {
  std::vector<PoolId> ids;
  if (!text.empty()) {
    for (const std::string& part : split(text, ',')) {
      const auto number = parse_number<std::uint64_t>(part);
      if (!number) return false;
      ids.push_back(PoolId{*number});
    }
  }
  out = std::move(ids);
  return true;
}

}  // namespace mold::manager
