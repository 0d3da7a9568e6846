#include "fencing/drivers/power_agent.h"

#include <algorithm>
#include <array>
#include <set>

#include "fencing/drivers/xml_text.h"

namespace mold::fencing {
namespace {

struct KnownAgent {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view kStorage = "it takes away a machine's storage, and the machine runs on";
constexpr std::string_view kNetwork = "it blocks a switch port, and the machine runs on";
constexpr std::string_view kServices = "it has services moved, and the machine runs on";
constexpr std::string_view kGuess = "it guesses that a machine which does not answer is dead";
constexpr std::string_view kPoison =
    "it leaves word for the machine, and reads back only that word";
constexpr std::string_view kNoDevice = "there is no device behind it";

// Of fence-agents 4.12. Most of these are found out by their metadata too; here, before they are
// configured. Those of the last group have the metadata of a power agent.
constexpr KnownAgent kNoPower[] = {
    {"fence_scsi", kStorage},
    {"fence_mpath", kStorage},
    {"fence_brocade", kStorage},
    {"fence_cisco_mds", kStorage},
    {"fence_sanbox2", kStorage},
    {"fence_ifmib", kNetwork},
    {"fence_compute", kServices},
    {"fence_heuristics_ping", kGuess},
    {"fence_kdump", "it waits for word that a machine writes its dump"},
    {"fence_ack_manual", "it is a person's word: use hactl host confirm-dead"},
    {"fence_watchdog", kPoison},
    {"fence_legacy", "what its plug-in does cannot be told"},

    {"fence_crosslink", kGuess},
    {"fence_evacuate", kServices},
    {"fence_sbd", kPoison},
    {"fence_dummy", kNoDevice},
};

Error no_power(std::string_view agent, std::string_view why) {
  return {ErrorKind::kUnsupported, std::string(agent) + " is no power device: " + std::string(why)};
}

}  // namespace

bool is_agent_name(std::string_view name) {
  constexpr std::string_view kPrefix = "fence_";
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

Status check_known_agent(std::string_view agent) {
  for (const KnownAgent& known : kNoPower) {
    if (known.name == agent) return fail(no_power(agent, known.why));
  }
  return {};
}

bool invents_off(std::string_view setting) {
  // A plug that the device does not know is "off"; the network of a machine is.
  return setting == "missing_as_off" || setting == "network_fencing";
}

Status read_agent_metadata(std::string_view agent, const runtime::ChildResult& result) {
  MOLD_TRY_VOID(check_known_agent(agent));
  const std::string cannot =
      "whether " + std::string(agent) + " is a power device cannot be told: its action metadata ";
  if (result.timed_out) return fail(ErrorKind::kTimeout, cannot + "did not end in time");
  std::set<std::string> actions;
  bool automatic_on = false;
  each_element(result.truncated ? parse_xml("") : parse_xml(result.out), "action",
               [&](xmlNode* node) {
                 const std::string name = xml_attribute(node, "name");
                 actions.insert(name);
                 const std::string automatic = xml_attribute(node, "automatic");
                 if (name == "on" && (automatic == "1" || automatic == "true")) automatic_on = true;
               });
  if (!result.ok() || actions.empty())
    return fail(ErrorKind::kUnknown, cannot + "says nothing; run it by hand");
  if (automatic_on || !actions.contains("reboot")) {
    return fail(
        no_power(agent,
                 "by its metadata it fences by storage or network (an \"on\" at boot, or no "
                 "\"reboot\"), and the machine runs on"));
  }
  for (const char* needed : {"off", "status"}) {
    if (!actions.contains(needed))
      return fail(no_power(agent, "by its metadata it has no action " + std::string(needed) +
                                      ", so nothing it says can be read back"));
  }
  return {};
}

}  // namespace mold::fencing
