// A store that is older than the world: restored from a backup, or a disk that lost what it had
// acknowledged. Its records name placements that ended since and know nothing of those that were
// made since, so nothing may follow from what a host does NOT run, and nothing that runs may be
// killed for being unknown. Until every host of the cluster has told what it runs, or is proven
// dead by evidence of now, the brain only listens there (docs/adr/0016).
#include <algorithm>

#include "core/engine/stepper.h"
#include "core/job/job.h"
#include "core/vm_ha/vm_ha.h"
#include "core/vm_power/vm_power.h"

namespace mold::core {
namespace {

// More orders, sessions of one host and placements of one VM than a store may have forgotten. What
// is given out from here on cannot be mistaken for any of those.
constexpr std::uint64_t kForgotten = 1'000'000;

constexpr std::string_view kNotHeard =
    "the manager's store is older than the world, and this host has not said yet what it runs";

template <class Id>
Id beyond(Id id) {
  return Id{id.value + kForgotten};
}

}  // namespace

// Records are written before anything follows from them, so nobody can know more than the store.
std::string Stepper::knows_more(const Host& host, const HelloReceived& e) const {
  if (host.epoch && is_behind(host.epoch.value, e.epoch.value))
    return host.name + " was told epoch " + std::to_string(e.epoch.value) + ", the store says " +
           std::to_string(host.epoch.value);
  for (const VmReport& report : e.vms) {
    const auto vm = s_.vms.find(report.vm);
    if (vm != s_.vms.end() && vm->second.cluster == host.cluster && knows_more(vm->second, report))
      return what_is_newer(host, vm->second, report);
  }
  return {};
}

bool Stepper::knows_more(const Vm& vm, const VmReport& report) const {
  return vm.state != VmState::kDestroyed && is_behind(vm.generation.value, report.generation.value);
}

std::string Stepper::what_is_newer(const Host& host, const Vm& vm, const VmReport& report) const {
  return host.name + " has VM " + vm.spec.name + " of generation " +
         std::to_string(report.generation.value) + ", the store says " +
         std::to_string(vm.generation.value);
}

void Stepper::doubt_store(ClusterId cluster, const std::string& why) {
  if (mutated(Mutation::kOldStoreBelieved) || !b_.doubted_.insert(cluster).second) return;
  s_.next_op = beyond(s_.next_op);
  turn_.changes.counters = true;
  for (auto& [id, vm] : s_.vms) {
    if (vm.cluster != cluster) continue;
    raise_generations(vm.generation);
    for (ClientFence& fence : vm.fences) fence.proven = false;
    touch(vm);
  }
  for (auto& [id, host] : s_.hosts) {
    if (host.cluster != cluster) continue;
    host.awaited = true;
    if (host.epoch) host.epoch = beyond(host.epoch);
    host.link_up = false;
    host.good_beats = 0;
    host.last_beat = now_.mono;  // its time to beat, before silence means anything
    // Access may have been given back since.
    for (PoolIsolation& isolation : host.isolations) {
      isolation.proven = false;
      isolation.in_doubt = true;
    }
    touch(host);
    note(host, EvidenceKind::kAlarm,
         "the manager's store is older than the world (" + why +
             "): nothing is started or killed in this cluster until each of its hosts was heard");
    // A death of then says nothing about now: if it is silent, it is proven anew.
    if (host.ha == HaState::kFenced)
      move(host, HaEvent::kReturned, "its proof is of an older time");
    set_reason(host, std::string(kNotHeard));
  }
}

void Stepper::raise_generations(Generation seen) {
  s_.min_generation = std::max(s_.min_generation, beyond(seen));
  turn_.changes.counters = true;
}

void Stepper::resume_doubts() {
  for (const auto& [id, host] : s_.hosts) {
    if (host.awaited) b_.doubted_.insert(host.cluster);
  }
  if (s_.older_because.empty()) return;
  std::set<ClusterId> clusters;
  for (const auto& [id, host] : s_.hosts) clusters.insert(host.cluster);
  for (const ClusterId cluster : clusters) doubt_store(cluster, s_.older_because);
  s_.older_because.clear();
}

bool Stepper::doubted(ClusterId cluster) const {
  return b_.doubted_.count(cluster) > 0;
}

// A lease that ran out speaks for those VMs alone that use its pools, an isolation for those that
// the store knows to be there: of a host that may run others that is not enough.
void Stepper::heard_by_proof(Host& host, const Proof& proof) {
  if (!host.awaited || proof.method == ProofMethod::kStorageIsolated) return;
  const bool all = std::all_of(s_.vms.begin(), s_.vms.end(), [&](const auto& entry) {
    const Vm& vm = entry.second;
    return vm.cluster != host.cluster || vm.state == VmState::kDestroyed || covers(host, proof, vm);
  });
  if (all) host.awaited = false;
}

// Every host was heard: each record names the newest placement that there is. What is NOT on a host
// is told by its next hello, so all of them are made to say one.
void Stepper::settle_doubts() {
  for (auto it = b_.doubted_.begin(); it != b_.doubted_.end();) {
    const ClusterId cluster = *it;
    const bool waiting =
        std::any_of(s_.hosts.begin(), s_.hosts.end(), [cluster](const auto& entry) {
          return entry.second.cluster == cluster && entry.second.awaited;
        });
    if (waiting) {
      ++it;
      continue;
    }
    it = b_.doubted_.erase(it);
    for (auto& [id, host] : s_.hosts) {
      if (host.cluster != cluster || !host.epoch) continue;
      host.epoch = next(host.epoch);
      if (host.link_up) host.last_beat = now_.mono;
      host.link_up = false;
      host.good_beats = 0;
      touch(host);
      note(host, EvidenceKind::kVerdict,
           "every host of the cluster was heard: the manager's store is up to date again");
    }
    for (const auto& [id, vm] : s_.vms) {
      if (vm.cluster == cluster) b_.busy_.insert(id);
    }
    wake_waiting_vms(cluster);
  }
}

// True: nothing is done about this VM now. Says so where something would be.
bool Stepper::waits_for_hosts(Vm& vm) {
  if (!doubted(vm.cluster)) return false;
  if (next_vm_step(b_.policy_, vm, now_.mono) == VmStep::kNone) return true;
  std::string why = "waits until the manager has heard of";
  for (const auto& [id, host] : s_.hosts) {
    if (host.cluster == vm.cluster && host.awaited) why += " " + host.name;
  }
  why += ": its store is older than the world";
  if (vm.reason == why) return true;
  vm.reason = std::move(why);
  touch(vm);
  return true;
}

// Also one that is gone already: what followed from that is concluded as of any placement.
void Stepper::adopt(Host& host, Vm& vm, const VmReport& report) {
  note(host, EvidenceKind::kAlarm,
       "has VM " + vm.spec.name + " under a newer generation than recorded: adopted");
  finish_job(vm, vm.desired == Desired::kRunning, kErrorInternal,
             "overtaken: it was found running on " + host.name);
  raise_generations(report.generation);
  vm.generation = report.generation;
  vm.host = host.id;
  vm.clients.clear();  // another generation's
  vm.op = OpId{};
  vm.op_host = HostId{};
  vm.reboot = false;
  vm.force_stop = false;
  // Somebody wished it to run after what the record knows.
  if (vm.desired == Desired::kStopped && report.power != DomainPower::kGone)
    vm.desired = Desired::kRunning;
  if (report.power != DomainPower::kPaused) {
    move(vm, VmState::kRunning, "found running on " + host.name);
    return;
  }
  move(vm, VmState::kStarting, "found paused on " + host.name);  // its start did not end
  order(vm, OrderKind::kStartVm);
}

// Of a VM that the store does not know it cannot say that it must not run: it may be younger than
// the backup that was restored.
bool Stepper::may_be_killed(const Host& host, const VmReport& report) {
  if (doubted(host.cluster)) return false;
  if (find(report.vm) != nullptr || !s_.min_generation) return true;
  if (b_.strangers_.insert(report.vm).second)
    note(host, EvidenceKind::kAlarm,
         "runs VM " + std::to_string(report.vm.value) + ", UUID " + report.uuid +
             ", which the store does not know: it may be younger than the backup that was "
             "restored, and is left running");
  return false;
}

}  // namespace mold::core
