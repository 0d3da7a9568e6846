// fence_mold: the fence agent through which a cluster fences a host of ours. See fence_mold(8).
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "fencing/all_drivers.h"
#include "fencing/fence_mold/run.h"
#include "lib/base/core_dumps.h"
#include "lib/runtime/journal_log.h"

namespace {

using namespace mold;

void print(std::FILE* to, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

}  // namespace

int main(int argc, char** argv) {
  forbid_core_dumps();
  try {
    // What goes wrong is told on stderr by fence_mold itself, once.
    runtime::set_log_level(runtime::LogLevel::kCritical);
    fence_mold::World world;
    world.read_stdin = fence_mold::read_standard_input;
    world.make_drivers = [](runtime::EventLoop& loop) { return fencing::make_all_drivers(loop); };
    world.out = [](const std::string& text) { print(stdout, text); };
    world.err = [](const std::string& text) { print(stderr, text); };
    return static_cast<int>(
        fence_mold::run(std::vector<std::string>(argv + 1, argv + argc), world));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fence_mold: %s\n", error.what());
    return static_cast<int>(fence_mold::Exit::kFailed);
  }
}
