#pragma once
// A host as the manager's brain knows it. Durable parts are written by the store in the same
// transaction as the actions that follow from them; volatile parts restart empty ("unknown").
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/fence.h"
#include "core/model/isolation.h"
#include "core/model/proof.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

// The ten host-HA states. Names are CloudStack's, meanings are docs/ARCHITECTURE.md's.
enum class HaState : std::uint8_t {
  kDisabled,    // HA is off for this host; nothing is decided about it
  kAvailable,   // beats arrive
  kIneligible,  // HA is on but no way to prove a death exists (reason says which is missing)
  kSuspect,     // network beats are late
  kChecking,    // gathering evidence: storage beats, power state
  kDegraded,    // cut off or unclear: known alive, or nobody can tell; no action
  kRecovering,  // power reset asked for, waiting for a new boot
  kRecovered,   // back; counts again after probation
  kFencing,     // being proven dead
  kFenced,      // proven dead
};
inline constexpr int kHaStateCount = 10;

struct Capacity {
  std::uint32_t cpus = 0;
  std::uint32_t cpu_mhz = 0;
  std::uint64_t memory_bytes = 0;

  friend bool operator==(const Capacity&, const Capacity&) = default;
};

// What a host tells of its lease on one heartbeat pool of its cluster.
struct LeaseStanding {
  Instant since;                         // when it could tell for the first time
  bool counted = false;                  // it beat there since
  bool told = false;                     // that it does not
  std::optional<Instant> unarmed_since;  // none: armed
};

struct Host {
  HostId id;
  ClusterId cluster;
  std::string name;
  // -- durable --
  HaState ha = HaState::kDisabled;
  std::string reason;  // why it is in this state, one line for a person
  bool ha_enabled = false;
  bool admits_vms = true;          // false: resource state Disabled, maintenance or removed
  bool has_power_control = false;  // out-of-band management is configured and enabled
  Epoch epoch;                     // 0 until the first hello
  BootId boot_id;
  std::uint64_t incarnation = 0;  // lost leases since boot, as told at hello
  Capacity capacity;
  FenceTask fence;
  std::vector<PoolIsolation> isolations;  // from Ceph pools, one each
  std::optional<Proof> proof;             // latest proof of death, kept for display
  int recover_attempts = 0;
  bool awaited = false;  // the store is older than the world: what it runs is to be told first
  // -- volatile: gone after a restart of the manager --
  std::uint64_t beat_sequence = 0;          // of the latest beat of the session
  BootId doubted_boot;                      // said hello while boot_id was still heard
  bool link_up = false;                     // has a session: hello seen and beats since
  Instant last_beat;                        // reading of our clock at the latest beat
  Instant ha_since;                         // when `ha` was entered
  int good_beats = 0;                       // in a row, for probation
  Duration self_stall{0};                   // as told in the latest beat
  PowerState power = PowerState::kUnknown;  // latest reading, display only: never a proof
  OpId status_op;                           // power status read while Checking, or none
  std::vector<FenceLevel> more_levels;      // of devices besides the BMC, as told
  std::optional<FencedClaim> claim;         // not believed yet
  Instant session_since;                    // of the latest hello, or our restart
  std::optional<Instant> power_cut_at;      // when it was last proven off by power
  std::map<PoolId, LeaseStanding> leases;   // those that it could tell of
};

std::string_view to_string(HaState state);
std::optional<HaState> parse_ha_state(std::string_view text);
std::string_view to_string(PowerState state);
std::string_view to_string(PowerVerb verb);

}  // namespace mold::core
