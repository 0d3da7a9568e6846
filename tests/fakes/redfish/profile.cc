#include "tests/fakes/redfish/profile.h"

#include <utility>

namespace mold::fake {
namespace {

using Change = void (*)(RedfishProfile&);

struct Named {
  std::string_view name;
  Change change;
};

constexpr Named kProfiles[] = {
    {"prompt", [](RedfishProfile&) {}},
    {"late", [](RedfishProfile& p) { p.late = 1'500ms; }},
    {"lying", [](RedfishProfile& p) { p.ignores = true; }},
    {"flaky", [](RedfishProfile& p) { p.busy_half = true; }},
    {"session-only", [](RedfishProfile& p) { p.session_only = true; }},
    {"two-systems", [](RedfishProfile& p) { p.systems = 2; }},
    {"tasks",
     [](RedfishProfile& p) {
       p.task = true;
       p.late = 300ms;
     }},
    {"tasks-fail", [](RedfishProfile& p) { p.task = p.task_fails = p.ignores = true; }},
    {"refuses-400", [](RedfishProfile& p) { p.refuses_same_state = 400; }},
    {"refuses-409", [](RedfishProfile& p) { p.refuses_same_state = 409; }},
    {"refuses-500", [](RedfishProfile& p) { p.refuses_same_state = 500; }},
    {"null-state", [](RedfishProfile& p) { p.always_state = "null"; }},
    {"powering-off",
     [](RedfishProfile& p) {
       p.late = 700ms;
       p.says_powering = true;
     }},
    {"slow", [](RedfishProfile& p) { p.slow = 400ms; }},
    {"huge", [](RedfishProfile& p) { p.padding = 3 * 1024 * 1024; }},
    {"html", [](RedfishProfile& p) { p.html = true; }},
    {"slash", [](RedfishProfile& p) { p.redirects_to_slash = true; }},
    {"etag", [](RedfishProfile& p) { p.etag_required = true; }},
    {"wrong-cert", [](RedfishProfile& p) { p.certificate_name = "another-bmc.example"; }},
    {"reboot", [](RedfishProfile& p) { p.reboots = 700ms; }},
    {"dell",
     [](RedfishProfile& p) {
       p.vendor = "Dell";
       p.model = "PowerEdge";
       p.system_id = "System.Embedded.1";
       p.reset_types = {"On",         "ForceOff",        "ForceRestart", "GracefulShutdown",
                        "PowerCycle", "PushPowerButton", "Nmi"};
       p.refuses_same_state = 409;
     }},
    {"hpe",
     [](RedfishProfile& p) {
       p.vendor = "HPE";
       p.model = "ProLiant";
       p.redirects_to_slash = true;
       p.reset_types = {"On",           "ForceOff", "GracefulShutdown",
                        "ForceRestart", "Nmi",      "PushPowerButton"};
       p.refuses_same_state = 400;
       p.session_slots = 2;
     }},
    {"supermicro",
     [](RedfishProfile& p) {
       p.vendor = "Supermicro";
       p.model = "SuperServer";
       p.sessions_path = "/redfish/v1/Sessions";
       p.reset_types = {"On", "GracefulShutdown", "ForceRestart"};
       p.slow = 300ms;
     }},
    {"lenovo",
     [](RedfishProfile& p) {
       p.vendor = "Lenovo";
       p.model = "ThinkSystem";
       p.etag_required = true;
       p.types_in_action_info = true;
     }},
    {"openbmc",
     [](RedfishProfile& p) {
       p.vendor = "OpenBMC";
       p.model = "Board";
       p.system_id = "system";
       p.late = 800ms;
       p.reset_types = {"On",           "ForceOff",         "ForceOn",
                        "ForceRestart", "GracefulShutdown", "PowerCycle"};
     }},
};

}  // namespace

std::optional<RedfishProfile> redfish_profile(std::string_view name) {
  for (const Named& named : kProfiles) {
    if (named.name != name) continue;
    RedfishProfile profile;
    profile.name = name;
    named.change(profile);
    return profile;
  }
  return std::nullopt;
}

std::vector<std::string> redfish_profile_names() {
  std::vector<std::string> names;
  for (const Named& named : kProfiles) names.emplace_back(named.name);
  return names;
}

}  // namespace mold::fake
