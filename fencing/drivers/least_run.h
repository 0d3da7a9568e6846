#pragma once
// A child is not started with less time than it could ever need.
#include "lib/base/time.h"

namespace mold::fencing {

inline constexpr Duration kLeastRun{200};

}  // namespace mold::fencing
