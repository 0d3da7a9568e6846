#pragma once
// The fence agents' contract as texts: what an agent is told on its standard input, and what its
// exit code and words mean. Agents built on the fencing library end nearly every failure with 1
// and say on stderr what it was. Pure.
#include <string>
#include <string_view>

#include "core/model/host.h"
#include "fencing/drivers/power_steps.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/port/power_control.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {

Status check_fence_agent_target(const port::PowerTarget& target);

// The lines for the agent's standard input, the password among them.
Secret fence_agent_input(const port::PowerTarget& target, std::string_view action);

PowerReading read_agent_status(const runtime::ChildResult& result);
// Of any action but status. Exit 0 is no more than "accepted".
PowerActed read_agent_action(const runtime::ChildResult& result);

}  // namespace mold::fencing
