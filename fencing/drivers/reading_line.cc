#include "fencing/drivers/reading_line.h"

#include <algorithm>
#include <utility>

namespace mold::fencing {

void ReadingLine::run(std::unique_ptr<PowerDevice> device, PowerWish wish,
                      port::PowerControl::Done done) {
  const Instant deadline = loop_.now() + wish.deadline;
  line_.push_back({std::move(device), std::move(wish), deadline, std::move(done)});
  next();
}

void ReadingLine::next() {
  while (running_ < at_once_ && !line_.empty()) {
    Waiting first = std::move(line_.front());
    line_.pop_front();
    start(std::move(first));
  }
  watch_deadlines();
}

void ReadingLine::start(Waiting reading) {
  ++running_;
  reading.wish.deadline = reading.deadline - loop_.now();
  // This object dies with its `under_way_`, and an answer of a request that is gone is not told.
  run_power_request(loop_, under_way_, std::move(reading.device), std::move(reading.wish),
                    [this, done = std::move(reading.done)](port::PowerResult result) {
                      --running_;
                      next();
                      done(std::move(result));
                    });
}

void ReadingLine::watch_deadlines() {
  if (line_.empty()) {
    overdue_.cancel();
    return;
  }
  const auto first =
      std::min_element(line_.begin(), line_.end(),
                       [](const Waiting& a, const Waiting& b) { return a.deadline < b.deadline; });
  overdue_.start_at(first->deadline, [this] { drop_overdue(); });
}

void ReadingLine::drop_overdue() {
  std::deque<Waiting> kept;
  std::deque<Waiting> late;
  for (Waiting& waiting : line_)
    (waiting.deadline > loop_.now() ? kept : late).push_back(std::move(waiting));
  line_ = std::move(kept);
  watch_deadlines();
  for (Waiting& waiting : late) {
    loop_.post([done = std::move(waiting.done), name = waiting.wish.name] {
      done({core::Outcome::kUnknown, core::PowerState::kUnknown, ErrorKind::kBusy,
            name + ": not read: too many other readings were before it"});
    });
  }
}

}  // namespace mold::fencing
