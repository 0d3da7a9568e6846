// mold-fence: one way of fencing, tried by hand. See mold-fence --help and mold-fence(8).
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "fencing/all_drivers.h"
#include "fencing/by_hand/run.h"
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
    // What a driver has to say is in the account; a person reads stderr here, not a journal.
    runtime::set_log_level(runtime::LogLevel::kError);
    fencing::HandWorld world;
    world.make_drivers = [](runtime::EventLoop& loop) { return fencing::make_all_drivers(loop); };
    world.out = [](const std::string& text) { print(stdout, text); };
    world.err = [](const std::string& text) { print(stderr, text); };
    return static_cast<int>(
        fencing::run_by_hand(std::vector<std::string>(argv + 1, argv + argc), world));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mold-fence: %s\n", error.what());
    return static_cast<int>(fencing::HandExit::kFailed);
  }
}
