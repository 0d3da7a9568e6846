#include "core/vm_ha/vm_ha.h"

#include <algorithm>

#include "lib/base/check.h"

namespace mold::core {
namespace {

Instant start_due(const Vm& vm) {
  return std::max(vm.next_try, vm.held_back_until);
}

VmStep step_of_stopped(const Vm& vm, Instant now) {
  switch (vm.desired) {
    case Desired::kRunning:
      return now >= start_due(vm) ? VmStep::kPlaceAndStart : VmStep::kNone;
    case Desired::kStopped:
      return VmStep::kNone;
    case Desired::kDestroyed:
      if (!vm.expunge) return VmStep::kMarkDestroyed;
      return now >= vm.next_try ? VmStep::kDeleteDisk : VmStep::kNone;
  }
  MOLD_UNREACHABLE();
}

VmStep step_of_running(const Vm& vm, Instant now) {
  switch (vm.desired) {
    case Desired::kRunning:
      if (vm.reboot) return VmStep::kOrderReboot;
      return vm.io_paused && now >= vm.next_resume ? VmStep::kOrderResume : VmStep::kNone;
    case Desired::kStopped:
      return vm.force_stop ? VmStep::kOrderKill : VmStep::kOrderStop;
    case Desired::kDestroyed:
      return VmStep::kOrderKill;
  }
  MOLD_UNREACHABLE();
}

}  // namespace

VmStep next_vm_step(const Policy& policy, const Vm& vm, Instant now) {
  if (vm.op) return now - vm.op_sent >= policy.order_resend ? VmStep::kResend : VmStep::kNone;
  switch (vm.state) {
    case VmState::kProvisioning:
      return now >= vm.next_try ? VmStep::kCreateDisk : VmStep::kNone;
    case VmState::kStopped:
      return step_of_stopped(vm, now);
    case VmState::kRunning:
      return step_of_running(vm, now);
    case VmState::kStarting:
    case VmState::kStopping:
      return VmStep::kNone;  // these always have an order under way
    case VmState::kError:
      return vm.desired == Desired::kDestroyed ? VmStep::kMarkDestroyed : VmStep::kNone;
    case VmState::kDestroyed:
      return VmStep::kNone;
  }
  MOLD_UNREACHABLE();
}

namespace {

std::optional<Instant> step_deadline(const Policy& policy, const Vm& vm) {
  if (vm.op) return vm.op_sent + policy.order_resend;
  switch (vm.state) {
    case VmState::kProvisioning:
      return vm.next_try;
    case VmState::kStopped:
      if (vm.desired == Desired::kStopped) return std::nullopt;
      return vm.desired == Desired::kRunning ? start_due(vm) : vm.next_try;
    case VmState::kRunning:
      if (!vm.io_paused || vm.desired != Desired::kRunning) return std::nullopt;
      return vm.next_resume;
    case VmState::kStarting:
    case VmState::kStopping:
    case VmState::kDestroyed:
    case VmState::kError:
      return std::nullopt;
  }
  MOLD_UNREACHABLE();
}

}  // namespace

std::optional<Instant> vm_deadline(const Policy& policy, const Vm& vm) {
  std::optional<Instant> earliest = step_deadline(policy, vm);
  for (const ClientFence& fence : vm.fences) {
    if (!fence.op && (!earliest || fence.next_try < *earliest)) earliest = fence.next_try;
  }
  return earliest;
}

Duration vm_backoff(const Policy& policy, int attempts) {
  Duration wait = policy.vm_retry_first;
  for (int i = 1; i < attempts && wait < policy.vm_retry_last; ++i) wait *= 2;
  return std::min(wait, policy.vm_retry_last);
}

}  // namespace mold::core
