#include "core/host_ha/host_ha.h"

#include "lib/base/check.h"

namespace mold::core {
namespace {

using enum HaState;
using Row = std::array<HaState, kHaEventCount>;

// Columns, in the order of HaEvent. One row per state, in the order of HaState.
//  TurnedOn   TurnedOff  Eligible   LostElig.    BeatSeen   Probation
//  BeatLost   CheckStart FoundAlive FoundUnclear RecheckDue FoundSilent
//  FenceDue   RecFailed  CalledOff  ProvenDead   Returned
constexpr std::array<Row, kHaStateCount> kTable = {{
    // Disabled: nothing is decided about the host; a person's proof still frees its VMs (vm_ha).
    {kAvailable, kDisabled, kDisabled, kDisabled, kDisabled, kDisabled, kDisabled, kDisabled,
     kDisabled, kDisabled, kDisabled, kDisabled, kDisabled, kDisabled, kDisabled, kDisabled,
     kDisabled},
    // Available: beats arrive.
    {kAvailable, kDisabled, kAvailable, kIneligible, kAvailable, kAvailable, kSuspect, kAvailable,
     kAvailable, kAvailable, kAvailable, kAvailable, kAvailable, kAvailable, kAvailable, kFenced,
     kAvailable},
    // Ineligible: no way to prove a death; only a person can.
    {kIneligible, kDisabled, kAvailable, kIneligible, kIneligible, kIneligible, kIneligible,
     kIneligible, kIneligible, kIneligible, kIneligible, kIneligible, kIneligible, kIneligible,
     kIneligible, kFenced, kIneligible},
    // Suspect: beats are late; eligibility lost now must not hide a death, so it is not looked at.
    {kSuspect, kDisabled, kSuspect, kSuspect, kAvailable, kAvailable, kSuspect, kChecking, kSuspect,
     kSuspect, kSuspect, kSuspect, kSuspect, kSuspect, kSuspect, kFenced, kRecovered},
    // Checking: gathering evidence; the only door to recovering and fencing.
    {kChecking, kDisabled, kChecking, kChecking, kAvailable, kAvailable, kChecking, kChecking,
     kDegraded, kDegraded, kChecking, kRecovering, kFencing, kChecking, kChecking, kFenced,
     kRecovered},
    // Degraded: alive but cut off, or nobody can tell. Looked at anew again and again.
    {kDegraded, kDisabled, kDegraded, kDegraded, kAvailable, kAvailable, kDegraded, kDegraded,
     kDegraded, kDegraded, kSuspect, kDegraded, kDegraded, kDegraded, kDegraded, kFenced,
     kRecovered},
    // Recovering: a power reset was asked for. A beat of the old epoch does not end it: the reset
    // may still hit. Only a new epoch, a proof or giving up does.
    {kRecovering, kDisabled, kRecovering, kRecovering, kRecovering, kRecovering, kRecovering,
     kRecovering, kRecovering, kRecovering, kRecovering, kRecovering, kFencing, kFencing,
     kAvailable, kFenced, kRecovered},
    // Recovered: back, on probation.
    {kRecovered, kDisabled, kRecovered, kRecovered, kRecovered, kAvailable, kSuspect, kRecovered,
     kRecovered, kRecovered, kRecovered, kRecovered, kRecovered, kRecovered, kRecovered, kFenced,
     kRecovered},
    // Fencing: being proven dead. Never left by silence or by time, only by a proof, a return, or
    // by calling it off when nothing can hit any more.
    {kFencing, kDisabled, kFencing, kFencing, kFencing, kFencing, kFencing, kFencing, kFencing,
     kFencing, kFencing, kFencing, kFencing, kFencing, kAvailable, kFenced, kRecovered},
    // Fenced: proven dead; a beat of the old epoch changes nothing (the brain raises an alarm).
    {kFenced, kDisabled, kFenced, kFenced, kFenced, kFenced, kFenced, kFenced, kFenced, kFenced,
     kFenced, kFenced, kFenced, kFenced, kFenced, kFenced, kRecovered},
}};

}  // namespace

HaState next_ha_state(HaState from, HaEvent event) {
  return kTable.at(static_cast<std::size_t>(from)).at(static_cast<std::size_t>(event));
}

std::string_view to_string(HaEvent event) {
  switch (event) {
    case HaEvent::kTurnedOn:
      return "TurnedOn";
    case HaEvent::kTurnedOff:
      return "TurnedOff";
    case HaEvent::kBecameEligible:
      return "BecameEligible";
    case HaEvent::kLostEligibility:
      return "LostEligibility";
    case HaEvent::kBeatSeen:
      return "BeatSeen";
    case HaEvent::kProbationPassed:
      return "ProbationPassed";
    case HaEvent::kBeatLost:
      return "BeatLost";
    case HaEvent::kCheckStarted:
      return "CheckStarted";
    case HaEvent::kFoundAlive:
      return "FoundAlive";
    case HaEvent::kFoundUnclear:
      return "FoundUnclear";
    case HaEvent::kRecheckDue:
      return "RecheckDue";
    case HaEvent::kFoundSilent:
      return "FoundSilent";
    case HaEvent::kFenceDue:
      return "FenceDue";
    case HaEvent::kRecoveryFailed:
      return "RecoveryFailed";
    case HaEvent::kFenceCalledOff:
      return "FenceCalledOff";
    case HaEvent::kProvenDead:
      return "ProvenDead";
    case HaEvent::kReturned:
      return "Returned";
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::core
