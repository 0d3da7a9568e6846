#pragma once
// What a driver has under way: keeps each task alive until it ends, and tells its answer on a later
// turn of the loop, so that a completion never runs inside the task that it may bury. When the
// driver dies its tasks die with it, untold. Loop thread only.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "lib/runtime/event_loop.h"

namespace mold::fencing {

class UnderWay {
 public:
  // Called once with what is to be told; the task is gone before it is told.
  using End = std::function<void(std::function<void()> tell)>;

  explicit UnderWay(runtime::EventLoop& loop) : loop_(loop), tasks_(std::make_shared<Tasks>()) {}

  [[nodiscard]] End keep(std::shared_ptr<void> task);
  [[nodiscard]] std::size_t count() const { return tasks_->all.size(); }

 private:
  struct Tasks {
    std::uint64_t next = 1;
    std::map<std::uint64_t, std::shared_ptr<void>> all;
  };
  runtime::EventLoop& loop_;
  std::shared_ptr<Tasks> tasks_;
};

}  // namespace mold::fencing
