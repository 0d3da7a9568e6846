#pragma once
// The restart planner: what the next step for one VM is, given its record. Pure. It never looks at
// how a VM lost its placement: a record without a host is free to be placed, a record with one is
// not (model/vm.h).
#include <cstdint>
#include <optional>

#include "core/model/policy.h"
#include "core/model/vm.h"

namespace mold::core {

enum class VmStep : std::uint8_t {
  kNone,
  kCreateDisk,
  kPlaceAndStart,
  kOrderStop,  // ACPI, then force
  kOrderKill,
  kOrderReboot,
  kOrderResume,  // QEMU paused it
  kDeleteDisk,
  kMarkDestroyed,
  kResend,  // the order under way was not answered for order_resend
};

VmStep next_vm_step(const Policy& policy, const Vm& vm, Instant now);
// When next_vm_step may change by time alone.
std::optional<Instant> vm_deadline(const Policy& policy, const Vm& vm);
// Wait before the next HA start attempt.
Duration vm_backoff(const Policy& policy, int attempts);

}  // namespace mold::core
