#include <cstddef>
#include <span>

#include "tests/sim/cli.h"

int main(int argc, char** argv) {
  return mold::sim::run_cli(
      std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
}
