#pragma once
// Pauses between attempts, decorrelated: each is drawn between the least and three times the one
// before, capped. A thousand agents that lost the same manager come back spread out. One owner.
#include <algorithm>

#include "lib/base/rng.h"
#include "lib/base/time.h"

namespace mold::agentd {

// How an agent asks its managers again, whatever it is that went unanswered.
inline constexpr Duration kRetryFirst{200};
inline constexpr Duration kRetryLast{5'000};

class Backoff {
 public:
  Backoff(Duration least, Duration most, std::uint64_t seed)
      : least_(least), most_(most), last_(least), rng_(seed) {}

  Duration next() {
    last_ = std::min(most_, Duration{rng_.between(least_.count(), last_.count() * 3)});
    return last_;
  }
  void reset() { last_ = least_; }

 private:
  Duration least_;
  Duration most_;
  Duration last_;
  Rng rng_;
};

}  // namespace mold::agentd
