#include "tests/sim/checkers/single_writer.h"

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

std::string name(const Qemu& q) {
  return "v" + std::to_string(q.vm.value) + " generation " + std::to_string(q.generation.value) +
         " on host " + std::to_string(q.host + 1);
}

}  // namespace

void SingleWriter::wrote(const Qemu& q, DiskTruth& disk) {
  for (const Qemu& other : world_->disks.qemus) {
    if (other.vm != q.vm || &other == &q || !world_->disks.able(other)) continue;
    if (other.host == q.host && other.generation == q.generation) continue;
    world_->violated("single-writer", name(q) + " and " + name(other) + " can both write");
    return;
  }
  if (q.generation < disk.newest_writer) {
    world_->violated("single-writer", name(q) + " wrote after generation " +
                                          std::to_string(disk.newest_writer.value) + " had");
  } else if (q.generation < disk.newest_ordered) {
    world_->violated("restart-proof", name(q) + " wrote after generation " +
                                          std::to_string(disk.newest_ordered.value) +
                                          " was ordered to start");
  }
  disk.newest_writer = std::max(disk.newest_writer, q.generation);
}

}  // namespace mold::sim
