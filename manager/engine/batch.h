#pragma once
// What gathers between two commits: the brain's changes, rows, and everything that is held back
// until they are durable. Used by the engine alone; loop thread.
#include <set>
#include <tuple>
#include <vector>

#include "core/engine/brain.h"
#include "manager/engine/engine.h"

namespace mold::manager {

struct Engine::Waiter {
  Committed callback;
  Instant since;
};

struct Engine::Batch {
  core::Changes changes;
  std::vector<RowChange> rows;
  // -- held back --
  std::vector<core::Action> actions;
  std::vector<JobRecord> ended;
  std::vector<EventRecord> events;
  std::vector<Waiter> waiters;
  // Orders in `actions`: while the store cannot write, the brain asks for the same ones again.
  std::set<std::tuple<OpId, HostId, Epoch, VmId, Generation>> orders;
  // -- once closed --
  std::shared_ptr<const WriteSet> set;
  Instant write_began;

  [[nodiscard]] bool has_order(const core::Order& order) {
    return !orders.emplace(order.op, order.host, order.epoch, order.vm, order.generation).second;
  }
};

// The rows behind `changes` as the state has them now.
CoreRows snapshot(const core::State& state, const core::Changes& changes);

}  // namespace mold::manager
