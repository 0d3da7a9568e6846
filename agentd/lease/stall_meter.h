#pragma once
// How long this agent was recently unable to look after itself: the greatest gap in its loop, and
// the greatest lateness of the heartbeat supervisor, within the last few seconds. A host that was
// frozen and thawed must not judge others by what it did not see meanwhile; the manager discounts
// its readings by this number. Pure: time is a parameter. Loop thread only.
#include <deque>

#include "lib/base/time.h"

namespace mold::agentd {

class StallMeter {
 public:
  explicit StallMeter(Duration tick, Duration window = Duration{5'000})
      : tick_(tick), window_(window) {}

  // Called every `tick` by a timer, and before the number is used.
  void tick(Instant now) {
    if (started_) note(now - last_ - tick_, now);
    last_ = now;
    started_ = true;
  }
  // Something else was late by this much.
  void note(Duration late, Instant now) {
    if (late > Duration{0}) gaps_.push_back({now, late});
    while (!gaps_.empty() && (now - gaps_.front().at > window_ || gaps_.size() > kMost)) {
      gaps_.pop_front();
    }
  }
  [[nodiscard]] Duration worst(Instant now) const {
    Duration worst{0};
    for (const Gap& gap : gaps_) {
      if (now - gap.at <= window_ && gap.late > worst) worst = gap.late;
    }
    return worst;
  }

 private:
  struct Gap {
    Instant at;
    Duration late;
  };
  static constexpr std::size_t kMost = 256;
  Duration tick_;
  Duration window_;
  bool started_ = false;
  Instant last_{};
  std::deque<Gap> gaps_;
};

}  // namespace mold::agentd
