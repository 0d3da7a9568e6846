#pragma once
// One run of fence_mold: words and lines in, exit code out. Everything but main() itself, so that
// tests can run it with a driver and a standard input of their own. One thread; SIGTERM, with which
// a cluster ends an agent that takes too long, ends the run and its children at once.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fencing/fence_mold/contract.h"
#include "lib/base/result.h"
#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fence_mold {

struct World {
  std::function<Result<std::string>()> read_stdin;  // until its end
  // Every power driver of this build, for --direct.
  std::function<std::unique_ptr<port::PowerControl>(runtime::EventLoop&)> make_drivers;
  std::function<void(const std::string&)> out;  // what the contract wants on standard output
  std::function<void(const std::string&)> err;  // for people
};

Exit run(const std::vector<std::string>& arguments, const World& world);

// World's read_stdin of a real program: everything up to 64 KiB.
Result<std::string> read_standard_input();

}  // namespace mold::fence_mold
