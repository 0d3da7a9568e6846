#pragma once
// The brains' actions as one readable line each, for --trace.
#include <string>

#include "core/agent/agent_brain.h"
#include "core/engine/action.h"

namespace mold::sim {

struct StoryText {
  std::string who;
  std::string what;  // empty: not worth a line
};

StoryText describe(const core::Action& action);
std::string describe(const core::AgentAction& action);

}  // namespace mold::sim
