// Sessions, beats and reports: what agents say about themselves.
#include <algorithm>

#include "core/engine/stepper.h"

namespace mold::core {

void Stepper::on(const HelloReceived& e) {
  Host* host = find(e.host);
  if (host == nullptr) {
    turn_.actions.emplace_back(RefuseSession{e.host, "no such host", e.session, Epoch{}});
    return;
  }
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
  for (auto& [id, vm] : s_.vms) {
    if (vm.op && vm.op_host == host.id && !vm.host)
      vm.op_sent = now_.mono - b_.policy_.order_resend;
    if (vm.host != host.id && vm.fences.empty()) continue;
    const VmId wanted = id;
    const bool listed =
        std::any_of(vms.begin(), vms.end(), [wanted](const VmReport& r) { return r.vm == wanted; });
    if (!listed) {
      for (const ClientFence& fence : std::vector(vm.fences))
        copy_gone(host.id, vm, fence.generation);
    }
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
  on_good_beat(*host);
}

void Stepper::on_good_beat(Host& host) {
  move(host, HaEvent::kBeatSeen, "beats arrive");
  if (host.good_beats >= b_.policy_.probation_beats)
    move(host, HaEvent::kProbationPassed, "beats arrive");
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
    copy_gone(host.id, *vm, report.generation);
  const ReportMeaning meaning =
      read_report(vm, host.id, report, !mutated(Mutation::kIgnoreGeneration));
  switch (meaning) {
    case ReportMeaning::kNothing:
    case ReportMeaning::kRunsAsPlaced:
      return;
    case ReportMeaning::kGone:
      generation_gone(*vm, report.gone_reason,
                      std::string(to_string(report.gone_reason)) + " on " + host.name);
      return;
    case ReportMeaning::kStaleCopy: {
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
      note(host, EvidenceKind::kAlarm,
           "runs VM " + vm->spec.name + " under a newer generation than recorded: adopted");
      vm->generation = report.generation;
      vm->host = host.id;
      vm->clients.clear();  // another generation's
      vm->op = OpId{};
      move(*vm, VmState::kRunning, "found running on " + host.name);
      return;
  }
}

}  // namespace mold::core
