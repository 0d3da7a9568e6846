#pragma once
// Maintenance of storage pools. prepare() closes the pool to new placements and stops the VMs that
// run on it; when none is placed any more the pool is in Maintenance: no host has it, and whoever
// works on it endangers nobody. cancel() brings it back and, as soon as hosts beat on it again,
// starts the VMs that were stopped for it.
//
// What was begun is in the pool's record (state, stopped_vms) in the same transaction as the orders
// that follow from it: a restart of the manager goes on where it was. Only the waiting API job does
// not survive that; the engine ends it.
//
// Loop thread only. Lives after engine and inventory, dies before them.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"

namespace mold::manager {

// Hosts of a pool that are connected, and those of them that beat on it and see it.
struct PoolReach {
  std::size_t connected = 0;
  std::size_t ready = 0;
};

class PoolMaintenance {
 public:
  struct Options {
    Duration look_every{250};
    Duration patience{15'000};  // for the last hosts to be ready before VMs are started again
    std::function<PoolReach(const PoolRecord&)> reach;  // without: VMs are started at once
  };
  // kUnavailable with the VMs that were not stopped in time; on the loop, once, never inside the
  // call. Not told when the manager ends meanwhile.
  using Done = std::function<void(Status)>;

  PoolMaintenance(runtime::EventLoop& loop, Engine& engine, Inventory& inventory, Options options);

  // Goes on with what an earlier manager began.
  void start();
  // kConflict: not in a state for that.
  Status prepare(PoolId pool, Done done);
  Status cancel(PoolId pool, Done done);

 private:
  struct Work {
    Instant since;
    Done done;
  };

  void look();
  void look_at_stopping(const PoolRecord& pool, Work& work);
  void look_at_starting(const PoolRecord& pool, Work& work);
  [[nodiscard]] bool may_start(const PoolRecord& pool, const Work& work) const;
  // The record as it is to be, in store and brain.
  Status change(const PoolRecord& pool);
  void ask_stop(VmId vm);
  void ask_start(const std::string& vm_uuid);
  void submit_wish(const VmRecord& vm, core::VmWish wish);
  void end(PoolId pool, const Status& result);
  void begin(PoolId pool, Done done);

  runtime::EventLoop& loop_;
  Engine& engine_;
  Inventory& inventory_;
  Options options_;
  std::map<PoolId, Work> works_;
  runtime::Timer timer_;
};

}  // namespace mold::manager
