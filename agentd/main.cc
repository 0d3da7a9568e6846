// mold-agentd: runs the VMs of this host for the manager. Wiring only; see agent.h.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agentd/enrol/enrol.h"
#include "agentd/run_agent.h"
#include "fencing/all_drivers.h"
#include "fencing/ceph/ceph_tool.h"
#include "fencing/driver_table.h"
#include "fencing/pacemaker_watch.h"
#include "lib/base/core_dumps.h"

namespace {

// A token given as an argument is taken out of what `ps` shows, as soon as it is copied.
void hide_token(std::span<char*> arguments) {
  bool next = false;
  for (char* argument : arguments) {
    constexpr const char* kOption = "--token=";
    if (next) std::fill_n(argument, std::strlen(argument), 'x');
    if (std::strncmp(argument, kOption, std::strlen(kOption)) == 0) {
      std::fill_n(argument + std::strlen(kOption), std::strlen(argument + std::strlen(kOption)),
                  'x');
    }
    next = std::strcmp(argument, "--token") == 0;
  }
}

// What other rooms do for this host, and it for others: it reaches devices that the manager may
// not.
mold::agentd::Agent::Rooms make_rooms(mold::runtime::EventLoop& loop,
                                      const mold::agentd::AgentConfig& config) {
  mold::ceph::CephToolSettings ceph;
  ceph.program = config.ceph_program;
  mold::agentd::Agent::Rooms rooms;
  rooms.power = mold::fencing::make_all_drivers(loop);
  rooms.witness = std::make_unique<mold::fencing::PacemakerWatch>(loop);
  // Two: a start that waits for an answer does not stand behind the import of a template.
  rooms.ceph = std::make_unique<mold::ceph::CephTool>(loop, ceph);
  rooms.ceph_images = std::make_unique<mold::ceph::CephTool>(loop, ceph);
  return rooms;
}

}  // namespace

int main(int argc, char** argv) {
  mold::forbid_core_dumps();
  try {
    const std::span<char*> all(argv, static_cast<std::size_t>(argc));
    std::vector<std::string> arguments(all.begin() + (argc > 0 ? 1 : 0), all.end());
    if (!arguments.empty() && arguments.front() == "enrol") {
      hide_token(all);
      arguments.erase(arguments.begin());
      return mold::agentd::enrol_main(arguments);
    }
    return mold::agentd::run_agent(arguments, make_rooms);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mold-agentd: %s\n", error.what());
    return 1;
  }
}
