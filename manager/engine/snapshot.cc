#include "manager/engine/batch.h"

namespace mold::manager {
namespace {

template <class Id, class Record>
void copy_rows(const std::map<Id, Record>& rows, const std::set<Id>& changed,
               std::vector<Record>& kept, std::vector<Id>& gone) {
  for (const Id id : changed) {
    const auto row = rows.find(id);
    if (row == rows.end())
      gone.push_back(id);
    else
      kept.push_back(row->second);
  }
}

}  // namespace

CoreRows snapshot(const core::State& state, const core::Changes& changes) {
  CoreRows rows;
  copy_rows(state.hosts, changes.hosts, rows.hosts, rows.hosts_gone);
  copy_rows(state.vms, changes.vms, rows.vms, rows.vms_gone);
  copy_rows(state.pools, changes.pools, rows.pools, rows.pools_gone);
  copy_rows(state.jobs, changes.jobs, rows.jobs, rows.jobs_gone);
  if (changes.counters) {
    rows.next_op = state.next_op;
    if (state.min_generation) rows.min_generation = state.min_generation;
  }
  return rows;
}

}  // namespace mold::manager
