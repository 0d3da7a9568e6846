#pragma once
// Proof before restart: from the moment the manager orders a generation to start, no older one may
// be able to write any more; and no two placements ever share a generation. Told of every start
// order that leaves the manager.
#include "core/engine/order.h"

namespace mold::sim {

class World;

class RestartProof {
 public:
  void begin(World& world) { world_ = &world; }
  void ordered(const core::Order& order);

 private:
  World* world_ = nullptr;
};

}  // namespace mold::sim
