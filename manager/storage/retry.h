#pragma once
// When something that failed is tried again: each time after twice the pause. Values.
#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/time.h"

namespace mold::manager {

struct RetryPauses {
  Duration first{1'000};  // doubled with each failure
  Duration last{300'000};
};

// One thing that is tried until it is done.
struct Retry {
  bool busy = false;
  int tries = 0;
  Instant next_try;
  std::string text;  // why not yet

  void put_off(Instant now, const RetryPauses& pauses, std::string why) {
    ++tries;
    Duration pause = pauses.first;
    for (int i = 1; i < tries && pause < pauses.last; ++i) pause *= 2;
    next_try = now + std::min(pause, pauses.last);
    text = std::move(why);
  }
};

}  // namespace mold::manager
