#pragma once
// What a restart of the manager forgets: every volatile field of a record (core/model says which)
// gets its default, as it would coming from the store's rows. Kept apart so that a new volatile
// field is added in one place.
#include "core/engine/brain.h"

namespace mold::sim {

void forget_volatile(core::State& state);

}  // namespace mold::sim
