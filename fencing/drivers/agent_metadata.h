#pragma once
// Asks installed fence agents what they are (power_agent.h), and remembers those that proved to be
// power devices. A refusal is not remembered: the agent may be mended. Loop thread only; outlives
// the runs it started.
#include <functional>
#include <set>
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

class PowerAgents {
 public:
  PowerAgents(runtime::EventLoop& loop, std::string directory)
      : loop_(loop), directory_(std::move(directory)) {}

  // Proved to be a power device before.
  [[nodiscard]] bool known(const std::string& agent) const { return known_.contains(agent); }
  // Runs its action `metadata`. `done` once, not inside the call; never, when the run is dropped.
  [[nodiscard]] runtime::ChildHandle prove(const std::string& agent, Duration limit,
                                           std::function<void(const Status&)> done);

 private:
  runtime::EventLoop& loop_;
  std::string directory_;
  std::set<std::string> known_;
};

}  // namespace mold::fencing
