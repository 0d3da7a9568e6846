#include "lib/runtime/worker_lane.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {

struct WorkerLane::Shared {
  struct Item {
    std::uint64_t id;
    std::function<void()> work;
  };

  WorkerLane* lane = nullptr;  // loop thread only; null when the lane is gone
  std::size_t wanted = 0;      // threads that should be free for work
  std::size_t queue_limit = 0;
  std::string name;

  std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex:
  EventLoop* loop = nullptr;  // null when the lane is gone
  bool stopping = false;
  std::deque<Item> queue;
  std::set<std::uint64_t> running;
  std::set<std::uint64_t> stuck;
  std::size_t threads = 0;
  LaneStats counters;

  static Status run_one(std::function<void()> work) {
    try {
      work();
      return {};
    } catch (const std::exception& e) {
      return fail(ErrorKind::kInternal, std::string("a job threw: ") + e.what());
    } catch (...) {
      return fail(ErrorKind::kInternal, "a job threw something");
    }
  }

  // The life of one thread.
  static void serve(const std::shared_ptr<Shared>& self) {
    std::unique_lock lock(self->mutex);
    while (true) {
      self->changed.wait(lock, [&self] { return self->stopping || !self->queue.empty(); });
      if (self->stopping) break;
      Item item = std::move(self->queue.front());
      self->queue.pop_front();
      self->running.insert(item.id);
      lock.unlock();
      const Status status = run_one(std::move(item.work));  // the work dies here, on this thread
      lock.lock();
      self->running.erase(item.id);
      self->stuck.erase(item.id);
      ++self->counters.finished;
      if (self->loop != nullptr) {
        self->loop->post([self, id = item.id, status] {
          if (self->lane != nullptr) self->lane->on_finished(id, status);
        });
      }
      // One who had been given up and came back is one too many.
      if (self->threads - self->stuck.size() > self->wanted) break;
    }
    --self->threads;
    self->changed.notify_all();
  }
};

struct WorkerLane::Pending {
  struct Job {
    std::function<void(Status)> done;
    std::unique_ptr<Timer> deadline;
    bool given_up = false;  // told already; waiting for the stuck thread only
  };
  std::map<std::uint64_t, Job> jobs;
  std::uint64_t next_id = 1;
};

WorkerLane::WorkerLane(EventLoop& loop, std::string name, std::size_t threads,
                       std::size_t queue_limit, std::size_t replace_limit)
    : loop_(loop),
      name_(std::move(name)),
      replace_limit_(replace_limit),
      shared_(std::make_shared<Shared>()),
      pending_(std::make_unique<Pending>()) {
  MOLD_CHECK(threads > 0 && queue_limit > 0, "a lane needs a thread and a queue");
  shared_->lane = this;
  shared_->loop = &loop;
  shared_->wanted = threads;
  shared_->queue_limit = queue_limit;
  shared_->name = name_;
  for (std::size_t i = 0; i < threads; ++i) add_thread();
  MOLD_CHECK(stats().threads > 0, "a lane without any thread");
}

WorkerLane::~WorkerLane() {
  shared_->lane = nullptr;
  std::deque<Shared::Item> dropped;  // dies after the lock is released
  std::unique_lock lock(shared_->mutex);
  dropped.swap(shared_->queue);
  shared_->loop = nullptr;
  shared_->stopping = true;
  shared_->changed.notify_all();
  const bool all_gone =
      shared_->changed.wait_for(lock, grace_, [this] { return shared_->threads == 0; });
  const std::size_t left = shared_->threads;
  lock.unlock();
  if (!all_gone) {
    log(LogLevel::kWarning, messages::kLaneStuck,
        "lane " + name_ + ": left behind " + std::to_string(left) + " thread(s) that do not return",
        {{"LANE", name_}});
  }
}

