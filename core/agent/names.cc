#include "core/agent/agent_brain.h"
#include "lib/base/check.h"

namespace mold::core {

std::string_view to_string(AgentMutation mutation) {
  switch (mutation) {
    case AgentMutation::kNone:
      return "agent-none";
    case AgentMutation::kIgnoreOrderEpoch:
      return "agent-ignore-order-epoch";
    case AgentMutation::kIgnoreClosedGeneration:
      return "agent-ignore-closed-generation";
    case AgentMutation::kStartWithoutLease:
      return "agent-start-without-lease";
    case AgentMutation::kResumeWithoutRecheck:
      return "agent-resume-without-recheck";
    case AgentMutation::kKillIsGone:
      return "agent-kill-is-gone";
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::core
