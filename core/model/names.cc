#include "core/model/names.h"

#include <algorithm>

#include "core/model/host.h"
#include "core/model/isolation.h"
#include "core/model/pool.h"
#include "core/model/proof.h"
#include "core/model/vm.h"
#include "lib/base/check.h"

namespace mold::core {

std::string_view to_string(Liveness liveness) {
  switch (liveness) {
    case Liveness::kAlive:
      return "alive";
    case Liveness::kSilent:
      return "silent";
    case Liveness::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kConfirmed:
      return "confirmed";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(ProofMethod method) {
  switch (method) {
    case ProofMethod::kPowerOff:
      return "power-off";
    case ProofMethod::kLeaseExpired:
      return "lease-expired";
    case ProofMethod::kStorageIsolated:
      return "storage-isolated";
    case ProofMethod::kFencedElsewhere:
      return "fenced-elsewhere";
    case ProofMethod::kReborn:
      return "reborn";
    case ProofMethod::kOperator:
      return "operator";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(IsolationVerb verb) {
  switch (verb) {
    case IsolationVerb::kIsolate:
      return "isolate";
    case IsolationVerb::kRenew:
      return "renew";
    case IsolationVerb::kLift:
      return "lift";
    case IsolationVerb::kEvict:
      return "evict";
    case IsolationVerb::kReadmit:
      return "readmit";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(PoolKind kind) {
  switch (kind) {
    case PoolKind::kDirectory:
      return "directory";
    case PoolKind::kNfs:
      return "nfs";
    case PoolKind::kRbd:
      return "rbd";
    case PoolKind::kClvm:
      return "clvm";
    case PoolKind::kLocal:
      return "local";
  }
  MOLD_UNREACHABLE();
}

std::optional<PoolKind> parse_pool_kind(std::string_view text) {
  return parse_enum<PoolKind>(text, 5);
}

std::string_view to_string(PoolPolicy policy) {
  switch (policy) {
    case PoolPolicy::kKillVms:
      return "kill-vms";
    case PoolPolicy::kPause:
      return "pause";
    case PoolPolicy::kResetHost:
      return "reset-host";
    case PoolPolicy::kLogOnly:
      return "log-only";
  }
  MOLD_UNREACHABLE();
}

std::optional<PoolPolicy> parse_pool_policy(std::string_view text) {
  return parse_enum<PoolPolicy>(text, 4);
}

std::string_view to_string(HaState state) {
  switch (state) {
    case HaState::kDisabled:
      return "Disabled";
    case HaState::kAvailable:
      return "Available";
    case HaState::kIneligible:
      return "Ineligible";
    case HaState::kSuspect:
      return "Suspect";
    case HaState::kChecking:
      return "Checking";
    case HaState::kDegraded:
      return "Degraded";
    case HaState::kRecovering:
      return "Recovering";
    case HaState::kRecovered:
      return "Recovered";
    case HaState::kFencing:
      return "Fencing";
    case HaState::kFenced:
      return "Fenced";
  }
  MOLD_UNREACHABLE();
}

std::optional<HaState> parse_ha_state(std::string_view text) {
  return parse_enum<HaState>(text, kHaStateCount);
}

std::string_view to_string(PowerState state) {
  switch (state) {
    case PowerState::kOn:
      return "on";
    case PowerState::kOff:
      return "off";
    case PowerState::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(VmState state) {
  switch (state) {
    case VmState::kProvisioning:
      return "Provisioning";
    case VmState::kStopped:
      return "Stopped";
    case VmState::kStarting:
      return "Starting";
    case VmState::kRunning:
      return "Running";
    case VmState::kStopping:
      return "Stopping";
    case VmState::kDestroyed:
      return "Destroyed";
    case VmState::kError:
      return "Error";
  }
  MOLD_UNREACHABLE();
}

std::optional<VmState> parse_vm_state(std::string_view text) {
  return parse_enum<VmState>(text, 7);
}

std::string_view to_string(Desired desired) {
  switch (desired) {
    case Desired::kRunning:
      return "Running";
    case Desired::kStopped:
      return "Stopped";
    case Desired::kDestroyed:
      return "Destroyed";
  }
  MOLD_UNREACHABLE();
}

std::optional<Desired> parse_desired(std::string_view text) {
  return parse_enum<Desired>(text, 3);
}

bool uses_pool(const Vm& vm, PoolId pool) {
  return std::any_of(vm.spec.disks.begin(), vm.spec.disks.end(),
                     [pool](const Disk& disk) { return disk.pool == pool; });
}

}  // namespace mold::core
