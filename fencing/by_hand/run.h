#pragma once
// mold-fence from command line to exit code: one driver, one device, one action, told step by step.
// Owns its loop; blocks until the action has ended. What it prints goes through HandWorld.
#include <functional>
#include <string>
#include <vector>

#include "fencing/by_hand/account.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct HandWorld {
  std::function<std::unique_ptr<port::PowerControl>(runtime::EventLoop&)> make_drivers;
  std::function<void(const std::string&)> out;  // results
  std::function<void(const std::string&)> err;  // what is wrong with the call, warnings
};

HandExit run_by_hand(const std::vector<std::string>& words, const HandWorld& world);

}  // namespace mold::fencing
