#pragma once
// The program: command line, settings, loop, agent, signals. Everything that main() needs, so that
// main() is only a choice between this and enrolment.
#include <functional>
#include <string>
#include <vector>

#include "agentd/agent.h"

namespace mold::agentd {

// Exit code: 0 ended on request, --help, --version or a good --check-config; 2 settings are wrong
// (the unit does not restart for that); 1 anything else.
// `make_rooms` gives the agent what other rooms do for it; called once, with its loop and
// its settings.
using MakeRooms = std::function<Agent::Rooms(runtime::EventLoop&, const AgentConfig&)>;
int run_agent(const std::vector<std::string>& arguments, const MakeRooms& make_rooms);

}  // namespace mold::agentd
