#include "fencing/drivers/redfish_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostMembers = 1024;
constexpr std::size_t kMostTypes = 64;

const Json* member_of(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(std::string(name));
  return found == object.end() ? nullptr : &*found;
}

std::string string_of(const Json& object, std::string_view name) {
  const Json* const value = member_of(object, name);
  if (value == nullptr || !value->is_string()) return {};
  return value->get_ref<const std::string&>();
}

std::string link_of(const Json& object, std::string_view name) {
  const Json* const value = member_of(object, name);
  return value == nullptr ? std::string() : string_of(*value, "@odata.id");
}

std::vector<std::string> strings_of(const Json& object, std::string_view name) {
  std::vector<std::string> all;
  const Json* const value = member_of(object, name);
  if (value == nullptr || !value->is_array()) return all;
  for (const Json& one : *value) {
    if (one.is_string() && all.size() < kMostTypes) {
      all.push_back(one.get_ref<const std::string&>());
    }
  }
  return all;
}

// What an admin should know about a body that is not what was asked for.
Error not_an_object(std::string_view body) {
  const std::string_view text = trim(body);
  if (text.empty()) return {ErrorKind::kCorrupt, "an empty answer instead of JSON"};
  if (text.front() == '<') {
    return {ErrorKind::kCorrupt,
            "a web page instead of JSON: this is not a Redfish service, or not its path; check "
            "address, port and the option base"};
  }
  return {ErrorKind::kCorrupt, "not a JSON object but \"" + redfish_printable(text, 40) + "\""};
}

Result<Json> parse_object(std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(not_an_object(body));
  return json;
}

void read_power(const Json& json, RedfishSystem& system) {
  const Json* const state = member_of(json, "PowerState");
  if (state == nullptr) {
    system.power_text = "absent";
  } else if (!state->is_string()) {
    system.power_text = state->is_null() ? "null" : "not a word";
  } else {
    const auto& word = state->get_ref<const std::string&>();
    // Exactly these: PoweringOn, PoweringOff and Paused are neither.
    if (word == "On") system.power = core::PowerState::kOn;
    if (word == "Off") system.power = core::PowerState::kOff;
    system.power_text = redfish_printable(word, 40);
  }
}

void read_reset(const Json& json, RedfishSystem& system) {
  const Json* const actions = member_of(json, "Actions");
  const Json* const reset =
      actions == nullptr ? nullptr : member_of(*actions, "#ComputerSystem.Reset");
  if (reset == nullptr) return;
  system.reset_target = string_of(*reset, "target");
  system.reset_types = strings_of(*reset, "ResetType@Redfish.AllowableValues");
  system.action_info = string_of(*reset, "@Redfish.ActionInfo");
}

// Of the many shapes of an error body: error.@Message.ExtendedInfo[].Message, error.message.
std::string error_message(const Json& json) {
  const Json* const error = member_of(json, "error");
  const Json& where = error == nullptr ? json : *error;
  const Json* const extended = member_of(where, "@Message.ExtendedInfo");
  if (extended != nullptr && extended->is_array()) {
    for (const Json& info : *extended) {
      if (std::string text = string_of(info, "Message"); !text.empty()) return text;
      if (std::string text = string_of(info, "MessageId"); !text.empty()) return text;
    }
  }
  return string_of(where, "message");
}

}  // namespace

Result<RedfishRoot> parse_redfish_root(std::string_view body) {
  MOLD_TRY(const Json json, parse_object(body));
  RedfishRoot root;
  root.systems = link_of(json, "Systems");
  root.account_service = link_of(json, "AccountService");
  root.vendor = redfish_printable(string_of(json, "Vendor"), 60);
  if (const Json* const links = member_of(json, "Links")) {
    root.sessions = link_of(*links, "Sessions");
  }
  if (root.sessions.empty()) {
    const std::string service = link_of(json, "SessionService");
    if (!service.empty()) root.sessions = service + (service.back() == '/' ? "" : "/") + "Sessions";
  }
  return root;
}

Result<RedfishMembers> parse_redfish_members(std::string_view body) {
  MOLD_TRY(const Json json, parse_object(body));
  RedfishMembers members;
  members.next = string_of(json, "Members@odata.nextLink");
  const Json* const list = member_of(json, "Members");
  if (list == nullptr || !list->is_array()) {
    return fail(ErrorKind::kCorrupt, "the answer has no list of members");
  }
  if (list->size() > kMostMembers) return fail(ErrorKind::kCorrupt, "far too many members");
  for (const Json& one : *list) {
    std::string path = string_of(one, "@odata.id");
    if (path.empty()) return fail(ErrorKind::kCorrupt, "a member without a path");
    members.paths.push_back(std::move(path));
  }
  return members;
}

