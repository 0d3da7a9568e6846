// Power requests and what their answers prove.
#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/fencing/fencing.h"
#include "core/fencing/ladder.h"
#include "core/job/job.h"

namespace mold::core {

OpId Stepper::request_power(Host& host, PowerVerb verb, const std::string& why, DeviceId device) {
  const OpId op = new_op();
  turn_.actions.emplace_back(RequestPower{op, host.id, verb, b_.policy_.power_deadline, device});
  note(host, EvidenceKind::kAction,
       "power " + std::string(to_string(verb)) + " requested" +
           (device ? " of device " + std::to_string(device.value) : "") + ": " + why);
  return op;
}

void Stepper::ask_rung(Host& host, Rung& rung, PowerVerb verb, const std::string& why) {
  asked(rung, request_power(host, verb, why, rung.device), verb);
}

void Stepper::on(const PowerAnswered& answered) {
  Host* host = find(answered.host);
  if (host == nullptr) return;
  const PowerAnswered e = as_counted(host->fence.ladder, answered);
  // One of two feeds may be off while the host runs: its power is what its BMC says.
  if (!e.device) host->power = e.state;
  if (host->status_op == e.op && e.op) {
    on_status_answer(*host, e);
    return;
  }
  if (waits_for(host->fence.ladder, e.op) && host->ha == HaState::kFencing) {
    on_ladder_answer(*host, e);
    return;
  }
  const bool stale_counts = mutated(Mutation::kStalePowerAnswer);
  if ((host->fence.op == e.op || stale_counts) && host->ha == HaState::kRecovering) {
    on_recover_answer(*host, e);
    return;
  }
  if (stale_counts && host->ha == HaState::kFencing && proves_off(b_.power_rules_, e)) {
    prove_dead(*host, make_proof(*host, ProofMethod::kPowerOff, "read back off: " + e.text));
    return;
  }
  const auto job = std::find_if(s_.jobs.begin(), s_.jobs.end(),
                                [&e](const auto& entry) { return entry.second.op == e.op; });
  if (job == s_.jobs.end()) return;
  finish_job(job->first, e.outcome == Outcome::kConfirmed, kErrorInternal, e.text);
  // A person's wish goes to the BMC; where that is not all that must be off, it proves nothing.
  if (may_prove_by_power(*host, e))
    prove_dead(*host, make_proof(*host, ProofMethod::kPowerOff, e.text));
}

// Nothing that was asked of the device as it was may prove anything any more, or end well.
void Stepper::on(const PowerSettingsChanged& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  const bool rung = void_device(host->fence.ladder, e.device, now_.mono);
  const bool more = !e.device && void_bmc(*host);
  if (!rung && !more) return;
  note(*host, EvidenceKind::kVerdict,
       "the settings of " +
           (e.device ? "device " + std::to_string(e.device.value) : std::string("its BMC")) +
           " were changed: nothing that it said or is still to say counts");
}

// A device that went is switched off because it is not the host's, for all we know: what it is
// still to answer proves nothing. A ladder that nobody climbs yet stays empty (see try_call_off).
void Stepper::keep_levels(Host& host) {
  Ladder& ladder = host.fence.ladder;
  if (!ladder.rungs.empty()) set_levels(ladder, fence_levels(host));
}

// What is asked of the BMC beside the ladder: a reading, a reset, the wishes of people. True: there
// was any.
bool Stepper::void_bmc(Host& host) {
  host.power = PowerState::kUnknown;
  const bool read = bool(host.status_op);
  host.status_op = OpId{};
  if (read && host.has_power_control)
    host.status_op =
        request_power(host, PowerVerb::kStatus, "the settings of its BMC were changed");
  const bool reset = host.fence.op && host.ha == HaState::kRecovering;
  if (reset) {
    PowerAnswered lost;
    lost.op = host.fence.op;
    lost.host = host.id;
    lost.verb = host.fence.verb;
    lost.text = kSettingsChanged;
    on_recover_answer(host, lost);
  }
  std::vector<JobId> jobs;
  for (const auto& [id, job] : s_.jobs) {
    if (job.kind == JobKind::kPower && job.host == host.id) jobs.push_back(id);
  }
  for (const JobId id : jobs) {
    finish_job(id, false, kErrorInternal,
               std::string(kSettingsChanged) + "; read the power state again");
  }
  return read || reset || !jobs.empty();
}

// A reading of "off" that nobody contradicts: the host is silent on the network and its storage
// beat does not move. An off that is contradicted is a wrong or lying BMC, and worth an alarm.
bool Stepper::may_prove_by_power(const Host& host, const PowerAnswered& answer) const {
  return proves_off(b_.power_rules_, answer) && off_would_prove(host);
}

bool Stepper::off_would_prove(const Host& host) const {
  if (!proves_alone(host, DeviceId{}) && !b_.power_rules_.one_feed_is_off) return false;
  if (host.ha == HaState::kDisabled || host.ha == HaState::kFenced) return false;
  if (silent_for(host) < b_.policy_.suspect_after) return false;
  const Liveness storage = storage_of(host).liveness;
  // Soon after a session began, or we did, silence about its storage only means that nobody spoke
  // yet: what is known against this device (drills) may be as new to us as the host is.
  const bool early = now_.mono - host.session_since < b_.policy_.check_timeout;
  return storage == Liveness::kSilent || (storage == Liveness::kUnknown && !early);
}

// Its power read off while its storage beat was still young: read again, now that it is not.
void Stepper::read_power_again(Host& host) {
  if (host.power != PowerState::kOff || !host.has_power_control || host.status_op) return;
  if (!off_would_prove(host)) return;
  host.status_op = request_power(host, PowerVerb::kStatus, "it read off; is that still so?");
}

void Stepper::on_status_answer(Host& host, const PowerAnswered& e) {
  host.status_op = OpId{};
  note(host, EvidenceKind::kReading,
       "power state read: " + std::string(to_string(e.state)) +
           (e.text.empty() ? "" : " (" + e.text + ")"));
  if (may_prove_by_power(host, e)) {
    prove_dead(host, make_proof(host, ProofMethod::kPowerOff, "off when first read: " + e.text));
  } else if (e.outcome == Outcome::kConfirmed && e.state == PowerState::kOff &&
             host.ha == HaState::kDegraded) {
    note(host, EvidenceKind::kAlarm,
         "power reads off but the host shows life: the reading is not believed");
  }
}

// One device's answer; the level it stands on may now be proven.
void Stepper::on_ladder_answer(Host& host, const PowerAnswered& e) {
  FenceTask& fence = host.fence;
  take_answer(fence.ladder, b_.policy_, b_.power_rules_, e, now_.mono);
  fence.off_sent = may_still_hit(fence.ladder);
  fence.last_outcome =
      std::string(to_string(e.verb)) + " " + std::string(to_string(e.outcome)) + ": " + e.text;
  fence.attempts = tries(fence.ladder);
  touch(host);
  note(host, EvidenceKind::kReading, "power " + fence.last_outcome);
  if (use_ladder_proof(host)) return;
  set_reason(host, "power could not be proven off (" + fence.last_outcome +
                       "), waiting for the lease to run out or the next try");
}

// A level that is off is a proof unless the host shows life: then the device is not its own. A
// storage beat from just before the cut still looks alive for a moment, so that is waited out.
bool Stepper::use_ladder_proof(Host& host) {
  FenceTask& fence = host.fence;
  const auto proven = proven_level(fence.ladder, b_.policy_, b_.power_rules_, now_.mono);
  if (!proven) return false;
  if (beats_now(host)) {
    note(host, EvidenceKind::kAlarm,
         "its power reads off but it beats: the reading is not believed (" + *proven + ")");
    fence.ladder = Ladder{};
    fence.next_try = now_.mono + b_.policy_.fence_retry_last;
    set_reason(host, "its power reads off but it beats: is that device really its own?");
    return true;
  }
  const Liveness storage = storage_of(host).liveness;
  if (storage == Liveness::kAlive && !fence.storage_doubts) {
    fence.storage_doubts = true;
    note(host, EvidenceKind::kAlarm,
         "its power reads off but its storage beat moved lately: believed only once it is silent");
  }
  if (fence.storage_doubts && storage != Liveness::kSilent) {
    set_reason(host, "its power reads off but its storage beat moved lately: waiting for silence");
    return true;
  }
  prove_dead(host, make_proof(host, ProofMethod::kPowerOff, "read back off: " + *proven));
  return true;
}

// What stands against cutting its power just now, in words; empty: nothing.
std::string Stepper::not_to_be_cut_now(const Host& host) {
  if (brake_holds(host))
    return "brake: too many hosts of the cluster are silent at once, not fencing";
  if (host.power_cut_at && now_.mono - *host.power_cut_at < b_.policy_.fence_tolerance)
    return "its power was cut " + seconds_text(now_.mono - *host.power_cut_at) +
           " ago: not again within " + seconds_text(b_.policy_.fence_tolerance);
  if (storage_of(host).liveness == Liveness::kAlive)
    return "its storage beat goes on: its power is not cut";
  const auto under_way =
      std::count_if(s_.hosts.begin(), s_.hosts.end(), [&host](const auto& entry) {
        const Host& other = entry.second;
        return other.id != host.id && other.cluster == host.cluster &&
               other.ha == HaState::kFencing && is_waiting(other.fence.ladder);
      });
  // Who was never tried goes before who failed: else a few dead BMCs would keep every turn.
  const bool newcomer_waits =
      tries(host.fence.ladder) > 0 &&
      std::any_of(s_.hosts.begin(), s_.hosts.end(), [&host](const auto& entry) {
        const Host& other = entry.second;
        return other.id != host.id && other.cluster == host.cluster &&
               other.ha == HaState::kFencing && !other.fence.ladder.began &&
               has_fence_device(other);
      });
  const int turns = b_.policy_.fence_parallel - (newcomer_waits ? 1 : 0);
  if (!is_waiting(host.fence.ladder) && under_way > 0 && under_way >= turns)
    return "the power of " + std::to_string(under_way) + " hosts is being cut: waiting for a turn";
  return {};
}

// Asks the devices whose turn it is.
void Stepper::climb(Host& host) {
  Ladder& ladder = host.fence.ladder;
  set_levels(ladder, fence_levels(host));
  const auto due = due_rungs(ladder, b_.policy_, now_.mono);
  if (due.empty()) return;
  if (std::string held = not_to_be_cut_now(host); !held.empty()) {
    set_reason(host, held);
    return;
  }
  if (!ladder.began) ladder.began = now_.mono;
  for (const std::size_t i : due) {
    ask_rung(host, ladder.rungs[i], PowerVerb::kOff,
             "try " + std::to_string(ladder.rungs[i].tries + 1));
  }
  host.fence.off_sent = true;
  touch(host);
}

void Stepper::on(const FencedElsewhere& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  note(*host, EvidenceKind::kReading, e.by + " says that it fenced this host: " + e.text);
  // Somebody who opened a session since may be the fenced machine, back again.
  if (host->session_since >= e.heard_after && !mutated(Mutation::kOldClaimCounts)) {
    note(*host, EvidenceKind::kVerdict,
         "its present session may be younger than that: not counted");
    return;
  }
  host->claim = FencedClaim{e.by, e.text, now_.mono};
}

// Believed once the host is silent, and as long as no witness contradicts.
bool Stepper::use_claim(Host& host) {
  if (!host.claim || silent_for(host) < b_.policy_.suspect_after) return false;
  if (storage_of(host).liveness == Liveness::kAlive) return false;
  const FencedClaim claim = *host.claim;
  prove_dead(host, make_proof(host, ProofMethod::kFencedElsewhere, claim.by + ": " + claim.text));
  return true;
}

void Stepper::on_recover_answer(Host& host, const PowerAnswered& e) {
  host.fence.op = OpId{};
  host.fence.off_sent = may_still_hit(e);
  host.fence.last_outcome = "reset " + std::string(to_string(e.outcome)) + ": " + e.text;
  touch(host);
  note(host, EvidenceKind::kReading, "power " + host.fence.last_outcome);
  if (e.outcome != Outcome::kConfirmed)
    move(host, HaEvent::kRecoveryFailed, "the power reset did not work: " + e.text);
}

Proof Stepper::make_proof(const Host& host, ProofMethod method, std::string reading) const {
  Proof proof;
  proof.method = method;
  proof.host = host.id;
  proof.epoch = host.epoch;
  proof.at = now_.wall;
  proof.reading = std::move(reading);
  return proof;
}

// A whole-host proof: its VMs are released, its sessions are void, nothing more is fenced.
void Stepper::prove_dead(Host& host, Proof proof) {
  note(host, EvidenceKind::kProof, std::string(to_string(proof.method)) + ": " + proof.reading);
  // Ceph goes on to count its clients as there for half a minute; nobody starts a VM over them.
  want_isolation(host);
  release_vms(host, proof);
  heard_by_proof(host, proof);
  move(host, HaEvent::kProvenDead,
       "proven dead by " + std::string(to_string(proof.method)) + ": " + proof.reading);
  host.proof = std::move(proof);
  host.epoch = next(host.epoch);  // whatever still speaks under the old one must say hello
  host.link_up = false;
  host.fence = FenceTask{};
  host.status_op = OpId{};
  host.claim.reset();
  if (host.proof->method == ProofMethod::kPowerOff) host.power_cut_at = now_.mono;
  b_.lease_book_.forget_observer(host.id);
  touch(host);
}

}  // namespace mold::core
