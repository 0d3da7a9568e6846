#pragma once
// Power through any installed fence agent (fence_apc, fence_vmware_rest, ...): every device that
// Linux clusters can fence. The agent is a child with its own deadline that gets its settings, the
// password among them, on its standard input. Its exit code never confirms: after `off` the driver
// asks for the status itself. Loop thread.
//
// Status: exit 0 is on; exit 2 is off, but only when the agent also says so ("Status: OFF"), for 2
// stands for "bad arguments" too. An agent that has no status action proves nothing here. An agent
// that cuts storage or network instead of power says "off" for a machine that runs: do not name one
// as a power device.
//
// Options of a target: agent (required, fence_...), plug, and arg.NAME for any other setting of
// the agent. address, port and username become ip, ipport and username where they are not empty.
// Refused: settings with an own field here, secrets, and what would name a program to run.
#include <memory>
#include <string>

#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct FenceAgentSettings {
  std::string directory = "/usr/sbin";
  Duration call_deadline = 30'000ms;  // wall clock of one run
  Duration poll = 500ms;              // between read-backs; each is a program's start
  std::size_t readings_at_once = 8;   // these are Python programs
};

std::unique_ptr<port::PowerControl> make_fence_agent_driver(runtime::EventLoop& loop,
                                                            FenceAgentSettings settings = {});

}  // namespace mold::fencing