Result<RedfishSystem> parse_redfish_system(std::string_view body) {
  MOLD_TRY(const Json json, parse_object(body));
  RedfishSystem system;
  read_power(json, system);
  read_reset(json, system);
  system.id = redfish_printable(string_of(json, "Id"), 80);
  system.uuid = to_lower(redfish_printable(string_of(json, "UUID"), 80));
  system.serial = redfish_printable(trim(string_of(json, "SerialNumber")), 80);
  system.manufacturer = redfish_printable(trim(string_of(json, "Manufacturer")), 80);
  system.model = redfish_printable(trim(string_of(json, "Model")), 80);
  return system;
}

Result<RedfishTask> parse_redfish_task(std::string_view body) {
  MOLD_TRY(const Json json, parse_object(body));
  RedfishTask task;
  const std::string state = string_of(json, "TaskState");
  const std::string status = string_of(json, "TaskStatus");
  if (state == "Completed") {
    task.state = status == "Critical" ? RedfishTask::State::kFailed : RedfishTask::State::kDone;
  } else if (state == "Exception" || state == "Killed" || state == "Cancelled") {
    task.state = RedfishTask::State::kFailed;
  }
  const Json* const messages = member_of(json, "Messages");
  if (messages != nullptr && messages->is_array() && !messages->empty()) {
    task.message = redfish_printable(string_of(messages->back(), "Message"));
  }
  if (task.message.empty()) task.message = redfish_printable(state, 40);
  return task;
}

Result<RedfishAccount> parse_redfish_account(std::string_view body) {
  MOLD_TRY(const Json json, parse_object(body));
  return RedfishAccount{string_of(json, "UserName"), string_of(json, "@odata.etag")};
}

Result<std::vector<std::string>> parse_redfish_action_info(std::string_view body) {
  MOLD_TRY(const Json json, parse_object(body));
  const Json* const parameters = member_of(json, "Parameters");
  if (parameters == nullptr || !parameters->is_array()) return std::vector<std::string>{};
  for (const Json& one : *parameters) {
    if (string_of(one, "Name") == "ResetType") return strings_of(one, "AllowableValues");
  }
  return std::vector<std::string>{};
}

Result<std::string> parse_redfish_link(std::string_view body, std::string_view name) {
  MOLD_TRY(const Json json, parse_object(body));
  return link_of(json, name);
}

std::string redfish_own_path(std::string_view body) {
  const auto json = parse_object(body);
  return json ? string_of(*json, "@odata.id") : std::string();
}

std::string redfish_error_text(std::string_view body) {
  const auto json = parse_object(body);
  return json ? redfish_printable(error_message(*json)) : std::string();
}

std::string redfish_last_part(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return std::string(path.substr(path.rfind('/') + 1));
}

std::string redfish_printable(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= limit) break;
    out.push_back(c >= ' ' && c < '\x7f' ? c : ' ');
  }
  return out;
}

ResetPlan plan_reset(core::PowerVerb verb, const std::vector<std::string>& offered,
                     bool incomplete) {
  const auto is_offered = [&](const std::string& type) {
    return offered.empty() || std::find(offered.begin(), offered.end(), type) != offered.end();
  };
  const auto pick = [&](std::vector<std::string> wanted) {
    const auto rest = std::stable_partition(wanted.begin(), wanted.end(), is_offered);
    if (!incomplete) wanted.erase(rest, wanted.end());
    return wanted;
  };
  switch (verb) {
    case core::PowerVerb::kOff:
      return {pick({"ForceOff"}), false};
    case core::PowerVerb::kSoft:
      return {pick({"GracefulShutdown"}), false};
    case core::PowerVerb::kOn:
      return {pick({"On", "ForceOn"}), false};
    case core::PowerVerb::kReset:
      return {pick({"ForceRestart", "PowerCycle", "FullPowerCycle"}), false};
    case core::PowerVerb::kCycle: {
      ResetPlan plan{pick({"PowerCycle", "FullPowerCycle", "ForceRestart"}), false};
      const bool both = !pick({"ForceOff"}).empty() && !pick({"On", "ForceOn"}).empty();
      if (plan.types.empty()) plan.off_then_on = both;
      return plan;
    }
    case core::PowerVerb::kStatus:
      break;
  }
  return {};
}

}  // namespace mold::fencing
