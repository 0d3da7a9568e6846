// Sessions, beats and reports: what agents say about themselves.
#include <algorithm>

#include "core/engine/stepper.h"
#include "core/vm_ha/vm_ha.h"

namespace mold::core {

void Stepper::on(const HelloReceived& e) {
  Host* host = find(e.host);
  if (host == nullptr) {
    turn_.actions.emplace_back(RefuseSession{e.host, "no such host", e.session, Epoch{}});
    return;
  }
  if (const std::string why = knows_more(*host, e); !why.empty()) doubt_store(host->cluster, why);
  // No evidence of trouble: every agent that starts has to be told its epoch first.
  if (e.epoch != host->epoch && !mutated(Mutation::kHeldHello)) {
    turn_.actions.emplace_back(
        RefuseSession{e.host, "say it again naming the present epoch", e.session, host->epoch});
    return;
  }
  if (is_second_machine(*host, e)) {
    if (host->doubted_boot != e.boot_id)
      note(*host, EvidenceKind::kReading,
           "said hello with boot id " + e.boot_id + ", but boot " + host->boot_id + " was heard " +
               seconds_text(silent_for(*host)) + " ago: not believed yet");
    host->doubted_boot = e.boot_id;
    turn_.actions.emplace_back(
        RefuseSession{e.host, "its present boot was heard just now", e.session, host->epoch});
    return;
  }
  const bool known = bool(host->epoch);
  const bool reborn = known && (e.boot_id != host->boot_id || mutated(Mutation::kRebornBySameBoot));
  if (host->ha == HaState::kFenced && host->proof && !reborn &&
      host->proof->method == ProofMethod::kPowerOff) {
    note(*host, EvidenceKind::kAlarm,
         "came back with the same boot id although its power was read off: check that the "
         "out-of-band address belongs to this machine");
  }
  if (reborn) {
    Proof proof = make_proof(*host, ProofMethod::kReborn,
                             "said hello with boot id " + e.boot_id + ", was " + host->boot_id);
    note(*host, EvidenceKind::kProof, "reborn: " + proof.reading);
    release_vms(*host, proof);
    host->proof = std::move(proof);
  }
  if (reborn || mutated(Mutation::kLiftedBySameBoot)) lift_isolations(*host, "it is reborn");
  host->boot_id = e.boot_id;
  host->doubted_boot.clear();
  host->beat_sequence = 0;
  host->incarnation = e.incarnation;
  host->capacity = e.capacity;
  host->epoch = next(host->epoch);
  host->link_up = true;
  host->last_beat = now_.mono;
  host->good_beats = 0;
  host->fence = FenceTask{};  // answers of an earlier fencing no longer count
  host->status_op = OpId{};
  host->claim.reset();
  host->session_since = now_.mono;
  host->recover_attempts = 0;
  touch(*host);
  b_.lease_book_.forget_subject(host->id);
  b_.lease_book_.forget_observer(host->id);
  move(*host, HaEvent::kReturned, reborn ? "rebooted" : "reconnected under a new epoch");
  host->awaited = false;
  take_hello_list(*host, e.vms);
  turn_.actions.emplace_back(OpenSession{host->id, host->epoch, e.session});
}

// A machine that boots is silent before it speaks. Another boot id while the present boot was just
// heard is a clone, or a stolen key: believing it reborn would free VMs that run.
bool Stepper::is_second_machine(const Host& host, const HelloReceived& e) const {
  return host.epoch && e.boot_id != host.boot_id && beats_now(host);
}

// The list is complete and orders of the old epoch are void: what is not in it is gone.
void Stepper::take_hello_list(Host& host, const std::vector<VmReport>& vms) {
  if (doubted(host.cluster)) {  // what is gone is told by the hello after
    for (const VmReport& report : vms) apply_report(host, report);
    return;
  }
  for (auto& [id, vm] : s_.vms) {
    if (vm.op && vm.op_host == host.id && !vm.host)
      vm.op_sent = now_.mono - b_.policy_.order_resend;
    if (vm.host != host.id && vm.fences.empty()) continue;
    const VmId wanted = id;
    const bool listed =
        std::any_of(vms.begin(), vms.end(), [wanted](const VmReport& r) { return r.vm == wanted; });
    if (!listed) copies_gone(host.id, vm);
    if (vm.host != host.id) continue;
    if (!listed)
      generation_gone(vm, GoneReason::kUnknown, "not on " + host.name + " any more");
    else if (vm.op)
      vm.op_sent = now_.mono - b_.policy_.order_resend;  // again, new epoch
  }
  for (const VmReport& report : vms) apply_report(host, report);
}

void Stepper::on(const BeatReceived& e) {
  Host* host = find(e.host);
  if (host == nullptr) {
    turn_.actions.emplace_back(RefuseSession{e.host, "no such host", 0, {}});
    return;
  }
  const bool current = host->epoch && (e.epoch == host->epoch || mutated(Mutation::kIgnoreEpoch));
  if (!current || e.incarnation != host->incarnation) {
    if (host->ha == HaState::kFenced && host->epoch && next(e.epoch) == host->epoch)
      note(*host, EvidenceKind::kAlarm, "beats although it is fenced: a new hello is demanded");
    turn_.actions.emplace_back(
        RefuseSession{e.host, current ? "a lease was lost" : "the epoch is not current", 0, {}});
    return;
  }
  if (e.sequence <= host->beat_sequence) return;  // overtaken: its readings are old
  if (!host->doubted_boot.empty()) {
    note(*host, EvidenceKind::kAlarm,
         "two machines speak with its certificate, boot ids " + host->boot_id + " and " +
             host->doubted_boot + ": was its disk or key copied?");
    host->doubted_boot.clear();
  }
  if (host->claim) {
    note(*host, EvidenceKind::kAlarm,
         "beats although " + host->claim->by + " says it was fenced: that is not believed");
    host->claim.reset();
  }
  host->beat_sequence = e.sequence;
  host->link_up = true;
  host->last_beat = now_.mono;
  host->self_stall = e.self_stall;
  host->good_beats = std::min(host->good_beats + 1, 1'000'000);
  b_.lease_book_.record(e.host, e.readings, e.self_stall, now_.mono);
  take_own_leases(*host, e.leases);
  on_good_beat(*host);
}

void Stepper::on_good_beat(Host& host) {
  move(host, HaEvent::kBeatSeen, "beats arrive");
  if (host.good_beats >= b_.policy_.probation_beats)
    move(host, HaEvent::kProbationPassed, "beats arrive");
}

void Stepper::take_own_leases(Host& host, const std::vector<OwnLease>& leases) {
  if (leases.empty()) return;
  for (const auto& [id, pool] : s_.pools) {
    if (!pool.heartbeat || pool.cluster != host.cluster) continue;
    const auto own = std::find_if(leases.begin(), leases.end(),
                                  [pool_id = id](const OwnLease& o) { return o.pool == pool_id; });
    const bool counted = own != leases.end() && own->counted;
    const bool armed = own != leases.end() && own->armed;
    LeaseStanding& standing =
        host.leases.try_emplace(id, LeaseStanding{now_.mono, false, false, {}}).first->second;
    if (armed)
      standing.unarmed_since.reset();
    else if (!standing.unarmed_since)
      standing.unarmed_since = now_.mono;
    standing.counted = standing.counted || counted;
    if (standing.counted || standing.told) continue;
    if (now_.mono - standing.since < b_.policy_.check_timeout) continue;
    standing.told = true;
    note(host, EvidenceKind::kAlarm,
         "never beat on pool " + pool.name +
             ": nobody can tell from there whether it lives, and its fencing would wait for that");
  }
}

void Stepper::on(const ReportReceived& e) {
  Host* host = find(e.host);
  if (host == nullptr) return;
  if (e.epoch != host->epoch && !mutated(Mutation::kIgnoreEpoch)) {
    turn_.actions.emplace_back(RefuseSession{e.host, "the epoch is not current", 0, {}});
    return;
  }
  for (const VmReport& report : e.vms) apply_report(*host, report);
  if (!mutated(Mutation::kAbsentIsGone)) return;
  for (auto& [id, vm] : s_.vms) {
    const VmId wanted = id;
    if (vm.host == host->id && std::none_of(e.vms.begin(), e.vms.end(),
                                            [wanted](const VmReport& r) { return r.vm == wanted; }))
      generation_gone(vm, GoneReason::kUnknown, "absent from a report");
  }
}

void Stepper::apply_report(Host& host, const VmReport& report) {
  Vm* vm = find(report.vm);
  if (vm != nullptr && vm->cluster != host.cluster) {
    note(host, EvidenceKind::kAlarm,
         "reports VM " + vm->spec.name + " of another cluster: ignored");
    return;
  }
  if (vm != nullptr && report.power == DomainPower::kGone)
    copies_gone(host.id, *vm, report.generation);
  if (vm != nullptr && knows_more(*vm, report))
    doubt_store(host.cluster, what_is_newer(host, *vm, report));
  const ReportMeaning meaning =
      read_report(vm, host.id, report, !mutated(Mutation::kIgnoreGeneration));
  switch (meaning) {
    case ReportMeaning::kNothing:
      return;
    case ReportMeaning::kRunsAsPlaced:
      take_pause(host, *vm, report);
      return;
    case ReportMeaning::kGone:
      if (doubted(host.cluster)) return;
      generation_gone(*vm, report.gone_reason,
                      std::string(to_string(report.gone_reason)) + " on " + host.name);
      return;
    case ReportMeaning::kStaleCopy: {
      if (!may_be_killed(host, report)) return;
      note(host, EvidenceKind::kAlarm,
           "runs a stale copy of VM " + std::to_string(report.vm.value) + ", generation " +
               std::to_string(report.generation.value) + ": kill ordered");
      Order order;
      order.kind = OrderKind::kKillVm;
      order.host = host.id;
      order.epoch = host.epoch;
      order.vm = report.vm;
      order.generation = report.generation;
      order.spec.uuid = report.uuid;
      turn_.actions.emplace_back(SendOrder{std::move(order)});
      return;
    }
    case ReportMeaning::kAdopt:
      adopt(host, *vm, report);
      return;
  }
}

// QEMU paused it when a disk did not take a write: no space is left, most often. (A pool that
// pauses its VMs stops their processes instead; no report tells of that.)
void Stepper::take_pause(const Host& host, Vm& vm, const VmReport& report) {
  const bool paused = report.power == DomainPower::kPaused && report.io_error;
  if (vm.state != VmState::kRunning || paused == vm.io_paused) return;
  vm.io_paused = paused;
  if (!paused) {
    move(vm, VmState::kRunning, "runs again on " + host.name);
    return;
  }
  if (now_.mono - vm.next_resume >= b_.policy_.vm_settled_after) vm.resumes = 0;
  if (vm.resumes == 0)
    note(host, EvidenceKind::kAlarm,
         "paused VM " + vm.spec.name +
             ": a disk did not take a write (is the pool full?); it is resumed when it can be");
  vm.next_resume = now_.mono + vm_backoff(b_.policy_, vm.resumes + 1);
  move(vm, VmState::kRunning, "paused on " + host.name + ": a disk did not take a write");
}

}  // namespace mold::core
