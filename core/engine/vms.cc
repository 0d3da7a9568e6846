// VMs: orders and their answers, releases, placements.
#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/isolation/isolation.h"
#include "core/job/job.h"
#include "core/placement/placement.h"
#include "core/vm_ha/vm_ha.h"

namespace mold::core {

// ---- answers ------------------------------------------------------------------------------------

void Stepper::on(const OrderAnswered& e) {
  Vm* vm = find(e.result.vm);
  if (vm == nullptr) return;
  if (e.result.gone) copies_gone(e.host, *vm, e.result.generation);
  const bool awaited = vm->op && vm->op == e.result.op && vm->op_host == e.host;
  if (!awaited) return;  // answered before, or overtaken by a proof
  switch (vm->state) {
    case VmState::kProvisioning:
      on_disk_answer(*vm, e.result);
      return;
    case VmState::kStarting:
      on_start_answer(*vm, e.result);
      return;
    case VmState::kStopping:
      on_stop_answer(*vm, e.result);
      return;
    case VmState::kStopped:
      on_disk_answer(*vm, e.result);
      return;  // disks being deleted
    case VmState::kRunning:
      break;  // a reboot
    case VmState::kDestroyed:
    case VmState::kError:
      return;
  }
  // A reboot is not asked for twice: unknown ends it as failed, and says so.
  vm->op = OpId{};
  vm->reboot = false;
  vm->force_stop = false;
  touch(*vm);
  finish_job(*vm, e.result.outcome == Outcome::kConfirmed, kErrorInternal, e.result.text);
}

void Stepper::on_start_answer(Vm& vm, const OrderResult& r) {
  const bool current = r.generation == vm.generation || mutated(Mutation::kIgnoreGeneration);
  if (!current) return;
  if (r.outcome == Outcome::kConfirmed && !r.gone) {
    vm.op = OpId{};
    vm.ran_since = now_.mono;
    vm.avoid.clear();
    vm.last_host = vm.host;
    const Host* host = find(vm.host);
    move(vm, VmState::kRunning, "started on " + (host != nullptr ? host->name : "its host"));
    if (vm.desired == Desired::kRunning) finish_job(vm, true);  // else a stop waits, and goes on
    return;
  }
  // Not confirmed and not gone: it may still come up there. The order is sent again until the agent
  // knows, or the host is proven dead.
  const bool gone = r.gone || mutated(Mutation::kFailedStartIsGone);
  if (!gone) return;
  start_failed(vm, r.text);
}

void Stepper::start_failed(Vm& vm, const std::string& why) {
  const HostId tried = vm.host;
  release(vm, "start failed: " + why);
  vm.avoid.push_back(tried);
  ++vm.attempts;
  vm.next_try = now_.mono + vm_backoff(b_.policy_, vm.attempts);
  switch (vm.desired) {
    case Desired::kRunning:
      break;
    case Desired::kStopped:
      finish_job(vm, true);
      return;
    case Desired::kDestroyed:
      return;
  }
  if (vm.job && vm.attempts < b_.policy_.start_attempts) {
    vm.next_try = now_.mono;  // a person waits: the next host at once
    return;
  }
  if (ends_with_its_job(vm)) vm.desired = Desired::kStopped;
  finish_job(vm, false, kErrorInternal, "start failed: " + why);
}

// A start that a person asked for ends with the person's job; a VM that HA keeps running does not.
bool Stepper::ends_with_its_job(const Vm& vm) const {
  const auto job = s_.jobs.find(vm.job);
  return job != s_.jobs.end() && vm.desired == Desired::kRunning &&
         (job->second.kind == JobKind::kDeploy || job->second.kind == JobKind::kStart);
}

// Is there a host that may take it in a moment: heard of lately, but not beating just now?
bool Stepper::may_find_place_soon(const Vm& vm) const {
  return std::any_of(s_.hosts.begin(), s_.hosts.end(), [&](const auto& entry) {
    const Host& host = entry.second;
    return host.cluster == vm.cluster && host.admits_vms && host.epoch && !beats_now(host) &&
           silent_for(host) < b_.policy_.dead_after;
  });
}

void Stepper::on_stop_answer(Vm& vm, const OrderResult& r) {
  if (r.generation != vm.generation || !r.gone) return;  // sent again until it is gone
  generation_gone(vm, GoneReason::kShutdown, "stopped as asked");
}

void Stepper::on_disk_answer(Vm& vm, const OrderResult& r) {
  if (r.outcome == Outcome::kUnknown) return;  // sent again
  if (r.outcome == Outcome::kFailed) vm.avoid.push_back(vm.op_host);
  vm.op = OpId{};
  vm.op_host = HostId{};
  touch(vm);
  if (vm.state == VmState::kStopped) {  // a delete
    if (r.outcome == Outcome::kConfirmed) {
      move(vm, VmState::kDestroyed, "destroyed, disks deleted");
      finish_job(vm, true);
    } else {
      ++vm.attempts;
      vm.next_try = now_.mono + vm_backoff(b_.policy_, vm.attempts);
    }
    return;
  }
  if (r.outcome == Outcome::kConfirmed) {
    vm.attempts = 0;
    vm.avoid.clear();
    vm.next_try = now_.mono;
    move(vm, VmState::kStopped, "disk is ready");
    if (vm.desired == Desired::kStopped) finish_job(vm, true);
    return;
  }
  ++vm.attempts;
  if (vm.attempts < b_.policy_.start_attempts) {
    vm.next_try = now_.mono + vm_backoff(b_.policy_, vm.attempts);
    return;
  }
  move(vm, VmState::kError, "its disk could not be made: " + r.text);
  vm.desired = vm.desired == Desired::kDestroyed ? Desired::kDestroyed : Desired::kStopped;
  finish_job(vm, false, kErrorInternal, "its disk could not be made: " + r.text);
}

// ---- a placement ends ---------------------------------------------------------------------------

// The record lets go of the placement: nothing of this generation can run any more.
void Stepper::release(Vm& vm, const std::string& why) {
  if (vm.host) vm.last_host = vm.host;
  vm.host = HostId{};
  vm.op = OpId{};
  vm.op_host = HostId{};
  vm.reboot = false;
  vm.io_paused = false;
  vm.resumes = 0;
  vm.clients.clear();
  vm.next_try = now_.mono;
  move(vm, VmState::kStopped, why);
}

void Stepper::generation_gone(Vm& vm, GoneReason reason, const std::string& why) {
  const bool was_starting = vm.state == VmState::kStarting;
  if (vm.state == VmState::kRunning && vm.desired == Desired::kRunning)
    finish_job(vm, false, kErrorInternal, "the VM ended: " + why);  // a reboot
  const bool restart = was_starting || restart_after(reason, vm);
  if (vm.host) copies_gone(vm.host, vm, vm.generation);
  if (reason != GoneReason::kShutdown || vm.force_stop) evict_clients(vm);
  hold_back(vm, reason);
  release(vm, why);
  if (!vm.fences.empty()) vm.next_try = now_.mono + b_.policy_.eviction_wait;
  switch (vm.desired) {
    case Desired::kRunning:
      if (restart) return;
      vm.desired = Desired::kStopped;
      finish_job(vm, false, kErrorInternal, "the VM ended: " + why);
      return;
    case Desired::kStopped:
      vm.force_stop = false;
      finish_job(vm, true);
      return;
    case Desired::kDestroyed:
      return;  // look_at goes on with the disks
  }
}

// One that crashes soon after each start is started with growing pauses, the first time at once.
void Stepper::hold_back(Vm& vm, GoneReason reason) {
  if (now_.mono - vm.ran_since >= b_.policy_.vm_settled_after) vm.attempts = 0;
  if (reason != GoneReason::kCrashed && reason != GoneReason::kKilled) return;
  if (vm.attempts > 0) vm.held_back_until = now_.mono + vm_backoff(b_.policy_, vm.attempts);
  ++vm.attempts;
}

// A lease that ran out says that a VM which uses the pool is killed, whatever else it uses; of one
// that uses none of these pools it says nothing. An isolation only says that it does not write.
bool Stepper::covers(const Host& host, const Proof& proof, const Vm& vm) const {
  switch (proof.method) {
    case ProofMethod::kStorageIsolated:
      return is_covered(b_.isolation_rules_, host, vm);
    case ProofMethod::kLeaseExpired:
      return std::any_of(proof.pools.begin(), proof.pools.end(),
                         [&vm](PoolId pool) { return uses_pool(vm, pool); });
    case ProofMethod::kPowerOff:
    case ProofMethod::kFencedElsewhere:
    case ProofMethod::kReborn:
    case ProofMethod::kOperator:
      return true;
  }
  return false;
}

void Stepper::release_vms(const Host& host, const Proof& proof) {
  for (auto& [id, vm] : s_.vms) {
    if (!covers(host, proof, vm)) continue;
    if (vm.host != host.id) {
      if (vm.op && vm.op_host == host.id && proof.whole_host) {  // a disk order dies with its host
        vm.op = OpId{};
        vm.op_host = HostId{};
        vm.next_try = now_.mono;
        touch(vm);
      }
      continue;
    }
    vm.attempts = 0;
    vm.avoid.clear();
    if (vm.state == VmState::kRunning)  // a reboot that will not be answered
      finish_job(vm, false, kErrorUnavailable, "its host died: " + host.name);
    release(vm, host.name + " is proven dead by " + std::string(to_string(proof.method)));
    switch (vm.desired) {
      case Desired::kRunning:
        if (vm.ha || vm.job) break;
        vm.desired = Desired::kStopped;
        break;
      case Desired::kStopped:
        finish_job(vm, true);
        break;
      case Desired::kDestroyed:
        break;
    }
  }
}

// ---- steps --------------------------------------------------------------------------------------

void Stepper::look_at(Vm& vm) {
  if (waits_for_hosts(vm)) return;
  look_at_fences(vm);
  switch (next_vm_step(b_.policy_, vm, now_.mono)) {
    case VmStep::kNone:
      return;
    case VmStep::kCreateDisk:
      order_disk(vm, OrderKind::kCreateDisk);
      return;
    case VmStep::kPlaceAndStart:
      place_and_start(vm);
      return;
    case VmStep::kOrderStop:
      move(vm, VmState::kStopping, "stop asked for");
      order(vm, OrderKind::kStopVm);
      return;
    case VmStep::kOrderKill:
      move(vm, VmState::kStopping, "forced stop asked for");
      order(vm, OrderKind::kKillVm);
      return;
    case VmStep::kOrderReboot:
      order(vm, OrderKind::kRebootVm);
      return;
    case VmStep::kOrderResume:
      send_resume(vm);
      return;
    case VmStep::kDeleteDisk:
      order_disk(vm, OrderKind::kDeleteDisk);
      return;
    case VmStep::kMarkDestroyed:
      move(vm, VmState::kDestroyed, "destroyed");
      finish_job(vm, true);
      return;
    case VmStep::kResend:
      resend(vm);
      return;
  }
}

std::optional<HostId> Stepper::choose_host(const Vm& vm, Choice choice) const {
  std::vector<Candidate> candidates;
  VmSpec demand;  // disk work needs no room for the VM itself
  demand.cpus = 0;
  if (choice == Choice::kToRun) demand = vm.spec;
  for (const auto& [id, host] : s_.hosts) {
    const HostId wanted = id;
    if (host.cluster != vm.cluster || !host.admits_vms || !beats_now(host)) continue;
    if (host.ha != HaState::kAvailable && host.ha != HaState::kDisabled &&
        host.ha != HaState::kIneligible)
      continue;
    if (vm.pinned_host && vm.pinned_host != id) continue;
    if (!has_pools(s_.pools, vm.spec, id)) continue;
    if (keeps_out(s_.pools, host, vm)) continue;
    if (std::find(vm.avoid.begin(), vm.avoid.end(), wanted) != vm.avoid.end()) continue;
    Candidate candidate;
    candidate.host = id;
    candidate.total = host.capacity;
    for (const auto& [other_id, other] : s_.vms) {
      if (other.host != id) continue;
      candidate.used_cpus += other.spec.cpus;
      candidate.used_memory += other.spec.memory_bytes;
    }
    candidates.push_back(candidate);
  }
  return place(b_.policy_, candidates, demand);
}

void Stepper::no_place(Vm& vm, const std::string& why) {
  ++vm.attempts;
  vm.next_try = now_.mono + vm_backoff(b_.policy_, vm.attempts);
  vm.avoid.clear();
  if (vm.reason != why) {
    vm.reason = why;
    touch(vm);
  }
  if (!vm.job || may_find_place_soon(vm)) return;
  if (ends_with_its_job(vm)) vm.desired = Desired::kStopped;
  touch(vm);
  finish_job(vm, false, kErrorCapacity, why);
}

void Stepper::place_and_start(Vm& vm) {
  if (is_being_isolated(vm)) {
    vm.next_try = now_.mono + b_.policy_.isolation_retry;  // its answer wakes it
    return;
  }
  std::optional<HostId> host = choose_host(vm, Choice::kToRun);
  if (!host) {  // all were tried: begin anew
    vm.avoid.clear();
    host = choose_host(vm, Choice::kToRun);
  }
  if (!host) {
    no_place(vm, no_place_text(s_.pools, vm.spec, "no host of its cluster has room for it"));
    return;
  }
  if (!mutated(Mutation::kReuseGeneration) || !vm.generation) {
    vm.generation = std::max(next(vm.generation), s_.min_generation);
  }
  vm.host = *host;
  vm.pinned_host = HostId{};
  vm.force_stop = false;
  vm.ran_since = now_.mono;
  move(vm, VmState::kStarting, "placed on " + s_.hosts.at(*host).name);
  order(vm, OrderKind::kStartVm);
}

void Stepper::order_disk(Vm& vm, OrderKind kind) {
  // No disk for a VM that would find no room anyway; deleting needs none.
  const bool to_run = kind == OrderKind::kCreateDisk && vm.desired == Desired::kRunning;
  const HostId pinned = vm.pinned_host;
  if (!to_run) vm.pinned_host = HostId{};
  const std::optional<HostId> host = choose_host(vm, to_run ? Choice::kToRun : Choice::kForDisks);
  vm.pinned_host = pinned;
  if (!host) {
    if (kind == OrderKind::kCreateDisk) {
      const bool waited_for = bool(vm.job);
      no_place(vm, no_place_text(s_.pools, vm.spec,
                                 to_run ? "no host of its cluster has room for it"
                                        : "no host of its cluster can make its disk"));
      if (waited_for && !vm.job) move(vm, VmState::kError, vm.reason);
    } else {
      ++vm.attempts;
      vm.next_try = now_.mono + vm_backoff(b_.policy_, vm.attempts);
    }
    return;
  }
  vm.op_host = *host;
  vm.op = new_op();
  send(vm, kind);
}

void Stepper::order(Vm& vm, OrderKind kind) {
  vm.op_host = vm.host;
  vm.op = new_op();
  send(vm, kind);
}

OrderKind Stepper::order_kind(const Vm& vm) const {
  switch (vm.state) {
    case VmState::kProvisioning:
      return OrderKind::kCreateDisk;
    case VmState::kStopped:
      return OrderKind::kDeleteDisk;
    case VmState::kStarting:
      return OrderKind::kStartVm;
    case VmState::kRunning:
      return OrderKind::kRebootVm;
    case VmState::kStopping:
    case VmState::kDestroyed:
    case VmState::kError:
      break;
  }
  const bool by_force = vm.force_stop || vm.desired == Desired::kDestroyed;
  return by_force ? OrderKind::kKillVm : OrderKind::kStopVm;
}

void Stepper::resend(Vm& vm) {
  send(vm, order_kind(vm));
}

void Stepper::send(Vm& vm, OrderKind kind) {
  vm.op_sent = now_.mono;
  touch(vm);
  const Host* host = find(vm.op_host);
  if (host == nullptr || !host->epoch || doubted(vm.cluster)) return;
  Order o = make_order(vm, kind, *host);
  o.op = vm.op;
  o.forced = kind == OrderKind::kRebootVm && vm.force_stop;
  turn_.actions.emplace_back(SendOrder{std::move(o)});
}

// By the order that started it: the host looks at its leases, and at who has the disks open, before
// it resumes. What came of it shows in the reports; a VM that is being put off its disks is let be.
void Stepper::send_resume(Vm& vm) {
  ++vm.resumes;
  vm.next_resume = now_.mono + vm_backoff(b_.policy_, vm.resumes);
  const Host* host = find(vm.host);
  if (host == nullptr || !host->epoch || doubted(vm.cluster) || keeps_out(s_.pools, *host, vm))
    return;
  turn_.actions.emplace_back(SendOrder{make_order(vm, OrderKind::kStartVm, *host)});
}

Order Stepper::make_order(const Vm& vm, OrderKind kind, const Host& host) const {
  Order o;
  o.kind = kind;
  o.host = host.id;
  o.epoch = host.epoch;
  o.vm = vm.id;
  o.generation = vm.generation;
  o.grace = b_.policy_.stop_grace;
  o.spec = vm.spec;
  return o;
}

}  // namespace mold::core
