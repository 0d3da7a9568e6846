#pragma once
// Liveness, and the manager's record against the truth. After everything was healed this must come
// to hold, and within a bound: HA hosts Available, no job pending, every VM that is wished to run
// and has HA runs exactly once, where and under the generation that the record names, and nothing
// else runs.
#include <string>

namespace mold::sim {

class World;

// Empty when all of it holds; else the first thing that does not.
std::string not_converged(const World& world);

}  // namespace mold::sim
