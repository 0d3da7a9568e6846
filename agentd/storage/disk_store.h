#pragma once
// Makes and removes the disk files of a VM: qemu-img as a child for what needs it, everything that
// touches a pool directly on a lane of its own, since a pool may hang. Loop thread only;
// completions come on the loop, exactly once, never inside the call. Outcomes as in
// lib/port/hypervisor.h: what hung is Unknown, everything else certainly happened or not.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>

#include "agentd/storage/disk_files.h"
#include "core/model/vm.h"
#include "lib/port/hypervisor.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"

namespace mold::agentd {

class DiskStore {
 public:
  struct Options {
    std::string tag;  // of this host, in the names of partial files
    std::string qemu_img = "qemu-img";
    Duration tool_deadline{900'000};
    Duration file_deadline{60'000};
  };
  using Done = port::Hypervisor::Done;

  DiskStore(runtime::EventLoop& loop, Options options);
  ~DiskStore();
  DiskStore(const DiskStore&) = delete;
  DiskStore& operator=(const DiskStore&) = delete;

  // All disks of the VM, one after the other; ends at the first that fails.
  void create(const core::VmSpec& spec, Done done);
  void remove(const core::VmSpec& spec, Done done);

  // Runs a blocking question about a pool on the storage lane.
  template <class Job, class Finish>
  void ask(Job job, Finish finish, Duration deadline) {
    lane_.submit(std::move(job), std::move(finish), deadline);
  }

 private:
  struct Making;
  void make_next(const std::shared_ptr<Making>& making);
  void fill(const std::shared_ptr<Making>& making, const DiskPlan& plan);
  void publish(const std::shared_ptr<Making>& making, const DiskPlan& plan);
  void give_up(const std::shared_ptr<Making>& making, Error error);

  runtime::EventLoop& loop_;
  Options options_;
  runtime::WorkerLane lane_;
  std::list<runtime::ChildHandle> children_;
  std::string life_;                // of this object, in the names of partial files
  std::uint64_t attempts_ = 0;      // each gets a name of its own
  std::set<std::string> partials_;  // of attempts that may still write or publish
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::agentd
