#pragma once
// The program: command line, settings, loop, agent, signals. Everything that main() needs, so that
// main() is only a choice between this and enrolment.
#include <string>
#include <vector>

namespace mold::agentd {

// Exit code: 0 ended on request, --help, --version or a good --check-config; 2 settings are wrong
// (the unit does not restart for that); 1 anything else.
int run_agent(const std::vector<std::string>& arguments);

}  // namespace mold::agentd
