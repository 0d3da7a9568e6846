#pragma once
// Which fence agents cut the power of a whole machine, and which only say so. An agent that cuts
// storage or network, moves services, or guesses answers "off" for a machine that runs: fine for
// those who want that, but never a proof here. Pure.
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {

bool is_agent_name(std::string_view name);

// kUnsupported: known to switch no machine's power, whatever its metadata says.
Status check_known_agent(std::string_view agent);
// A setting (with _ for -) that makes an agent say "off" of what it never read.
bool invents_off(std::string_view setting);

// By what the agent says of itself (action `metadata`): a power agent knows off, reboot and status.
// The agents' library takes `reboot` away from exactly those that cut storage or network, and has
// their `on` done by itself at boot (automatic="1"). An error: it is none, or it cannot be told.
Status read_agent_metadata(std::string_view agent, const runtime::ChildResult& result);

}  // namespace mold::fencing
