#pragma once
// Reading what a Redfish service says: JSON bodies into plain values, and the choice of a legal
// ResetType. Pure, any thread, so that every known body is a test case; a body may be anything, up
// to the length that the caller allows, and never makes more of a state than it says. Rules: DMTF
// DSP0266 (protocol) and the ComputerSystem schema.
#include <string>
#include <string_view>
#include <vector>

#include "core/model/host.h"
#include "lib/base/result.h"

namespace mold::fencing {

// Paths are as the BMC wrote them; empty where it did not.
struct RedfishRoot {
  std::string systems;
  std::string sessions;  // the collection that a POST makes a session in
  std::string account_service;
  std::string vendor;
};

struct RedfishMembers {
  std::vector<std::string> paths;
  std::string next;  // a long collection comes in pages
};

struct RedfishSystem {
  core::PowerState power = core::PowerState::kUnknown;
  std::string power_text;  // the BMC's word, or "null", "absent", for people
  std::string id;
  std::string uuid;  // lower case
  std::string serial;
  std::string manufacturer;
  std::string model;
  std::string reset_target;              // where a reset is posted to; empty: none offered
  std::vector<std::string> reset_types;  // empty: not said here
  std::string action_info;               // where they are said instead
};

struct RedfishTask {
  enum class State : std::uint8_t { kRunning, kDone, kFailed };
  State state = State::kRunning;
  std::string message;
};

struct RedfishAccount {
  std::string user;
  std::string etag;  // of the body; a header wins
};

// All: kCorrupt when the body is not a JSON object, with what it is instead.
Result<RedfishRoot> parse_redfish_root(std::string_view body);
Result<RedfishMembers> parse_redfish_members(std::string_view body);
Result<RedfishSystem> parse_redfish_system(std::string_view body);
Result<RedfishTask> parse_redfish_task(std::string_view body);
Result<RedfishAccount> parse_redfish_account(std::string_view body);
// The values of parameter ResetType; empty when it says none.
Result<std::vector<std::string>> parse_redfish_action_info(std::string_view body);
// A link in a body: {"Accounts": {"@odata.id": "/x"}}. Empty when there is none.
Result<std::string> parse_redfish_link(std::string_view body, std::string_view name);
// The @odata.id of the body itself; empty when there is none, or it is no JSON.
std::string redfish_own_path(std::string_view body);
// What an error body wants to tell a person, one line of at most 200 characters; may be empty.
std::string redfish_error_text(std::string_view body);

// "/redfish/v1/Systems/1/" -> "1"
std::string redfish_last_part(std::string_view path);
// One line, printable, at most `limit` characters: text from a BMC on its way into a story.
std::string redfish_printable(std::string_view text, std::size_t limit = 200);

// How a wish is said to this BMC: the first type that it does not refuse. Empty and not
// off_then_on: it cannot be said. Off is ForceOff and nothing else: GracefulShutdown asks an
// operating system that may hang, PushPowerButton toggles.
struct ResetPlan {
  std::vector<std::string> types;
  bool off_then_on = false;  // no type for "cycle": ForceOff, read back, then On
};
// `offered` empty: not known, every standard type may be tried. `incomplete`: the BMC is known to
// leave out types that it can do; those offered come first.
ResetPlan plan_reset(core::PowerVerb verb, const std::vector<std::string>& offered,
                     bool incomplete);

}  // namespace mold::fencing
