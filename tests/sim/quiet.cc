// Leaving out quiet stretches. When everybody is well and no fault is active, the world repeats
// itself in the rhythm of the beats: only counters grow. Then all that belongs to the rhythm and
// all clocks are moved as one towards the next thing that has a date, by a whole number of rhythms,
// and the last stretch before it is lived through, so that it finds the world as it would have
// been. A test holds runs with and without this against each other.
#include <algorithm>

#include "core/vm_ha/vm_ha.h"
#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr Ms kLookEvery = 500;
constexpr Ms kOnItsWay = 100;  // longer than anything takes in peace
constexpr Ms kSettles = 600;   // repetitions of what is settled run out

// What one beat on a pool takes to be the manager's knowledge: it is written, read in the next
// round of somebody else, and told with that host's next beat. Older readings do not count any
// more.
Ms beats_way(const Plan& plan) {
  return 2 * plan.ladder.beat_interval.count() + plan.policy.beat_interval.count();
}

// Lived through before such a date. A fault may end somebody's beats, and then the latest ones are
// evidence. For all else it is enough that the wires carry what they would have carried.
Ms lead(const SimEvent& e, const Plan& plan, bool all_is_old) {
  const bool fault = e.kind == Ev::kLine || e.kind == Ev::kLineEnd || e.kind == Ev::kBmcEffect;
  return fault || !all_is_old ? beats_way(plan) + kSettles : kOnItsWay;
}

// A manager's memory in which time that is left out does not pass.
bool was_just_cut(const core::Host& host, const core::Policy& policy, Instant now) {
  return host.power_cut_at && now - *host.power_cut_at < policy.fence_tolerance;
}

bool host_rests(const SimHost& sim, const core::Host& host) {
  if (host.fence.op || host.status_op || host.awaited || !host.isolations.empty()) return false;
  if (sim.power != Power::kOn) {
    return host.ha == core::HaState::kFenced ||
           (host.ha == core::HaState::kDisabled && !host.link_up);
  }
  if (!sim.runs() || !sim.agent.settled() || !sim.heartbeat.all_held()) return false;
  if (!host.link_up || !sim.agent.epoch() || *sim.agent.epoch() != host.epoch) return false;
  return host.ha == core::HaState::kAvailable || host.ha == core::HaState::kDisabled ||
         host.ha == core::HaState::kIneligible;
}

bool vm_rests(const core::Policy& policy, const core::Vm& vm) {
  if (vm.op || core::vm_deadline(policy, vm)) return false;
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
  if (healed || !manager.rests() || !injector.quiet()) return false;
  const core::State& state = manager.state();
  if (!state.jobs.empty() || ceph.open_calls() > 0) return false;
  for (const auto& [id, host] : state.hosts) {
    if (!host_rests(hosts[id.value - 1], host)) return false;
  }
  for (const auto& [id, vm] : state.vms) {
    if (!vm_rests(plan_->policy, vm)) return false;
  }
  return net.quiet() && pools.quiet();
}

// Part of what repeats itself: it moves with the world. All else has its date, also a message or a
// beat write that some fault delays for seconds.
bool World::in_rhythm(const SimEvent& e) {
  using enum Ev;
  switch (e.kind) {
    case kRound:
    case kAgentBeat:
    case kWatchdog:
    case kManagerTimer:
    case kAgentRetry:
    case kCephEntry:
      return true;
    case kBeatIo:
      return e.at - now < kOnItsWay;
    case kUpArrives:
      return e.at - now < kOnItsWay && net.up(e.b).routine && hosts[e.host].runs();
    case kLine:
    case kLineEnd:
    case kHeal:
    case kProbe:
    case kRepair:
    case kOperator:
    case kBoot:
    case kHeartbeatUp:
    case kAgentUp:
    case kAgentListed:
    case kAgentTimer:
    case kDomainEvent:
    case kCallEffect:
    case kCallAnswer:
    case kQemuDies:
    case kDownArrives:
    case kBmcEffect:
    case kBmcAnswer:
    case kCephEffect:
    case kCephAnswer:
    case kClientsRead:
    case kClientsTold:
    case kCommitted:
    case kManagerUp:
    case kManagerWake:
      return false;
  }
  return false;
}

void World::maybe_skip() {
  if (queue.empty() || queue.top().at <= now) return;  // what is due comes first
  next_skip_look_ = now + kLookEvery;
  if (healed || !injector.quiet() || !manager.rests()) return;  // the usual reasons, cheap
  const auto& known = manager.state().hosts;
  const bool all_is_old = std::none_of(known.begin(), known.end(), [this](const auto& entry) {
    return was_just_cut(entry.second, plan_->policy, manager.now().mono);
  });
  Ms until = plan_->end_at;
  for (const SimEvent& e : queue.all()) {
    if (e.kind == Ev::kAgentTimer) return;  // an order under way: its clock must not be moved
    if (!in_rhythm(e)) until = std::min(until, e.at - lead(e, *plan_, all_is_old));
  }
  const Ms rhythm = plan_->rhythm();
  const Ms by = (until - now) / rhythm * rhythm;
  if (by <= 0 || !quiet()) return;
  queue.shift(by, [this](const SimEvent& e) { return !in_rhythm(e); });
  skipped_ += by;
  now += by;
  next_skip_look_ = now + kLookEvery;
  if (story.listens()) tell("quiet", seconds(by) + " s left out");
}

}  // namespace mold::sim
