// Leaving out quiet stretches. When everybody is well, nothing is under way and no fault is active,
// the world repeats itself in the rhythm of the beats: only counters grow. Then all periodic events
// and all clocks are moved as one towards the next line of the plan, by a whole number of rhythms,
// and the last stretch before it is lived through, so that the state in which the line finds the
// world is what it would have been. A test holds runs with and without this against each other.
#include <algorithm>

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr Ms kLookEvery = 500;
constexpr Ms kOnItsWay = 100;   // longer than anything takes in peace
constexpr Ms kSettles = 1'000;  // lived through on top of one rhythm

// Events that come from outside and have a date; all others move with the world.
bool dated(Ev kind) {
  return kind == Ev::kLine || kind == Ev::kLineEnd || kind == Ev::kHeal || kind == Ev::kRepair ||
         kind == Ev::kOperator || kind == Ev::kBoot || kind == Ev::kAgentListed;
}

bool periodic(Ev kind) {
  return kind == Ev::kRound || kind == Ev::kBeatIo || kind == Ev::kAgentBeat ||
         kind == Ev::kUpArrives || kind == Ev::kWatchdog || kind == Ev::kManagerTimer ||
         kind == Ev::kAgentRetry || kind == Ev::kCephEntry;
}

bool host_rests(const SimHost& sim, const core::Host& host) {
  if (host.fence.op || host.status_op || !host.isolations.empty()) return false;
  if (sim.power != Power::kOn) {
    return host.ha == core::HaState::kFenced ||
           (host.ha == core::HaState::kDisabled && !host.link_up);
  }
  if (!sim.runs() || !sim.agent.settled() || !sim.heartbeat.all_held()) return false;
  if (!host.link_up || !sim.agent.epoch() || *sim.agent.epoch() != host.epoch) return false;
  return host.ha == core::HaState::kAvailable || host.ha == core::HaState::kDisabled ||
         host.ha == core::HaState::kIneligible;
}

bool vm_rests(const core::Vm& vm) {
  if (vm.op) return false;
  switch (vm.state) {
    case core::VmState::kRunning:
      return vm.desired == core::Desired::kRunning && !vm.reboot;
    case core::VmState::kStopped:
      return vm.desired == core::Desired::kStopped;
    case core::VmState::kDestroyed:
      return true;
    case core::VmState::kError:
      return vm.desired != core::Desired::kDestroyed;
    case core::VmState::kProvisioning:
    case core::VmState::kStarting:
    case core::VmState::kStopping:
      return false;
  }
  return false;
}

}  // namespace

bool World::quiet() const {
  if (healed || !manager.idle() || !injector.quiet()) return false;
  const core::State& state = manager.state();
  if (!state.jobs.empty() || hypervisor.open_calls() > 0 || bmcs.open_calls() > 0 ||
      ceph.open_calls() > 0) {
    return false;
  }
  for (const auto& [id, host] : state.hosts) {
    if (!host_rests(hosts[id.value - 1], host)) return false;
  }
  for (const auto& [id, vm] : state.vms) {
    if (!vm_rests(vm)) return false;
  }
  return net.quiet() && pools.quiet();
}

// A routine message or a beat write on its way, not one that some fault delays for seconds.
bool World::in_rhythm(const SimEvent& e) {
  if (e.kind == Ev::kBeatIo) return e.at - now < kOnItsWay;
  return e.kind != Ev::kUpArrives || (e.at - now < kOnItsWay && net.up(e.b).routine);
}

void World::maybe_skip() {
  next_skip_look_ = now + kLookEvery;
  if (healed || !injector.quiet() || !manager.idle()) return;  // the usual reasons, cheap
  Ms next = plan_->end_at;
  for (const SimEvent& e : queue.all()) {
    if (dated(e.kind))
      next = std::min(next, e.at);
    else if (!periodic(e.kind) || !in_rhythm(e))
      return;
  }
  const Ms rhythm = plan_->rhythm();
  // Lived through before the line: one rhythm, and what is under way on the wires.
  const Ms by = (next - now - rhythm - kSettles) / rhythm * rhythm;
  if (by <= 0 || !quiet()) return;
  queue.shift(by, dated);
  skipped_ += by;
  now += by;
  next_skip_look_ = now + kLookEvery;
  if (story.listens()) tell("quiet", seconds(by) + " s left out");
}

}  // namespace mold::sim
