#pragma once
// The host-HA state machine: a *total* table, state x event. Every pair is written down; "stays" is
// as deliberate as a move. The brain translates the world (beats, readings, power answers, people)
// into these events; what a state means for actions is decided by the brain on entry. Pure.
#include <array>
#include <cstdint>
#include <string_view>

#include "core/model/host.h"

namespace mold::core {

enum class HaEvent : std::uint8_t {
  kTurnedOn,         // HA enabled by a person
  kTurnedOff,        // HA disabled by a person
  kBecameEligible,   // a way to prove a death exists
  kLostEligibility,  // none exists any more
  kBeatSeen,         // a network beat of the present epoch
  kProbationPassed,  // enough good beats in a row
  kBeatLost,         // network beats are late
  kCheckStarted,     // evidence is being gathered
  kFoundAlive,       // storage shows it alive: cut off only
  kFoundUnclear,     // no witness can tell, for too long
  kRecheckDue,       // look at a degraded host anew
  kFoundSilent,      // both channels silent long enough: try a power reset first
  kFenceDue,         // ... or: prove it dead
  kRecoveryFailed,   // the reset did not bring it back
  kFenceCalledOff,   // it beats again and nothing that was sent can still hit it
  kProvenDead,       // a whole-host proof stands
  kReturned,         // said hello under a new epoch (reborn, or the same boot after a lost lease)
};
inline constexpr int kHaEventCount = 17;

// The table itself: next state. Equal to `from` where the event changes nothing.
HaState next_ha_state(HaState from, HaEvent event);

std::string_view to_string(HaEvent event);

}  // namespace mold::core
