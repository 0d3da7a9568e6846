#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "tests/sim/checkers/convergence.h"
#include "tests/sim/cluster.h"

namespace mold::sim {
namespace {

constexpr Ms kProbeEvery = 1'000;
constexpr std::uint64_t kEventLimit =
    20'000'000;  // a world that spins in place is a bug of its own

}  // namespace

core::Capacity World::capacity() const {
  return {.cpus = 32, .cpu_mhz = 3000, .memory_bytes = plan_->host_gib << 30U};
}

RunResult World::run(const Plan& plan, const RunOptions& options) {
  plan_ = &plan;
  options_ = options;
  begin();
  while (!queue.empty() && !over_) {
    const SimEvent event = queue.pop();
    if (event.at > plan.end_at) break;
    now = event.at;
    if (++result_.events > kEventLimit) violated("limits", "too many events");
    dispatch(event);
    if (options_.skip_quiet && now >= next_skip_look_ && !over_) maybe_skip();
  }
  if (!over_) {
    std::string why = not_converged(*this);
    violated("converges", why.empty() ? "the world stopped early" : std::move(why));
  }
  result_.hash = story.hash();
  result_.skipped = skipped_;
  return result_;
}

void World::begin() {
  now = skipped_ = 0;
  next_skip_look_ = 0;
  healed = over_ = false;
  result_ = {};
  noise = Noise(plan_->seed);
  queue.clear();
  reports_.reset();
  story.begin(options_.listen);
  single_writer.begin(*this);
  restart_proof.begin(*this);
  job_end.begin(*this);
  hosts.resize(plan_->hosts.size());
  pools.begin(*this, static_cast<std::size_t>(plan_->pools), hosts.size());
  disks.begin(*this, plan_->vms.size());
  for (std::size_t i = 0; i < hosts.size(); ++i) hosts[i].begin(*this, i);
  hypervisor.begin(*this);
  net.begin(*this);
  bmcs.begin(*this);
  ceph.begin(*this);
  feeds.begin(*this);
  manager.begin(*this);
  injector.begin(*this);
  queue.push(plan_->heal_at, Ev::kHeal);
  found_cluster(*this);
  manager.start();
}

void World::violated(const char* checker, std::string what) {
  if (!result_.ok) return;
  result_.ok = false;
  result_.checker = checker;
  result_.violation = std::move(what);
  result_.at = now;
  over_ = true;
  tell("VIOLATION", std::string(checker) + ": " + result_.violation);
}

void World::tell_host(std::size_t host, std::string_view what) {
  if (story.listens()) story.line(now, "host " + std::to_string(host + 1), std::string(what));
}

void World::tell_qemu(const Qemu& q, std::string_view what) {
  story.step(now, 60 + what.size(), q.vm.value, q.generation.value * 64 + q.host);
  if (!story.listens()) return;
  story.line(now, "host " + std::to_string(q.host + 1),
             "v" + std::to_string(q.vm.value) + " generation " +
                 std::to_string(q.generation.value) + " " + std::string(what));
}

core::VmReport World::report_of(const Qemu& q) const {
  core::VmReport report;
  report.vm = q.vm;
  report.uuid = "uuid-v" + std::to_string(q.vm.value);
  report.generation = q.generation;
  report.power = q.state == QemuState::kRunning  ? core::DomainPower::kRunning
                 : q.state == QemuState::kPaused ? core::DomainPower::kPaused
                                                 : core::DomainPower::kGone;
  return report;
}

void World::domain_event(const Qemu& q, core::GoneReason reason) {
  const std::uint32_t slot = reports_.take();
  reports_[slot] = report_of(q);
  reports_[slot].gone_reason = reason;
  Ms& last = hosts[q.host].last_domain_event;
  last = std::max(last, now + draw(1, 30, Draw::kDelay, q.host, q.vm.value));
  queue.push(last, Ev::kDomainEvent, q.host, hosts[q.host].agent.run(), slot);
}

void World::kill_pool_vms(std::size_t host, std::size_t pool) {
  for (std::size_t i = 0; i < disks.qemus.size(); ++i) {
    Qemu& q = disks.qemus[i];
    if (q.host != host || q.state == QemuState::kDead || (q.pools >> pool & 1U) == 0) continue;
    q.by_ladder = true;
    hypervisor.kill(q, static_cast<std::uint32_t>(i));
  }
}

std::uint32_t World::count_pool_vms(std::size_t host, std::size_t pool) const {
  std::uint32_t count = 0;
  for (const Qemu& q : disks.qemus) {
    if (q.host == host && q.state != QemuState::kDead && (q.pools >> pool & 1U) != 0) ++count;
  }
  return count;
}

// Hung I/O of this host comes back: what was killed meanwhile lands its last write and is gone.
void World::storage_returned(std::size_t host) {
  if (!hosts[host].runs()) return;
  for (std::size_t i = 0; i < disks.qemus.size(); ++i) {
    Qemu& q = disks.qemus[i];
    if (q.host != host || q.state == QemuState::kDead || pools.any_hung(host, q.pools)) continue;
    const bool had_write = std::exchange(q.in_io, false);
    if (!q.in_d_state) continue;
    if (had_write && q.state == QemuState::kRunning) disks.last_write_lands(q);
    q.in_d_state = false;
    hypervisor.ended(q, q.by_ladder ? core::GoneReason::kSelfFenced : core::GoneReason::kKilled);
  }
  hosts[host].heartbeat.storage_returned();
  disks.rescan(host);
}

// ---- who an event is for
// -------------------------------------------------------------------------

void World::dispatch(const SimEvent& event) {
  using enum Ev;
  switch (event.kind) {
    case kLine:
      return injector.line(event.a);
    case kLineEnd:
      return injector.line_ends(event.a);
    case kHeal:
      return heal();
    case kProbe:
      return probe();
    case kRepair:
      return repair(event);
    case kOperator:
      return ceph.operator_looks(event.host);
    case kBoot:
    case kWatchdog:
      return to_hardware(event);
    case kHeartbeatUp:
    case kRound:
    case kBeatIo:
    case kAgentUp:
    case kAgentListed:
    case kAgentBeat:
    case kAgentTimer:
    case kAgentRetry:
    case kDomainEvent:
    case kCallEffect:
    case kCallAnswer:
    case kQemuDies:
    case kDownArrives:
      return to_host(event);
    case kUpArrives:
      return manager.message(event.b);
    case kBmcEffect:
      bmcs.effect(event.b);
      return bmcs.release(event.b);
    case kBmcAnswer:
      bmcs.answer(event.b);
      return bmcs.release(event.b);
    case kCephEffect:
      ceph.effect(event.b);
      return ceph.release(event.b);
    case kCephAnswer:
      ceph.answer(event.b);
      return ceph.release(event.b);
    case kCephEntry:
      return ceph.entry_turned(event.host);
    case kClientsRead:
      ceph.clients_read(event.b);
      return ceph.release_reading(event.b);
    case kClientsTold:
      if (manager.up() && manager.run() == event.a) ceph.clients_told(event.b);
      return ceph.release_reading(event.b);
    case kCommitted:
    case kManagerTimer:
    case kManagerUp:
    case kManagerWake:
      return to_manager(event);
  }
}

void World::to_hardware(const SimEvent& event) {
  SimHost& host = hosts[event.host];
  if (host.boot != event.a) return;
  if (event.kind == Ev::kBoot) {
    host.booted();
  } else if (event.kind == Ev::kWatchdog && host.power == Power::kOn &&
             host.heartbeat.watchdog_due()) {
    host.reset("is bitten by its watchdog");
  }
}

void World::to_manager(const SimEvent& event) {
  if (event.kind == Ev::kCommitted) return manager.committed(event.a);
  if (event.kind == Ev::kManagerTimer) return manager.timer(event.a);
  if (event.kind == Ev::kManagerWake) return manager.wake(event.a);
  if (!manager.up() && manager.run() == event.a) manager.start();
}

void World::to_host(const SimEvent& event) {
  SimHost& host = hosts[event.host];
  if (host.power != Power::kOn) return drop(event);
  if (host.frozen) return host.defer(event);
  Heartbeat& heartbeat = host.heartbeat;
  const bool same_boot = host.boot == event.a;
  const bool same_run = heartbeat.run() == event.a;
  if (event.kind == Ev::kHeartbeatUp) {
    if (!heartbeat.up() && same_run) heartbeat.start(event.b == 0);
  } else if (event.kind == Ev::kRound) {
    if (heartbeat.up() && same_run) heartbeat.round();
  } else if (event.kind == Ev::kBeatIo) {
    if (heartbeat.up() && same_run) heartbeat.beat_io(event.b);
  } else if (event.kind == Ev::kCallEffect) {
    if (same_boot) hypervisor.effect(event.b);
    hypervisor.release(event.b);
  } else if (event.kind == Ev::kCallAnswer) {
    if (same_boot) hypervisor.answer(event.b);
    hypervisor.release(event.b);
  } else if (event.kind == Ev::kQemuDies) {
    if (same_boot) hypervisor.qemu_dies(event.b);
  } else if (event.kind == Ev::kDownArrives) {
    deliver_down(event.b);
  } else {
    to_agent(event, host.agent);
  }
}

void World::to_agent(const SimEvent& event, Agent& agent) {
  const bool mine = agent.run() == event.a;
  if (event.kind == Ev::kAgentUp) {
    if (mine && !agent.up()) agent.start();
    return;
  }
  if (event.kind == Ev::kDomainEvent) {
    const core::VmReport report = reports_[event.b];
    reports_.give(event.b);
    if (mine && agent.up()) agent.domain_event(report);
    return;
  }
  if (!mine || !agent.up()) return;
  if (event.kind == Ev::kAgentListed) agent.libvirt_listed();
  if (event.kind == Ev::kAgentBeat) agent.beat(event.at);
  if (event.kind == Ev::kAgentTimer) agent.timer();
  if (event.kind == Ev::kAgentRetry) agent.retry();
}

void World::deliver_down(std::uint32_t slot) {
  const DownMessage& m = net.down(slot);
  Agent& agent = hosts[m.host].agent;
  if (agent.up()) {
    switch (m.kind) {
      case DownKind::kSessionOpened:
        agent.session_opened(m.number, m.epoch);
        break;
      case DownKind::kSessionRefused:
        agent.session_refused(m.number, m.epoch);
        break;
      case DownKind::kOrder:
        agent.order(m.order);
        break;
      case DownKind::kAcknowledged:
        agent.acknowledged(m.number);
        break;
    }
  }
  net.give_down_slot(slot);
}

// The payload of an event that nobody is there for.
void World::drop(const SimEvent& event) {
  if (event.kind == Ev::kDomainEvent) reports_.give(event.b);
  if (event.kind == Ev::kDownArrives) net.give_down_slot(event.b);
  if (event.kind == Ev::kCallEffect || event.kind == Ev::kCallAnswer) hypervisor.release(event.b);
}

// ---- the second phase
// ----------------------------------------------------------------------------

void World::heal() {
  tell("HEAL", "every fault ends, every host gets power");
  healed = true;
  bmcs.heal_all();
  hypervisor.heal_all();
  manager.heal();
  net.heal_all();
  for (SimHost& host : hosts) {
    host.no_electricity = 0;
    host.thaw_for_good();
  }
  pools.heal_all();
  feeds.heal_all();
  for (SimHost& host : hosts) host.power_on();
  for (std::size_t h = 0; h < hosts.size(); ++h) {
    manager.person(core::HaSet{HostId{h + 1}, plan_->hosts[h].ha});
    manager.person(core::HostAdmissionSet{HostId{h + 1}, true});
  }
  queue.push(now + kProbeEvery, Ev::kProbe);
}

void World::probe() {
  if (not_converged(*this).empty()) {
    over_ = true;
    return;
  }
  queue.push(now + kProbeEvery, Ev::kProbe);
}

void World::repair(const SimEvent& event) {
  SimHost& host = hosts[event.host];
  if (host.power != Power::kOff || host.times_off != event.a) return;
  if (host.no_electricity > 0 || now < host.hands_off_until) {
    queue.push(now + 5'000, Ev::kRepair, event.host, event.a);
    return;
  }
  tell_host(event.host, "is switched on by somebody");
  feeds.switch_on(event.host);
  host.power_on();
}

}  // namespace mold::sim
