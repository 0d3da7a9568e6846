#pragma once
// Power through any installed fence agent (fence_apc, fence_vmware_rest, ...): every device that
// Linux clusters can fence. The agent is a child with its own deadline that gets its settings, the
// password among them, on its standard input. Its exit code never confirms: after `off` the driver
// asks for the status itself. Loop thread.
//
// Only agents that cut a machine's power are run for anything but their metadata: one that cuts
// storage or network says "off" for a machine that runs (power_agent.h). Well-known ones are
// refused by check(), any other by its own metadata, read before its first use.
//
// Status: exit 0 is on; exit 2 is off, but only when the agent also says so ("Status: OFF"), for 2
// stands for "bad arguments" too.
//
// Options of a target: agent (required, fence_...), plug, and arg.NAME for any other setting of
// the agent. address, port and username become ip, ipport and username where they are not empty.
// Refused: settings with an own field here, secrets, what would name a program to run, and what has
// an agent say "off" of what it did not read.
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
