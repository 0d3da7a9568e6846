#pragma once
// A way to a host's power as a fence agent needs it: each call blocks until it is known how it
// ended, through the loop. Two ways implement it: the manager's API, and a BMC itself. One thread;
// an interrupted loop (SIGTERM) makes every call end at once with kCancelled.
#include <functional>
#include <string>
#include <vector>

#include "core/model/host.h"
#include "lib/base/result.h"
#include "lib/base/time.h"

namespace mold::fence_mold {

struct Plug {
  std::string name;
  std::string alias;                                    // another name for it; may be empty
  core::PowerState state = core::PowerState::kUnknown;  // as known without asking its device
};

// Tells a person one step, without line end and without secrets.
using Say = std::function<void(const std::string&)>;

class Fencer {
 public:
  virtual ~Fencer() = default;
  // Read from the device during this call; kOn or kOff, anything else is an error.
  virtual Result<core::PowerState> read() = 0;
  // Ends well only when the wished state (kOn or kOff) was read back during this call. Takes
  // `at_most`, or the power timeout where that is shorter, and kGrace.
  virtual Status bring(core::PowerState wished, Duration at_most) = 0;
  // For what comes after the time is up: a last reading, the end of a child that was killed.
  static constexpr Duration kGrace{5'000};
  virtual Result<std::vector<Plug>> list() = 0;
  // The device can be reached and lets us in; harmless.
  virtual Status monitor() = 0;
};

}  // namespace mold::fence_mold
