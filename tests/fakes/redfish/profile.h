#pragma once
// How a fake BMC behaves: everything that Redfish services were seen or said to do differently, as
// fields, and the named profiles that tests and benches ask for. The vendor profiles are taken from
// documents and public issue threads; none was checked on hardware (unverified).
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/time.h"

namespace mold::fake {

struct RedfishProfile {
  std::string name = "prompt";
  // ---- what it is ----
  std::string vendor = "Mold";
  std::string model = "Fake 1";
  std::string system_id = "1";
  std::string sessions_path = "/redfish/v1/SessionService/Sessions";
  int systems = 1;
  std::vector<std::string> reset_types = {
      "On",         "ForceOff",       "GracefulShutdown", "ForceRestart", "GracefulRestart",
      "PowerCycle", "PushPowerButton"};
  bool types_in_action_info = false;
  bool types_hidden = false;  // offers none anywhere
  // ---- how it acts ----
  Duration late{0};            // power changes that long after the answer
  bool says_powering = false;  // meanwhile PoweringOff or PoweringOn
  bool ignores = false;        // 204, and nothing happens
  bool task = false;           // 202 with a task
  bool task_fails = false;
  int refuses_same_state = 0;  // 400, 409 or 500 for a reset that changes nothing
  bool loses_race = false;     // the machine goes off just before each reset arrives
  int refuses_all = 0;         // that status for every reset
  int answers_instead = 0;     // carries it out and says that status: a proxy before the service
  bool drops_action = false;   // carries it out and closes the connection without an answer
  Duration reboots{0};         // after an action: gone for that long, without answering it
  std::string always_state;    // the PowerState it shows whatever is true; "null", "absent"
  // ---- how it answers ----
  bool busy_half = false;     // 503 for half of the requests, by a fixed seed
  bool session_only = false;  // basic authentication is refused
  bool no_sessions = false;   // no session service at all
  int session_slots = 4;
  bool redirects_to_slash = false;  // 308 to the same path with a slash
  std::string redirects_to;         // everything behind the root goes to that URL
  bool etag_required = false;       // PATCH without the newest ETag is 412
  bool etag_star_only = false;      // takes If-Match: * and nothing else
  bool root_needs_auth = false;
  bool open_to_all = false;      // asks nobody for credentials
  Duration slow{0};              // before every answer
  std::size_t padding = 0;       // bytes added to every body
  bool html = false;             // a web page for everything
  std::string raw_system;        // this instead of a system's body
  std::string certificate_name;  // not the address it is reached by
};

// Nothing for an unknown name.
std::optional<RedfishProfile> redfish_profile(std::string_view name);
std::vector<std::string> redfish_profile_names();

}  // namespace mold::fake
