// What the evidence about a host means, and what follows from it. The only place that decides to
// fence.
#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/fencing/fencing.h"
#include "core/fencing/ladder.h"

namespace mold::core {
namespace {

constexpr Duration kDoubtLasts = 60s;

// Which pools keep its silence from being seen.
std::string unread_text(const std::map<PoolId, Pool>& pools, const StorageVerdict& storage) {
  std::string names;
  for (const PoolId id : storage.unknown)
    names += (names.empty() ? " on pool " : ", ") + pools.at(id).name;
  return "no witness can read its storage beat" + names;
}

}  // namespace

Duration Stepper::silent_for(const Host& host) const {
  return now_.mono - host.last_beat;
}

// On the pools that every host of its cluster beats on, whether anybody read them or not.
StorageVerdict Stepper::storage_of(const Host& host) const {
  std::vector<PoolId> pools;
  for (const auto& [id, pool] : s_.pools) {
    if (pool.heartbeat && pool.cluster == host.cluster) pools.push_back(id);
  }
  return judge_storage(b_.policy_, b_.lease_book_, pools, host.id, now_.mono);
}

bool Stepper::beats_now(const Host& host) const {
  return host.link_up && host.good_beats > 0 && silent_for(host) < b_.policy_.suspect_after;
}

// More than brake_percent of the cluster's hosts silent at once looks like our own trouble: gather,
// do not fence. A single silent host is never braked; hosts proven dead do not count at all.
bool Stepper::braked(const Host& host) const {
  int total = 0;
  int silent = 0;
  for (const auto& [id, other] : s_.hosts) {
    if (other.cluster != host.cluster || !other.ha_enabled || !other.epoch) continue;
    if (other.ha == HaState::kFenced) continue;
    ++total;
    if (silent_for(other) >= b_.policy_.suspect_after) ++silent;
  }
  return silent > 1 && silent * 100 > b_.policy_.brake_percent * total;
}

// When a brake lifts, whoever is still silent gets a fresh chance to beat: a healed network brings
// hosts back one by one, and the first to return must not cost the second its life.
bool Stepper::brake_holds(const Host& host) {
  if (braked(host)) {
    b_.braked_at_[host.cluster] = now_.mono;
    return true;
  }
  const auto last = b_.braked_at_.find(host.cluster);
  return last != b_.braked_at_.end() && now_.mono - last->second < b_.policy_.suspect_after;
}

// Why its storage could not prove it dead; empty: it could. Where nothing is known yet it counts as
// able to: HA that is wrongly on loses nothing.
std::string_view Stepper::no_storage_proof(const Host& host) const {
  bool any = false;
  for (const auto& [id, pool] : s_.pools) {
    if (!pool.heartbeat || pool.cluster != host.cluster) continue;
    if (pool.kind == PoolKind::kRbd) return {};  // it can be isolated
    any = true;
    const auto told = host.leases.find(id);
    const bool was_ineligible = host.ha == HaState::kIneligible;
    if (told == host.leases.end()) {
      if (was_ineligible && !host.link_up) continue;  // we were restarted: wait for its word
      return {};
    }
    const std::optional<Instant>& unarmed = told->second.unarmed_since;
    // It may be starting, or be waiting for its watchdog: given time, so that nothing flaps.
    if (!unarmed || (!was_ineligible && now_.mono - *unarmed < b_.policy_.check_timeout)) return {};
  }
  if (any)
    return "neither out-of-band management nor fence device, and it is armed on no heartbeat pool: "
           "a death could not be proven";
  return "neither out-of-band management, fence device nor heartbeat pool: a death could not be "
         "proven";
}

void Stepper::update_eligibility(Host& host) {
  if (host.ha != HaState::kAvailable && host.ha != HaState::kIneligible) return;
  std::string_view missing;
  if (!host.epoch) {
    missing = "its agent never connected";
  } else if (!has_fence_device(host)) {
    missing = no_storage_proof(host);
  }
  if (missing.empty() == (host.ha == HaState::kAvailable)) return;
  if (missing.empty()) {
    move(host, HaEvent::kBecameEligible, "beats are expected");
  } else {
    move(host, HaEvent::kLostEligibility, missing);
  }
}

void Stepper::look_at(Host& host) {
  update_eligibility(host);
  switch (host.ha) {
    case HaState::kDisabled:
    case HaState::kIneligible:
    case HaState::kFenced:
      return;
    case HaState::kAvailable:
    case HaState::kRecovered:
      if (silent_for(host) < b_.policy_.suspect_after) return;
      host.good_beats = 0;
      host.link_up = false;
      b_.lease_book_.forget_observer(host.id);
      move(host, HaEvent::kBeatLost, "no network beat for " + seconds_text(silent_for(host)));
      if (mutated(Mutation::kSuspicionIsProof))
        release_vms(host, make_proof(host, ProofMethod::kOperator, "suspicion"));
      start_checking(host);
      return;
    case HaState::kSuspect:
      start_checking(host);
      return;
    case HaState::kChecking:
    case HaState::kDegraded:
    case HaState::kRecovering:
    case HaState::kFencing:
      look_at_silent(host);
      return;
  }
}

void Stepper::start_checking(Host& host) {
  move(host, HaEvent::kCheckStarted, "gathering evidence: " + host.reason);
  if (host.has_power_control && !host.status_op)
    host.status_op = request_power(host, PowerVerb::kStatus, "host is silent");
}

void Stepper::look_at_silent(Host& host) {
  if (use_claim(host)) return;
  const StorageVerdict storage = storage_of(host);
  use_lease_proofs(host, storage);
  switch (host.ha) {
    case HaState::kChecking:
      look_at_checking(host, storage);
      return;
    case HaState::kDegraded:
      look_at_degraded(host, storage);
      return;
    case HaState::kRecovering:
      look_at_recovering(host);
      return;
    case HaState::kFencing:
      look_at_fencing(host, storage);
      return;
    case HaState::kDisabled:
    case HaState::kAvailable:
    case HaState::kIneligible:
    case HaState::kSuspect:
    case HaState::kRecovered:
    case HaState::kFenced:
      return;
  }
}

// Is something left on it that could run elsewhere, and a device that may yet prove it dead? A VM
// that lives on the host's own disk waits for the host in any case.
bool Stepper::is_more_to_be_proven(const Host& host, const Proof& proof) const {
  if (!has_fence_device(host)) return false;
  const auto is_bound = [this](const Disk& disk) {
    const auto pool = s_.pools.find(disk.pool);
    return pool != s_.pools.end() && pool->second.kind == PoolKind::kLocal;
  };
  return std::any_of(s_.vms.begin(), s_.vms.end(), [&](const auto& entry) {
    const Vm& vm = entry.second;
    const bool is_there = vm.host == host.id || (vm.op && vm.op_host == host.id);
    return is_there && !covers(host, proof, vm) &&
           std::none_of(vm.spec.disks.begin(), vm.spec.disks.end(), is_bound);
  });
}

// The lease proof frees the VMs that use its pools. On every pool of the cluster it ends the
// fencing too; what lives on other pools stays placed until the host is back, or proven off.
void Stepper::use_lease_proofs(Host& host, const StorageVerdict& storage) {
  if (storage.expired.empty() || silent_for(host) < b_.policy_.dead_after) return;
  Proof proof = make_proof(host, ProofMethod::kLeaseExpired, "");
  proof.pools = storage.expired;
  proof.whole_host = storage.all_expired;
  for (const PoolId pool : storage.expired) {
    const auto entry = s_.pools.find(pool);
    proof.reading += (proof.reading.empty() ? "" : "; ") +
                     (entry == s_.pools.end() ? "pool" : entry->second.name) + ": " +
                     b_.lease_book_.judge_pool(b_.policy_, pool, host.id, now_.mono, true).why;
  }
  if (storage.all_expired && !is_more_to_be_proven(host, proof)) {
    prove_dead(host, std::move(proof));
    return;
  }
  const bool frees = std::any_of(s_.vms.begin(), s_.vms.end(), [&](const auto& entry) {
    return entry.second.host == host.id &&
           std::any_of(proof.pools.begin(), proof.pools.end(),
                       [&](PoolId pool) { return uses_pool(entry.second, pool); });
  });
  if (!frees) return;
  note(host, EvidenceKind::kProof, "lease-expired: " + proof.reading);
  release_vms(host, proof);
  host.proof = std::move(proof);
  touch(host);
}

void Stepper::look_at_checking(Host& host, const StorageVerdict& storage) {
  const Policy& p = b_.policy_;
  switch (storage.liveness) {
    case Liveness::kAlive:
      // A host that just died moved its counter until then, too. Cut off is only who moved it
      // clearly after its last network beat.
      if (storage.age + p.storage_alive_within / 2 > silent_for(host)) return;
      note(host, EvidenceKind::kVerdict,
           "alive: its storage beat goes on, seen " + seconds_text(storage.age) + " ago");
      move(host, HaEvent::kFoundAlive, "cut off from the manager; its storage beat goes on");
      return;
    case Liveness::kUnknown: {
      read_power_again(host);
      const std::string unread = unread_text(s_.pools, storage);
      if (now_.mono - host.ha_since < p.check_timeout) {
        set_reason(host, "silent on the network; " + unread);
        return;
      }
      note(host, EvidenceKind::kVerdict, "unclear: " + unread);
      move(host, HaEvent::kFoundUnclear, "silent on the network and " + unread);
      return;
    }
    case Liveness::kSilent:
      break;
  }
  read_power_again(host);
  const bool held = brake_holds(host);
  if (storage.silent_for < p.dead_after || silent_for(host) < p.dead_after) return;
  if (held) {
    set_reason(host, "brake: too many hosts of the cluster are silent at once, not fencing");
    return;
  }
  const std::string why = "silent on the network for " + seconds_text(silent_for(host)) +
                          " and on storage for " + seconds_text(storage.silent_for);
  note(host, EvidenceKind::kVerdict, "dead, to be proven: " + why);
  if (host.has_power_control && host.recover_attempts < p.recover_attempts) {
    ++host.recover_attempts;
    move(host, HaEvent::kFoundSilent, why);
    host.fence.verb = PowerVerb::kReset;
    host.fence.op = request_power(host, PowerVerb::kReset, why);
    host.fence.off_sent = true;
  } else {
    move(host, HaEvent::kFenceDue, why);
    look_at_fencing(host, storage);
  }
  host.status_op = OpId{};
}

void Stepper::look_at_degraded(Host& host, const StorageVerdict& storage) {
  const Duration since = now_.mono - host.ha_since;
  switch (storage.liveness) {
    case Liveness::kAlive:
      set_reason(host, "cut off from the manager; its storage beat goes on");
      return;
    case Liveness::kSilent:
      break;
    case Liveness::kUnknown:
      if (since < b_.policy_.degraded_recheck) return;
      break;
  }
  move(host, HaEvent::kRecheckDue, "storage beat is " + std::string(to_string(storage.liveness)));
  start_checking(host);
}

void Stepper::look_at_recovering(Host& host) {
  if (!host.fence.op && beats_now(host)) {
    try_call_off(host);
    return;
  }
  if (now_.mono - host.ha_since < b_.policy_.recover_timeout) return;
  move(host, HaEvent::kRecoveryFailed, "not back after the power reset");
  host.fence.op = OpId{};
}

void Stepper::look_at_fencing(Host& host, const StorageVerdict& storage) {
  if (mutated(Mutation::kRestartBeforeProof))
    release_vms(host, make_proof(host, ProofMethod::kOperator, "fencing has begun"));
  if (use_ladder_proof(host)) return;
  begin_isolation(host, storage);
  if (now_.mono < host.fence.next_try) return;
  if (beats_now(host)) {
    if (!is_waiting(host.fence.ladder)) try_call_off(host);
    return;
  }
  // Never on an old suspicion: after a restart or a stall of ours it gets its time to beat first.
  if (silent_for(host) < b_.policy_.dead_after) return;
  if (is_isolated_and_empty(host)) {
    end_fencing_by_isolation(host);
    return;
  }
  if (!has_fence_device(host)) {
    set_reason(host,
               "neither out-of-band management nor fence device: waiting for the lease to run out");
    return;
  }
  climb(host);
}

// It beats again under its present epoch. Leave it alone, unless something that was sent may still
// hit it: then read the power state first.
void Stepper::try_call_off(Host& host) {
  Ladder& ladder = host.fence.ladder;
  const bool forgotten = host.fence.off_sent && ladder.rungs.empty();  // by a restart of ours
  set_levels(ladder, fence_levels(host));
  for (Rung& rung : ladder.rungs) {
    if (forgotten) {
      rung.may_hit = true;
      rung.doubt_since = now_.mono;
    }
    // Nobody holds an off back for so long; a device that cannot be read must not hold it for ever.
    if (now_.mono - rung.doubt_since > kDoubtLasts + b_.policy_.power_deadline)
      rung.may_hit = false;
  }
  if (may_still_hit(ladder)) {
    for (const std::size_t i : doubtful_rungs(ladder, now_.mono)) {
      ask_rung(host, ladder.rungs[i], PowerVerb::kStatus, "it beats again; is an off pending?");
    }
    return;
  }
  note(host, EvidenceKind::kVerdict, "alive: it beats again, fencing is called off");
  host.fence = FenceTask{};
  move(host, HaEvent::kFenceCalledOff, "it beats again; fencing was called off");
}

}  // namespace mold::core
