#include "tests/sim/checkers/restart_proof.h"

#include "tests/sim/world.h"

namespace mold::sim {

void RestartProof::ordered(const core::Order& order) {
  DiskTruth& disk = world_->disks.disk(order.vm);
  const std::string vm = "v" + std::to_string(order.vm.value);
  if (order.generation == disk.newest_ordered && order.host != disk.ordered_host) {
    world_->violated("restart-proof", vm + " is ordered to two hosts under one generation " +
                                          std::to_string(order.generation.value));
    return;
  }
  if (order.generation <= disk.newest_ordered) return;  // the same order again
  disk.newest_ordered = order.generation;
  disk.ordered_host = order.host;
  for (const Qemu& q : world_->disks.qemus) {
    if (q.vm != order.vm || q.generation >= order.generation || !world_->disks.able(q)) continue;
    world_->violated("restart-proof", vm + " is ordered to start on host " +
                                          std::to_string(order.host.value) + " while generation " +
                                          std::to_string(q.generation.value) +
                                          " can write on host " + std::to_string(q.host + 1));
    return;
  }
}

}  // namespace mold::sim
