// What people ask for, through the API.
#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/job/job.h"

namespace mold::core {

void Stepper::on(const HostAdded& e) {
  Host host = e.host;
  host.last_beat = now_.mono;
  host.ha_since = now_.mono;
  touch(host);
  s_.hosts.emplace(host.id, std::move(host));
}

void Stepper::on(const HostRemoved& e) {
  const Host* host = find(e.host);
  if (host == nullptr) return;
  const bool holds_vms = std::any_of(s_.vms.begin(), s_.vms.end(), [&e](const auto& entry) {
    return entry.second.host == e.host;
  });
  // The API refuses first; a VM that may run is never forgotten.
  if (holds_vms || host->awaited) return;
  for (auto& [id, vm] : s_.vms) {
    if (!vm.op || vm.op_host != e.host) continue;  // a disk order that nobody carries out any more
    vm.op = OpId{};
    vm.op_host = HostId{};
    touch(vm);
  }
  for (auto& [id, vm] : s_.vms) copies_gone(e.host, vm);
  b_.lease_book_.forget_observer(e.host);
  b_.lease_book_.forget_subject(e.host);
  turn_.changes.hosts.insert(e.host);
  s_.hosts.erase(e.host);
}

void Stepper::on(const HostAdmissionSet& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  host->admits_vms = e.admits_vms;
  touch(*host);
}

void Stepper::on(const PowerControlSet& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  const bool goes = host->has_power_control && !e.enabled;
  host->has_power_control = e.enabled;
  if (goes) on(PowerSettingsChanged{host->id, DeviceId{}});
  keep_levels(*host);
  touch(*host);
}

void Stepper::on(const FenceDevicesSet& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  host->more_levels = e.levels;
  keep_levels(*host);
}

void Stepper::on(const HaSet& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  host->ha_enabled = e.enabled;
  touch(*host);
  if (e.enabled) {
    move(*host, HaEvent::kTurnedOn, "HA enabled");
    return;
  }
  host->fence = FenceTask{};
  host->status_op = OpId{};
  move(*host, HaEvent::kTurnedOff, "HA disabled");
}

void Stepper::on(const DeathConfirmed& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  const bool heard = silent_for(*host) < b_.policy_.dead_after;
  if (heard || storage_of(*host).liveness == Liveness::kAlive) {
    note(*host, EvidenceKind::kAlarm,
         e.who + " confirmed it dead, but it shows life or was not watched long enough: refused");
    return;
  }
  prove_dead(*host,
             make_proof(*host, ProofMethod::kOperator,
                        "confirmed dead by " + e.who + (e.reason.empty() ? "" : ": " + e.reason)));
}

void Stepper::on(const PowerRequested& e) {
  Host* host = find(e.host);
  Job job;
  job.id = e.job;
  job.kind = JobKind::kPower;
  job.host = e.host;
  job.started = now_.mono;
  turn_.changes.jobs.insert(job.id);
  if (host == nullptr || !host->has_power_control) {
    turn_.actions.emplace_back(FinishJob{
        failed(std::move(job), kErrorInternal, "out-of-band management is not enabled here")});
    return;
  }
  job.op = request_power(*host, e.verb, "asked for by a person");
  s_.jobs.emplace(job.id, std::move(job));
}

void Stepper::on(const PoolAdded& e) {
  s_.pools.insert_or_assign(e.pool.id, e.pool);
  turn_.changes.pools.insert(e.pool.id);
}

void Stepper::on(const PoolRemoved& e) {
  const bool used = std::any_of(s_.vms.begin(), s_.vms.end(), [&e](const auto& entry) {
    return entry.second.state != VmState::kDestroyed && uses_pool(entry.second, e.pool);
  });
  if (used) return;  // the API refuses first
  s_.pools.erase(e.pool);
  turn_.changes.pools.insert(e.pool);
  for (auto& [id, host] : s_.hosts) {
    const auto of_pool = [&e](const PoolIsolation& isolation) { return isolation.pool == e.pool; };
    if (std::erase_if(host.isolations, of_pool) > 0) touch(host);
  }
  for (auto& [id, vm] : s_.vms) {
    const auto of_pool = [&e](const ClientFence& fence) { return fence.pool == e.pool; };
    if (std::erase_if(vm.fences, of_pool) > 0) touch(vm);
  }
}

void Stepper::on(const VmDeployed& e) {
  Vm vm = e.vm;
  vm.state = VmState::kProvisioning;
  vm.desired = e.start ? Desired::kRunning : Desired::kStopped;
  vm.job = e.job;
  vm.next_try = now_.mono;
  Job job;
  job.id = e.job;
  job.kind = JobKind::kDeploy;
  job.vm = vm.id;
  job.started = now_.mono;
  turn_.changes.jobs.insert(job.id);
  s_.jobs.emplace(job.id, std::move(job));
  touch(vm);
  s_.vms.emplace(vm.id, std::move(vm));
}

namespace {

JobKind job_kind(VmWish wish) {
  switch (wish) {
    case VmWish::kStart:
      return JobKind::kStart;
    case VmWish::kStop:
      return JobKind::kStop;
    case VmWish::kReboot:
      return JobKind::kReboot;
    case VmWish::kDestroy:
      return JobKind::kDestroy;
    case VmWish::kFence:
      return JobKind::kFenceVm;
  }
  return JobKind::kOther;
}

}  // namespace

void Stepper::on(const VmHaSet& e) {
  Vm* vm = find(e.vm);
  if (vm == nullptr) return;
  vm->ha = e.ha;
  touch(*vm);
}

void Stepper::on(const VmRequested& e) {
  Job job;
  job.id = e.job;
  job.kind = job_kind(e.wish);
  job.vm = e.vm;
  job.started = now_.mono;
  turn_.changes.jobs.insert(job.id);
  Vm* vm = find(e.vm);
  if (vm == nullptr) {
    turn_.actions.emplace_back(FinishJob{failed(std::move(job), kErrorParameter, "no such VM")});
    return;
  }
  const bool supersedes =
      e.wish == VmWish::kStop || e.wish == VmWish::kDestroy || e.wish == VmWish::kFence;
  if (vm->job && !supersedes) {
    turn_.actions.emplace_back(FinishJob{
        failed(std::move(job), kErrorInUse, "another operation on this VM is under way")});
    return;
  }
  finish_job(*vm, false, kErrorInternal, "superseded by a later request");
  s_.jobs.emplace(job.id, std::move(job));
  vm->job = e.job;
  touch(*vm);
  switch (e.wish) {
    case VmWish::kStart:
      wish_start(*vm, e);
      return;
    case VmWish::kStop:
      wish_stop(*vm, e);
      return;
    case VmWish::kReboot:
      wish_reboot(*vm, e);
      return;
    case VmWish::kDestroy:
      wish_destroy(*vm, e);
      return;
    case VmWish::kFence:
      wish_fence(*vm);
      return;
  }
}

void Stepper::wish_start(Vm& vm, const VmRequested& e) {
  if (vm.desired == Desired::kDestroyed || vm.state == VmState::kError) {
    finish_job(vm, false, kErrorParameter, "the VM is destroyed or has no disk");
    return;
  }
  // HA tries already: this job waits along, and its end changes nothing for the VM.
  if (vm.desired == Desired::kRunning) s_.jobs.at(vm.job).kind = JobKind::kOther;
  vm.desired = Desired::kRunning;
  vm.pinned_host = e.pinned_host;
  vm.attempts = 0;
  vm.avoid.clear();
  vm.next_try = now_.mono;
  vm.held_back_until = now_.mono;
  if (vm.state == VmState::kRunning) finish_job(vm, true);
}

void Stepper::wish_stop(Vm& vm, const VmRequested& e) {
  if (vm.desired == Desired::kDestroyed) {
    finish_job(vm, false, kErrorParameter, "the VM is being destroyed");
    return;
  }
  vm.desired = Desired::kStopped;
  vm.force_stop = e.forced;
  vm.reboot = false;
  if (vm.state == VmState::kRunning) {
    vm.op = OpId{};  // a reboot under way is overtaken
  } else if (vm.state == VmState::kStopping && e.forced) {
    order(vm, OrderKind::kKillVm);  // patience ended: force now
  } else if (vm.state == VmState::kStopped && !vm.op) {
    finish_job(vm, true);
  }
}

void Stepper::wish_reboot(Vm& vm, const VmRequested& e) {
  if (vm.state != VmState::kRunning) {
    finish_job(vm, false, kErrorParameter, "the VM does not run");
    return;
  }
  vm.reboot = true;
  vm.force_stop = e.forced;
}

void Stepper::wish_destroy(Vm& vm, const VmRequested& e) {
  const bool disks_to_go = e.expunge && !vm.expunge;
  vm.desired = Desired::kDestroyed;
  vm.expunge = vm.expunge || e.expunge;
  vm.reboot = false;
  vm.next_try = now_.mono;
  switch (vm.state) {
    case VmState::kRunning:
      vm.op = OpId{};
      break;
    case VmState::kStopping:
      order(vm, OrderKind::kKillVm);
      break;
    case VmState::kDestroyed:
      if (disks_to_go) {
        move(vm, VmState::kStopped, "expunge asked for");
      } else {
        finish_job(vm, true);
      }
      break;
    case VmState::kProvisioning:
    case VmState::kStopped:
    case VmState::kStarting:
    case VmState::kError:
      break;
  }
}

}  // namespace mold::core
