#include "tests/sim/checkers/convergence.h"

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

std::string hosts_not_converged(const World& world, const core::State& state) {
  for (const auto& [id, host] : state.hosts) {
    const std::string name = "host " + std::to_string(id.value);
    if (world.hosts[id.value - 1].power != Power::kOn) return name + " is not up";
    if (!host.link_up) return name + " has no session";
    if (host.ha_enabled && host.ha != core::HaState::kAvailable &&
        host.ha != core::HaState::kIneligible) {
      return name + " is " + std::string(core::to_string(host.ha));
    }
    if (!host.isolations.empty()) return name + " is isolated";
    if (host.fence.op || host.status_op) return name + " has a power request open";
  }
  return {};
}

std::string vm_not_converged(const World& world, const core::Vm& vm) {
  const std::string name = "v" + std::to_string(vm.id.value);
  int alive = 0;
  bool as_recorded = false;
  for (const Qemu& q : world.disks.qemus) {
    if (q.vm != vm.id || q.state == QemuState::kDead) continue;
    ++alive;
    as_recorded = q.state == QemuState::kRunning && vm.host == HostId{std::size_t{q.host} + 1} &&
                  q.generation == vm.generation;
  }
  if (vm.op) return name + " has an order open";
  const bool must_run =
      vm.ha && vm.desired == core::Desired::kRunning && vm.state != core::VmState::kError;
  if (must_run && alive == 0) return name + " should run and does not";
  if (vm.state == core::VmState::kRunning && (alive != 1 || !as_recorded)) {
    return name + " is recorded as running, but not so in truth";
  }
  if (vm.state != core::VmState::kRunning && alive != 0) {
    return name + " runs, but is recorded as " + std::string(core::to_string(vm.state));
  }
  if (vm.state != core::VmState::kRunning && vm.host) return name + " keeps a placement";
  return {};
}

}  // namespace

std::string not_converged(const World& world) {
  if (!world.manager.up()) return "the manager is down";
  const core::State& state = world.manager.state();
  if (std::string why = hosts_not_converged(world, state); !why.empty()) return why;
  for (const auto& [id, vm] : state.vms) {
    if (std::string why = vm_not_converged(world, vm); !why.empty()) return why;
  }
  if (!state.jobs.empty()) {
    return "job " + std::to_string(state.jobs.begin()->first.value) + " is still pending";
  }
  return {};
}

}  // namespace mold::sim
