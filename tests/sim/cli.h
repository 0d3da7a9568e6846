#pragma once
// The command line of mold-sim. Exit codes: 0 every seed held, 1 a violation, 2 wrong usage.
#include <span>
#include <string>

namespace mold::sim {

int run_cli(std::span<const char* const> arguments);

}  // namespace mold::sim
