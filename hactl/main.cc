// hactl: the operator's tool. See hactl --help and hactl(1).
#include <cstdio>
#include <exception>

#include "hactl/run.h"
#include "lib/base/core_dumps.h"

int main(int argc, char** argv) {
  mold::forbid_core_dumps();
  try {
    return static_cast<int>(mold::hactl::run(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hactl: %s\n", error.what());
    return static_cast<int>(mold::hactl::ExitCode::kFailed);
  }
}
