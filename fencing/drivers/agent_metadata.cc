#include "fencing/drivers/agent_metadata.h"

#include <utility>

#include "fencing/drivers/power_agent.h"

namespace mold::fencing {

runtime::ChildHandle PowerAgents::prove(const std::string& agent, Duration limit,
                                        std::function<void(const Status&)> done) {
  runtime::ChildSpec spec;
  spec.program = directory_ + "/" + agent;
  spec.stdin_text = "action=metadata\n";
  spec.deadline = limit;
  return runtime::run_child(
      loop_, std::move(spec),
      [this, agent, done = std::move(done)](const Result<runtime::ChildResult>& result) {
        const Status proven = result ? read_agent_metadata(agent, *result) : fail(result.error());
        if (proven) known_.insert(agent);
        done(proven);
      });
}

}  // namespace mold::fencing
