#pragma once
// Evidence and proof (docs/ARCHITECTURE.md, "Proof, not opinion"). Evidence is three-valued and
// unknown never acts; only a Proof lets a VM be started elsewhere.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

enum class Liveness : std::uint8_t { kAlive, kSilent, kUnknown };

// Outcome of an action on the world. Only kConfirmed may lead to a restart.
enum class Outcome : std::uint8_t { kConfirmed, kFailed, kUnknown };

enum class ProofMethod : std::uint8_t {
  kPowerOff,         // BMC read back "off" after our request, or "off" when first read now
  kLeaseExpired,     // the armed host's own self-fence deadline + margin passed without a beat
  kStorageIsolated,  // read back: no client of the host can write to these pools any more
  kFencedElsewhere,  // another fencer (Pacemaker) says it fenced the host, just now
  kReborn,           // the host is back with a new boot id
  kOperator,         // a person said so, logged with the name
};

struct Proof {
  ProofMethod method = ProofMethod::kPowerOff;
  HostId host;
  Epoch epoch;                // the host's epoch when the proof was made
  bool whole_host = true;     // false: only some of `pools`; disk orders may still be carried out
  std::vector<PoolId> pools;  // of a lease or an isolation: only VMs that use them; sorted
  WallTime at;
  std::string reading;  // raw reading, for the ledger
};

std::string_view to_string(Liveness liveness);
std::string_view to_string(Outcome outcome);
std::string_view to_string(ProofMethod method);

}  // namespace mold::core
