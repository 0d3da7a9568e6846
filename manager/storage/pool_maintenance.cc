#include "manager/storage/pool_maintenance.h"

#include <algorithm>
#include <utility>

#include "lib/runtime/journal_log.h"
#include "manager/storage/pool_kind.h"

namespace mold::manager {
namespace {

// VMs that may be running on the pool, or whose disks a host works on.
std::vector<VmId> placed_on(const core::State& state, PoolId pool) {
  std::vector<VmId> found;
  for (const auto& [id, vm] : state.vms) {
    if (vm.state == core::VmState::kDestroyed || !core::uses_pool(vm, pool)) continue;
    if (vm.host || vm.op) found.push_back(id);
  }
  return found;
}

bool is_waiting(const PoolRecord& pool) {
  return pool.state == PoolState::kPrepareForMaintenance ||
         (pool.state == PoolState::kUp && !pool.stopped_vms.empty());
}

}  // namespace

PoolMaintenance::PoolMaintenance(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                                 Options options)
    : loop_(loop),
      engine_(engine),
      inventory_(inventory),
      options_(std::move(options)),
      timer_(loop) {}

void PoolMaintenance::start() {
  for (const auto& [id, pool] : inventory_.pools().all()) {
    if (is_waiting(pool)) begin(id, {});
  }
}

void PoolMaintenance::begin(PoolId pool, Done done) {
  // Who still waits for the end of a maintenance that is followed by another has what was asked
  // for.
  if (const auto old = works_.find(pool); old != works_.end() && old->second.done)
    loop_.post([old_done = std::move(old->second.done)] { old_done({}); });
  works_.insert_or_assign(pool, Work{loop_.now(), std::move(done)});
  if (!timer_.armed()) timer_.start_periodic(options_.look_every, [this] { look(); });
}

Status PoolMaintenance::change(const PoolRecord& pool) {
  MOLD_TRY_VOID(inventory_.update(pool));
  engine_.submit(core::PoolAdded{core_pool(pool)});
  return {};
}

Status PoolMaintenance::prepare(PoolId id, Done done) {
  const PoolRecord* const found = inventory_.pools().find(id);
  if (found == nullptr) return fail(ErrorKind::kNotFound, "no such storage pool");
  PoolRecord pool = *found;
  if (pool.state == PoolState::kPrepareForMaintenance || pool.state == PoolState::kMaintenance)
    return fail(ErrorKind::kConflict, "storage pool " + pool.name + " is in maintenance already");
  pool.state = PoolState::kPrepareForMaintenance;
  std::vector<VmId> running;
  for (const auto& [vm_id, vm] : engine_.state().vms) {
    const VmRecord* const record = inventory_.vms().find_live(vm_id);
    if (record == nullptr || vm.state == core::VmState::kDestroyed) continue;
    if (!core::uses_pool(vm, id) || vm.desired != core::Desired::kRunning) continue;
    running.push_back(vm_id);
    if (std::find(pool.stopped_vms.begin(), pool.stopped_vms.end(), record->uuid) ==
        pool.stopped_vms.end()) {
      pool.stopped_vms.push_back(record->uuid);
    }
  }
  MOLD_TRY_VOID(change(pool));
  for (const VmId vm : running) ask_stop(vm);
  begin(id, std::move(done));
  return {};
}

Status PoolMaintenance::cancel(PoolId id, Done done) {
  const PoolRecord* const found = inventory_.pools().find(id);
  if (found == nullptr) return fail(ErrorKind::kNotFound, "no such storage pool");
  PoolRecord pool = *found;
  if (pool.state == PoolState::kPrepareForMaintenance)
    return fail(ErrorKind::kConflict,
                "storage pool " + pool.name + " is still being prepared for maintenance");
  if (pool.state != PoolState::kMaintenance && pool.state != PoolState::kErrorInMaintenance)
    return fail(ErrorKind::kConflict, "storage pool " + pool.name + " is not in maintenance");
  pool.state = PoolState::kUp;
  MOLD_TRY_VOID(change(pool));
  begin(id, std::move(done));
  return {};
}

void PoolMaintenance::look() {
  std::vector<PoolId> ids;
  for (const auto& [id, work] : works_) ids.push_back(id);
  for (const PoolId id : ids) {
    const PoolRecord* const found = inventory_.pools().find(id);
    if (found == nullptr) {
      end(id, fail(ErrorKind::kNotFound, "the storage pool was deleted"));
      continue;
    }
    const PoolRecord pool = *found;
    Work& work = works_.at(id);
    if (pool.state == PoolState::kPrepareForMaintenance) {
      look_at_stopping(pool, work);
    } else {
      look_at_starting(pool, work);
    }
  }
  if (works_.empty()) timer_.cancel();
}

void PoolMaintenance::look_at_stopping(const PoolRecord& pool, Work& work) {
  const std::vector<VmId> placed = placed_on(engine_.state(), pool.id);
  PoolRecord next = pool;
  if (placed.empty()) {
    next.state = PoolState::kMaintenance;
    if (change(next)) end(pool.id, {});  // else the store cannot write: with the next look
    return;
  }
  if (loop_.now() - work.since < engine_.brain().policy().job_deadline) return;
  next.state = PoolState::kErrorInMaintenance;
  if (!change(next)) return;
  std::string names;
  for (const VmId vm : placed) {
    const VmRecord* const record = inventory_.vms().find(vm);
    names += (names.empty() ? "" : ", ") +
             (record == nullptr ? "VM " + std::to_string(vm.value) : record->name);
  }
  end(pool.id, fail(ErrorKind::kUnavailable, "not stopped in time: " + names));
}

// Not before hosts can start something there: a start that fails everywhere is given up.
bool PoolMaintenance::may_start(const PoolRecord& pool, const Work& work) const {
  if (!options_.reach) return true;
  const PoolReach reach = options_.reach(pool);
  if (reach.ready == 0) return false;
  return reach.ready >= reach.connected || loop_.now() - work.since >= options_.patience;
}

void PoolMaintenance::look_at_starting(const PoolRecord& pool, Work& work) {
  if (pool.state != PoolState::kUp || pool.stopped_vms.empty()) return end(pool.id, {});
  if (!may_start(pool, work)) {
    // The pool is up; its VMs follow when a host has it. Nobody waits longer for that.
    if (work.done && loop_.now() - work.since >= engine_.brain().policy().job_deadline)
      std::exchange(work.done, Done{})({});
    return;
  }
  PoolRecord next = pool;
  next.stopped_vms.clear();
  if (!change(next)) return;
  for (const std::string& uuid : pool.stopped_vms) ask_start(uuid);
  end(pool.id, {});
}

void PoolMaintenance::ask_stop(VmId vm) {
  const VmRecord* const record = inventory_.vms().find_live(vm);
  if (record != nullptr) submit_wish(*record, core::VmWish::kStop);
}

// Who stopped or destroyed it meanwhile, or started it, is not overruled.
void PoolMaintenance::ask_start(const std::string& vm_uuid) {
  const VmRecord* const record = inventory_.vms().find_live_uuid(vm_uuid);
  if (record == nullptr) return;
  const auto vm = engine_.state().vms.find(record->id);
  if (vm == engine_.state().vms.end() || vm->second.desired != core::Desired::kStopped) return;
  submit_wish(*record, core::VmWish::kStart);
}

void PoolMaintenance::submit_wish(const VmRecord& vm, core::VmWish wish) {
  const bool stop = wish == core::VmWish::kStop;
  NewJob job;
  job.command = stop ? "stopVirtualMachine" : "startVirtualMachine";
  job.kind = stop ? core::JobKind::kStop : core::JobKind::kStart;
  job.vm = vm.id;
  job.account = vm.account;
  job.instance_type = "VirtualMachine";
  job.instance_uuid = vm.uuid;
  const Result<JobRecord> opened = engine_.open_job(std::move(job));
  if (!opened) {
    runtime::log_warning("maintenance: " + vm.name + ": " + opened.error().text());
    return;
  }
  core::VmRequested wished;
  wished.vm = vm.id;
  wished.wish = wish;
  wished.job = opened->id;
  engine_.submit(wished);
}

void PoolMaintenance::end(PoolId pool, const Status& result) {
  const auto work = works_.find(pool);
  if (work == works_.end()) return;
  const Done done = std::move(work->second.done);
  works_.erase(work);
  if (done) done(result);
}

}  // namespace mold::manager
