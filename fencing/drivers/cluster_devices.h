#pragma once
// Whether what this Pacemaker cluster says it fenced was a machine's power: the fencer tells who
// carried a fencing out, not with which device. So it counts only when every fence device of the
// cluster's configuration is a power device (power_agent.h), its own watchdog is none of them, and
// no setting makes a device say "off" of what it never read. What cannot be told does not count.
//
// The configuration is read from this member's copy (cibadmin --local). It holds passwords: nothing
// of it but names of agents goes into a text. Loop thread only.
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "fencing/drivers/agent_metadata.h"
#include "lib/base/result.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

// The agents of all fence devices in a `cibadmin --query`; kUnsupported says what is not power.
Result<std::set<std::string>> read_cluster_agents(std::string_view cib);

struct ClusterDevicesSettings {
  std::string program = "/usr/sbin/cibadmin";
  std::string agents = "/usr/sbin";  // the directory of the fence agents
};

// One look, for its owner's lifetime.
class ClusterDevices {
 public:
  ClusterDevices(runtime::EventLoop& loop, std::string program, PowerAgents& agents)
      : loop_(loop), program_(std::move(program)), agents_(agents) {}

  // Once; `done` once, not inside the call.
  void check(Duration limit, std::function<void(const Status&)> done);

 private:
  void read(const Result<runtime::ChildResult>& result);
  void prove_next();

  runtime::EventLoop& loop_;
  std::string program_;
  PowerAgents& agents_;
  Instant deadline_;
  std::set<std::string> unproven_;
  runtime::ChildHandle child_;
  std::function<void(const Status&)> done_;
};

}  // namespace mold::fencing
