#pragma once
// Disks that are logical volumes of a shared volume group (lvmlockd). Every step is a run of lvm,
// outside of this service (outside.h), with a deadline; what a run did is read back, never guessed.
//
// A disk appears under its name only when it is complete: made and filled as
// "<name>.partial-<host>-<n>", then renamed, which does not overwrite. A volume that is there with
// at least the size asked for is taken for the work of an earlier delivery.
//
// A volume is active on one host at a time: activating it takes lvmlockd's exclusive lock, so a
// volume that another host has is refused by LVM itself. Volumes of ours (tag mold-ha) that nothing
// has open any more are deactivated again by sweep().
//
// Loop thread only; completions on the loop, exactly once, never inside the call; destroying it
// kills what runs. Outcomes as in lib/port/hypervisor.h.
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agentd/storage/outside.h"
#include "core/model/vm.h"
#include "lib/port/hypervisor.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

struct LvmVolume {
  std::string name;
  std::uint64_t size_bytes = 0;
  bool active = false;
  bool open = false;
  bool ours = false;
};
// What `lvs` says, as asked for by LvmDisks. kInvalid: something else.
Result<std::vector<LvmVolume>> parse_volumes(const std::string& text);

class LvmDisks {
 public:
  struct Options {
    Outside how;
    std::string tag;  // of this host, in the names of volumes that are being made
    std::string lvm = "lvm";
    std::string qemu_img = "qemu-img";
    std::string blkdiscard = "blkdiscard";
    Duration deadline{30'000};
    Duration fill_deadline{900'000};
    Duration keep_active{180'000};  // a start that activated it may still be under way
  };
  using Done = port::Hypervisor::Done;

  LvmDisks(runtime::EventLoop& loop, Options options);
  ~LvmDisks();
  LvmDisks(const LvmDisks&) = delete;
  LvmDisks& operator=(const LvmDisks&) = delete;

  void create(const core::Disk& disk, const wire::PoolInfo& pool, Done done);
  // A missing volume is done; one that is open, here or elsewhere, is kConflict.
  void remove(const core::Disk& disk, const wire::PoolInfo& pool, Done done);
  // Exclusively. kConflict: LVM refused, as when another host has it.
  void activate(const core::Disk& disk, const wire::PoolInfo& pool, Done done);
  // Deactivates what nobody needs. A volume that is open refuses that by itself.
  void sweep(const wire::PoolInfo& pool);
  struct Space {
    std::uint64_t total_bytes = 0;
    std::uint64_t free_bytes = 0;
  };
  void space(const wire::PoolInfo& pool, std::function<void(Result<Space>)> done);

 private:
  struct Making;
  using Ran = std::function<void(Result<runtime::ChildResult>)>;
  using Listed = std::function<void(Result<std::vector<LvmVolume>>)>;
  void run(const std::string& program, const std::vector<std::string>& arguments, Duration deadline,
           Ran ran);
  void lvm(std::vector<std::string> arguments, Ran ran);
  void list(const std::string& group, Listed listed);
  void plan(const std::shared_ptr<Making>& making, const std::vector<LvmVolume>& volumes);
  void fill(const std::shared_ptr<Making>& making, std::uint64_t size_bytes);
  void next_step(const std::shared_ptr<Making>& making);
  void publish(const std::shared_ptr<Making>& making);
  void give_up(const std::shared_ptr<Making>& making, port::HypervisorResult result);

  runtime::EventLoop& loop_;
  Options options_;
  runtime::WorkerLane lane_;
  std::list<runtime::ChildHandle> children_;
  std::uint64_t attempts_ = 0;
  std::map<std::string, Instant> activated_;  // by path: when this agent last did it
  std::map<std::string, bool> sweeping_;      // by volume group
  std::vector<std::string> partials_;         // volumes of attempts under way
};

}  // namespace mold::agentd
