#include "core/vm_power/vm_power.h"

#include "lib/base/check.h"

namespace mold::core {

ReportMeaning read_report(const Vm* vm, HostId from, const VmReport& report,
                          bool check_generation) {
  const bool gone = report.power == DomainPower::kGone;
  if (vm == nullptr || vm->state == VmState::kDestroyed) {
    return gone ? ReportMeaning::kNothing : ReportMeaning::kStaleCopy;
  }
  const bool current = !check_generation || report.generation == vm->generation;
  if (vm->host == from && current)
    return gone ? ReportMeaning::kGone : ReportMeaning::kRunsAsPlaced;
  // Wherever it was placed before: killing the newest would kill the newest data.
  if (is_behind(vm->generation.value, report.generation.value)) return ReportMeaning::kAdopt;
  return gone ? ReportMeaning::kNothing : ReportMeaning::kStaleCopy;
}

bool restart_after(GoneReason reason, const Vm& vm) {
  if (vm.desired != Desired::kRunning || !vm.ha) return false;
  switch (reason) {
    case GoneReason::kShutdown:
      return false;  // somebody inside wished it so
    case GoneReason::kUnknown:
    case GoneReason::kCrashed:
    case GoneReason::kKilled:
    case GoneReason::kSelfFenced:
      return true;
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::core
