#include "core/engine/stepper.h"

#include <algorithm>
#include <utility>

#include "core/job/job.h"
#include "core/vm_ha/vm_ha.h"

namespace mold::core {

Stepper::Stepper(Brain& brain, Now now) : b_(brain), s_(brain.state_), now_(now) {}

void Stepper::handle(const Event& event) {
  std::visit([this](const auto& e) { on(e); }, event);
}

void Stepper::settle() {
  for (auto& [id, host] : s_.hosts) {
    look_at(host);
    look_at_isolations(host);
  }
  settle_doubts();  // a proof may have ended one
  // Work on a copy: looking at a VM may make it, or another, busy or idle.
  const std::set<VmId> busy = b_.busy_;
  for (const VmId id : busy) {
    Vm* vm = find(id);
    if (vm == nullptr) {
      b_.busy_.erase(id);
      continue;
    }
    look_at(*vm);
    if (!vm->op && !vm_deadline(b_.policy_, *vm)) b_.busy_.erase(id);
  }
  std::vector<JobId> late;
  for (const auto& [id, job] : s_.jobs) {
    if (now_.mono >= job_deadline(b_.policy_, job)) late.push_back(id);
  }
  for (const JobId id : late)
    finish_job(id, false, kErrorInternal, "not done within the job deadline");
}

void Stepper::resume() {
  for (auto& [id, host] : s_.hosts) {
    host.link_up = false;
    host.last_beat = now_.mono;  // a full grace before silence means anything
    host.ha_since = now_.mono;
    host.good_beats = 0;
    host.status_op = OpId{};
    host.fence.next_try = now_.mono;
    // What was asked of its power may have gone out, or may not: off_sent remembers that. It is not
    // asked again before the host had its time to beat; it may be back since.
    host.fence.op = OpId{};
    host.fence.ladder = Ladder{};
    for (PoolIsolation& isolation : host.isolations) {
      isolation.op = OpId{};
      isolation.images.clear();
      // What was asked before may still land; nobody asks for the opposite before that is over.
      isolation.tries = isolation.in_doubt && !isolation.proven ? 1 : 0;
      isolation.next_try = now_.mono;
    }
    host.leases.clear();  // beats tell again
    host.session_since = now_.mono;
  }
  resume_doubts();
  for (auto& [id, vm] : s_.vms) {
    vm.next_try = now_.mono;
    vm.op_sent = now_.mono;
    vm.avoid.clear();
    vm.ran_since = now_.mono;
    vm.held_back_until = now_.mono;
    vm.io_paused = false;  // reports tell again
    vm.resumes = 0;
    for (ClientFence& fence : vm.fences) {
      fence.op = OpId{};
      fence.next_try = now_.mono;
    }
    b_.busy_.insert(id);
    if (vm.op) send(vm, order_kind(vm));
  }
  for (auto& [id, job] : s_.jobs) {
    job.started = now_.mono;
    if (job.kind == JobKind::kPower) {
      // A person's power request is not repeated behind their back.
      job.op = OpId{};
    }
  }
  std::vector<JobId> cut_off;
  for (const auto& [id, job] : s_.jobs) {
    if (job.kind == JobKind::kPower) cut_off.push_back(id);
  }
  for (const JobId id : cut_off)
    finish_job(id, false, kErrorInternal, "the manager was restarted; read the power state again");
}

void Stepper::forgive_own_stall() {
  for (auto& [id, host] : s_.hosts) {
    host.last_beat = now_.mono;
    host.good_beats = 0;
    if (host.ha == HaState::kChecking || host.ha == HaState::kDegraded) host.ha_since = now_.mono;
  }
  b_.lease_book_.clear();
}

void Stepper::move(Host& host, HaEvent event, std::string_view reason) {
  const HaState from = host.ha;
  const HaState to = next_ha_state(from, event);
  if (to == from) return;
  host.ha = to;
  host.ha_since = now_.mono;
  host.reason = reason;
  touch(host);
  turn_.actions.emplace_back(NoteTransition{"host", host.id.value, host.name,
                                            std::string(to_string(from)),
                                            std::string(to_string(to)), host.reason});
  if (to == HaState::kAvailable) wake_waiting_vms(host.cluster);
}

// A host can take VMs (again): those that found no place need not wait for their back-off.
void Stepper::wake_waiting_vms(ClusterId cluster) {
  for (const VmId id : b_.busy_) {
    Vm* vm = find(id);
    if (vm == nullptr || vm->cluster != cluster || vm->host || vm->op) continue;
    vm->next_try = now_.mono;
    vm->avoid.clear();
  }
}

void Stepper::move(Vm& vm, VmState to, const std::string& reason) {
  const VmState from = vm.state;
  vm.reason = reason;
  touch(vm);
  if (to == from) return;
  vm.state = to;
  turn_.actions.emplace_back(NoteTransition{"vm", vm.id.value, vm.spec.name,
                                            std::string(to_string(from)),
                                            std::string(to_string(to)), reason});
}

void Stepper::set_reason(Host& host, const std::string& reason) {
  if (host.reason == reason) return;
  host.reason = reason;
  touch(host);
}

void Stepper::note(const Host& host, EvidenceKind kind, std::string text) {
  turn_.actions.emplace_back(NoteEvidence{host.id, kind, std::move(text)});
}

void Stepper::finish_job(JobId id, bool ok, int code, const std::string& text) {
  const auto found = s_.jobs.find(id);
  if (found == s_.jobs.end()) return;
  Job job = std::move(found->second);
  s_.jobs.erase(found);
  turn_.changes.jobs.insert(id);
  if (Vm* vm = find(job.vm); vm != nullptr && vm->job == id) {
    vm->job = JobId{};
    vm->pinned_host = HostId{};  // hostid= was for this request, not for what HA does later
    touch(*vm);
  }
  turn_.actions.emplace_back(
      FinishJob{ok ? succeeded(std::move(job), text) : failed(std::move(job), code, text)});
}

void Stepper::finish_job(Vm& vm, bool ok, int code, const std::string& text) {
  if (vm.job) finish_job(vm.job, ok, code, text);
}

OpId Stepper::new_op() {
  const OpId op = s_.next_op;
  s_.next_op = next(op);
  turn_.changes.counters = true;
  return op;
}

void Stepper::touch(const Vm& vm) {
  turn_.changes.vms.insert(vm.id);
  b_.busy_.insert(vm.id);
}

Host* Stepper::find(HostId id) {
  const auto found = s_.hosts.find(id);
  return found == s_.hosts.end() ? nullptr : &found->second;
}

Vm* Stepper::find(VmId id) {
  const auto found = s_.vms.find(id);
  return found == s_.vms.end() ? nullptr : &found->second;
}

}  // namespace mold::core
