#pragma once
// The first promise: a VM never runs twice. Told of every moment at which a QEMU begins to be able
// to write, it holds that against all others of the same disk:
//  - two placements able to write at the same time,
//  - a write of an older generation after a newer one's first,
//  - a write of an older generation after the manager ordered a newer one to start.
#include "tests/sim/disk.h"

namespace mold::sim {

class SingleWriter {
 public:
  void begin(World& world) { world_ = &world; }
  void wrote(const Qemu& qemu, DiskTruth& disk);

 private:
  World* world_ = nullptr;
};

}  // namespace mold::sim
