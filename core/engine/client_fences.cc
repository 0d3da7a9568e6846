// Clients of one VM put off its disks while its host keeps its access to the pool: of a VM that a
// person wants fenced alone, and of a QEMU that was killed, which Ceph counts as there for half a
// minute and longer.
#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/isolation/isolation.h"
#include "core/job/job.h"

namespace mold::core {
namespace {

IsolationVerb due_verb(const ClientFence& fence) {
  return fence.wanted && fence.gone ? IsolationVerb::kReadmit : IsolationVerb::kEvict;
}

}  // namespace

// One entry for each Ceph pool of the VM, with the clients of its present generation.
void Stepper::add_fences(Vm& vm, bool wanted) {
  for (const auto& [id, pool] : s_.pools) {
    if (pool.kind != PoolKind::kRbd || !uses_pool(vm, id)) continue;
    ClientFence fence;
    fence.pool = id;
    fence.host = vm.host;
    fence.generation = vm.generation;
    fence.clients = vm.clients;
    fence.wanted = wanted;
    fence.gone = !wanted;
    fence.next_try = now_.mono;
    vm.fences.push_back(std::move(fence));
  }
  touch(vm);
}

void Stepper::wish_fence(Vm& vm) {
  if (const std::string why = not_to_be_fenced_alone(s_.pools, vm); !why.empty()) {
    finish_job(vm, false, kErrorParameter, why);
    return;
  }
  const bool begun =
      std::any_of(vm.fences.begin(), vm.fences.end(), [&vm](const ClientFence& fence) {
        return fence.wanted && fence.generation == vm.generation;
      });
  if (begun) return;  // this job waits along
  note(s_.hosts.at(vm.host), EvidenceKind::kVerdict,
       "VM " + vm.spec.name + " is to be fenced alone");
  add_fences(vm, true);
}

// A QEMU that ended in good order closed its disks itself.
void Stepper::evict_clients(Vm& vm) {
  if (vm.clients.empty()) return;
  add_fences(vm, false);
}

// That generation, or whichever was there, cannot write any more, whatever a blocklist says.
void Stepper::copies_gone(HostId host, Vm& vm, std::optional<Generation> generation) {
  for (ClientFence& fence : vm.fences) {
    const bool meant =
        fence.host == host && fence.generation == generation.value_or(fence.generation);
    if (fence.gone || !meant) continue;
    fence.gone = true;
    fence.next_try = fence.tries > 0 ? now_.mono + b_.policy_.isolation_deadline : now_.mono;
    fence.tries = 0;
    touch(vm);
  }
}

void Stepper::look_at_fences(Vm& vm) {
  if (vm.fences.empty()) return;
  for (ClientFence& fence : vm.fences) {
    const bool present = !fence.gone && fence.host == vm.host && fence.generation == vm.generation;
    if (present) take_in_clients(vm, fence);
    if (fence.op || now_.mono < fence.next_try) continue;
    request_fence(vm, fence);
  }
  if (is_fenced_alone(b_.isolation_rules_, vm)) release_fenced(vm);
}

void Stepper::take_in_clients(Vm& vm, ClientFence& fence) {
  std::vector<std::string> all = fence.clients;
  add_clients(all, vm.clients);
  if (all == fence.clients) return;
  fence.clients = std::move(all);
  fence.proven = false;
  fence.next_try = now_.mono;
  touch(vm);
}

void Stepper::request_fence(Vm& vm, ClientFence& fence) {
  fence.verb = due_verb(fence);
  RequestIsolation request;
  request.op = fence.op = new_op();
  request.host = fence.host;
  request.pool = fence.pool;
  request.vm = vm.id;
  request.verb = fence.verb;
  request.clients = fence.asked = fence.clients;
  request.expiry = fence.wanted ? b_.policy_.isolation_expiry : b_.policy_.eviction_expiry;
  request.deadline = b_.policy_.isolation_deadline;
  touch(vm);
  turn_.actions.emplace_back(std::move(request));
}

void Stepper::on_fence_answer(const IsolationAnswered& e) {
  Vm* const vm = find(e.vm);
  if (vm == nullptr) return;
  const auto found =
      std::find_if(vm->fences.begin(), vm->fences.end(),
                   [&e](const ClientFence& fence) { return fence.op && fence.op == e.op; });
  if (found == vm->fences.end()) return;
  ClientFence& fence = *found;
  fence.op = OpId{};
  fence.last =
      std::string(to_string(fence.verb)) + " " + std::string(to_string(e.outcome)) + ": " + e.text;
  touch(*vm);
  const bool confirmed = e.outcome == Outcome::kConfirmed;
  if (const Host* host = find(fence.host); host != nullptr)
    note(*host, confirmed ? EvidenceKind::kReading : EvidenceKind::kAlarm,
         "clients of VM " + vm->spec.name + ": " + fence.last);
  fence.tries = confirmed ? 0 : fence.tries + 1;
  fence.next_try = now_.mono + isolation_backoff(b_.policy_, fence.tries);
  if (fence.verb != due_verb(fence)) {  // its QEMU is gone meanwhile; what is late may still land
    fence.next_try = confirmed ? now_.mono : now_.mono + b_.policy_.isolation_deadline;
    return;
  }
  if (!confirmed) return;
  if (fence.wanted && !fence.gone) {
    fence.proven = fence.asked == fence.clients;  // others may have been seen meanwhile
    fence.next_try = fence.proven ? now_.mono + b_.policy_.isolation_renew : now_.mono;
    return;
  }
  vm->fences.erase(found);
  // A start that waited for that need not wait for its back-off.
  if (!vm->host && !vm->op && vm->fences.empty()) vm->next_try = now_.mono;
}

// Nothing of it can be written on its present host any more.
void Stepper::release_fenced(Vm& vm) {
  const Host& host = s_.hosts.at(vm.host);
  note(host, EvidenceKind::kProof,
       "storage-isolated: VM " + vm.spec.name + ", generation " +
           std::to_string(vm.generation.value) + ": " + vm.fences.back().last);
  release(vm, "fenced alone on " + host.name);
  vm.attempts = 0;
  vm.avoid.clear();
  if (vm.desired != Desired::kDestroyed) finish_job(vm, true);
}

}  // namespace mold::core