void WorkerLane::add_thread() {
  {
    const std::lock_guard lock(shared_->mutex);
    ++shared_->threads;
  }
  // Signals belong to the loop's thread.
  sigset_t all;
  sigset_t old;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &old);
  try {
    std::thread thread([shared = shared_] {
      ::pthread_setname_np(::pthread_self(), shared->name.substr(0, 15).c_str());
      Shared::serve(shared);
    });
    thread.detach();
  } catch (const std::system_error& e) {
    log_error("lane " + name_ + ": no thread to be had: " + e.what());
    const std::lock_guard lock(shared_->mutex);
    --shared_->threads;
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void WorkerLane::submit_raw(std::function<void()> work, std::function<void(Status)> done,
                            Duration deadline) {
  const std::uint64_t id = pending_->next_id++;
  auto& job = pending_->jobs[id];
  job.done = std::move(done);
  bool accepted = false;
  {
    const std::lock_guard lock(shared_->mutex);
    accepted = shared_->queue.size() < shared_->queue_limit;
    if (accepted) {
      shared_->queue.push_back({id, std::move(work)});
    } else {
      ++shared_->counters.refused;
    }
  }
  if (!accepted) {
    const Status refusal = fail(ErrorKind::kBusy, "lane " + name_ + ": the queue is full");
    loop_.post([shared = shared_, id, refusal] {
      if (shared->lane != nullptr) shared->lane->on_finished(id, refusal);
    });
    return;
  }
  shared_->changed.notify_all();
  job.deadline = std::make_unique<Timer>(loop_);
  job.deadline->start_after(deadline, [this, id] { on_deadline(id); });
}

void WorkerLane::on_finished(std::uint64_t id, Status status) {
  const auto place = pending_->jobs.find(id);
  if (place == pending_->jobs.end()) return;
  const auto job = std::move(place->second);
  pending_->jobs.erase(place);
  if (job.given_up) {
    log(LogLevel::kNotice, messages::kLaneRecovered,
        "lane " + name_ + ": a job that was given up came back", {{"LANE", name_}});
    return;
  }
  job.done(std::move(status));  // may destroy the lane
}

void WorkerLane::on_deadline(std::uint64_t id) {
  const auto place = pending_->jobs.find(id);
  if (place == pending_->jobs.end()) return;
  std::function<void()> dropped;
  bool queued = false;
  bool replace = false;
  {
    const std::lock_guard lock(shared_->mutex);
    auto& queue = shared_->queue;
    const auto item =
        std::find_if(queue.begin(), queue.end(), [id](const auto& i) { return i.id == id; });
    queued = item != queue.end();
    if (queued) {
      dropped = std::move(item->work);
      queue.erase(item);
    } else if (!shared_->running.contains(id)) {
      return;  // just finished; its result is on the way
    } else {
      shared_->stuck.insert(id);
      replace = shared_->stuck.size() <= replace_limit_;
      if (replace) ++shared_->counters.replaced;
    }
    ++shared_->counters.timed_out;
  }
  const auto done = std::move(place->second.done);
  if (queued) {
    pending_->jobs.erase(place);
    done(fail(ErrorKind::kTimeout, "lane " + name_ + ": not started before the deadline"));
    return;
  }
  place->second.given_up = true;
  if (replace) add_thread();
  log(LogLevel::kWarning, messages::kLaneStuck,
      "lane " + name_ + ": a job overran its deadline" +
          (replace ? "; another thread took its place" : "; no more threads may be added"),
      {{"LANE", name_}});
  done(fail(ErrorKind::kUnknown, "lane " + name_ + ": no result before the deadline"));
}

LaneStats WorkerLane::stats() const {
  const std::lock_guard lock(shared_->mutex);
  LaneStats stats = shared_->counters;
  stats.queued = shared_->queue.size();
  stats.running = shared_->running.size();
  stats.stuck = shared_->stuck.size();
  stats.threads = shared_->threads;
  return stats;
}

}  // namespace mold::runtime
