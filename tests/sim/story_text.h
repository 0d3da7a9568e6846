#pragma once
// The brain's actions as one readable line each, for --trace.
#include <string>

#include "core/engine/action.h"

namespace mold::sim {

struct StoryText {
  std::string who;
  std::string what;  // empty: not worth a line
};

StoryText describe(const core::Action& action);

}  // namespace mold::sim
