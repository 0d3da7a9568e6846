#pragma once
// Readings of power states, a bounded number at a time, the rest in line in the order of asking: a
// poll of hundreds of BMCs with a process each must not eat the machine, or its own answers come
// too late. One whose deadline passes in line is answered kUnknown (kBusy). Loop thread only.
#include <cstddef>
#include <deque>
#include <memory>

#include "fencing/drivers/power_steps.h"

namespace mold::fencing {

class ReadingLine {
 public:
  ReadingLine(runtime::EventLoop& loop, std::size_t at_once)
      : loop_(loop), at_once_(at_once), under_way_(loop), overdue_(loop) {}

  void run(std::unique_ptr<PowerDevice> device, PowerWish wish, port::PowerControl::Done done);

 private:
  struct Waiting {
    std::unique_ptr<PowerDevice> device;
    PowerWish wish;
    Instant deadline;
    port::PowerControl::Done done;
  };
  void next();
  void start(Waiting reading);
  void drop_overdue();
  void watch_deadlines();

  runtime::EventLoop& loop_;
  std::size_t at_once_;
  std::size_t running_ = 0;
  std::deque<Waiting> line_;
  UnderWay under_way_;
  runtime::Timer overdue_;
};

}  // namespace mold::fencing
