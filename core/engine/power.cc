// Power requests and what their answers prove.
#include <algorithm>
#include <utility>

#include "core/engine/stepper.h"
#include "core/fencing/fencing.h"
#include "core/job/job.h"

namespace mold::core {

OpId Stepper::request_power(Host& host, PowerVerb verb, const std::string& why) {
  const OpId op = new_op();
  turn_.actions.emplace_back(RequestPower{op, host.id, verb, b_.policy_.power_deadline});
  note(host, EvidenceKind::kAction, "power " + std::string(to_string(verb)) + " requested: " + why);
  return op;
}

void Stepper::on(const PowerAnswered& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  host->power = e.state;
  if (host->status_op == e.op && e.op) {
    on_status_answer(*host, e);
    return;
  }
  const bool ours = host->fence.op == e.op || mutated(Mutation::kStalePowerAnswer);
  if (ours && host->ha == HaState::kFencing) {
    on_fence_answer(*host, e);
    return;
  }
  if (ours && host->ha == HaState::kRecovering) {
    on_recover_answer(*host, e);
    return;
  }
  const auto job = std::find_if(s_.jobs.begin(), s_.jobs.end(),
                                [&e](const auto& entry) { return entry.second.op == e.op; });
  if (job == s_.jobs.end()) return;
  finish_job(job->first, e.outcome == Outcome::kConfirmed, kErrorInternal, e.text);
  if (may_prove_by_power(*host, e))
    prove_dead(*host, make_proof(*host, ProofMethod::kPowerOff, e.text));
}

// A reading of "off" that nobody contradicts: the host is silent on the network and its storage
// beat does not move. An off that is contradicted is a wrong or lying BMC, and worth an alarm.
bool Stepper::may_prove_by_power(const Host& host, const PowerAnswered& answer) const {
  if (!proves_off(b_.power_rules_, answer)) return false;
  if (host.ha == HaState::kDisabled || host.ha == HaState::kFenced) return false;
  if (silent_for(host) < b_.policy_.suspect_after) return false;
  return storage_of(host).liveness != Liveness::kAlive;
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

void Stepper::on_fence_answer(Host& host, const PowerAnswered& e) {
  FenceTask& fence = host.fence;
  fence.op = OpId{};
  fence.off_sent = e.verb == PowerVerb::kStatus ? fence.off_sent && e.state != PowerState::kOn
                                                : may_still_hit(e);
  fence.last_outcome =
      std::string(to_string(e.verb)) + " " + std::string(to_string(e.outcome)) + ": " + e.text;
  touch(host);
  note(host, EvidenceKind::kReading, "power " + fence.last_outcome);
  if (proves_off(b_.power_rules_, e)) {
    prove_dead(host, make_proof(host, ProofMethod::kPowerOff, "read back off: " + e.text));
    return;
  }
  ++fence.attempts;
  fence.next_try = now_.mono + fence_backoff(b_.policy_, fence.attempts);
  set_reason(host, "power could not be proven off (" + std::string(to_string(e.outcome)) + ": " +
                       e.text + "), waiting for the lease to run out or the next try");
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
  release_vms(host, proof);
  move(host, HaEvent::kProvenDead,
       "proven dead by " + std::string(to_string(proof.method)) + ": " + proof.reading);
  host.proof = std::move(proof);
  host.epoch = next(host.epoch);  // whatever still speaks under the old one must say hello
  host.link_up = false;
  host.fence = FenceTask{};
  host.status_op = OpId{};
  b_.lease_book_.forget_observer(host.id);
  touch(host);
}

}  // namespace mold::core
