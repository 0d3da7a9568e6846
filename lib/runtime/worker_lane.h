#pragma once
// A lane is where a blocking library (libvirt, librados, file systems, SQLite) may block: a named
// pool with few threads, a short queue and a deadline per job, so that a library that hangs for
// ever costs its lane and nothing else. A thread whose job overran is given up and replaced up to a
// cap. Made, used and destroyed on the loop thread; jobs run on lane threads, `done` on the loop.
//
// A job owns what it uses (captures by value or shared_ptr): it may go on after its deadline, after
// the lane is gone, until the process ends.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"

namespace mold::runtime {

struct LaneStats {
  std::size_t queued = 0;
  std::size_t running = 0;     // jobs on a thread, stuck ones included
  std::size_t stuck = 0;       // jobs past their deadline that have not come back
  std::size_t threads = 0;     // alive, stuck ones included
  std::uint64_t replaced = 0;  // threads started in place of stuck ones, ever
  std::uint64_t finished = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t refused = 0;
};

class WorkerLane {
 public:
  // `replace_limit`: how many stuck threads may be stood in for at the same time.
  WorkerLane(EventLoop& loop, std::string name, std::size_t threads, std::size_t queue_limit,
             std::size_t replace_limit = 4);
  // Drops what is queued, waits `grace` (2 s) for running jobs and then leaves them behind. No
  // `done` is called any more.
  ~WorkerLane();
  WorkerLane(const WorkerLane&) = delete;
  WorkerLane& operator=(const WorkerLane&) = delete;

  // job: () -> Result<T>, on a lane thread. done: (Result<T>) -> void, on the loop, exactly once
  // and never inside submit(). Besides the job's own result `done` may see
  //   kBusy      the queue is full, the job was not started
  //   kTimeout   the deadline passed while it was queued; it never ran
  //   kUnknown   the deadline passed while it ran; what it comes back with is dropped
  //   kInternal  the job threw
  // The deadline counts from now.
  template <class Job, class Done>
  void submit(Job job, Done done, Duration deadline);

  void set_grace(Duration grace) { grace_ = grace; }
  [[nodiscard]] LaneStats stats() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Shared;   // outlives the lane as long as a thread needs it
  struct Pending;  // loop side of one job
  void submit_raw(std::function<void()> work, std::function<void(Status)> done, Duration deadline);
  void on_deadline(std::uint64_t id);
  void on_finished(std::uint64_t id, Status status);
  void add_thread();

  EventLoop& loop_;
  std::string name_;
  std::size_t replace_limit_;
  Duration grace_{2000};
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Pending> pending_;
};

template <class Job, class Done>
void WorkerLane::submit(Job job, Done done, Duration deadline) {
  using Answer = std::invoke_result_t<Job&>;
  auto slot = std::make_shared<std::optional<Answer>>();
  auto work = std::make_shared<Job>(std::move(job));
  auto finish = std::make_shared<Done>(std::move(done));
  submit_raw([slot, work] { slot->emplace((*work)()); },
             [slot, finish](Status status) {
               if (status) {
                 (*finish)(std::move(**slot));
               } else {
                 (*finish)(Answer(fail(std::move(status).error())));
               }
             },
             deadline);
}

}  // namespace mold::runtime
