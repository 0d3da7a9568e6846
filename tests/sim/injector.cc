#include "tests/sim/injector.h"

#include <algorithm>

#include "lib/base/check.h"
#include "tests/sim/cluster.h"
#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr std::size_t kMaxVms = 64;

}  // namespace

void Injector::begin(World& world) {
  world_ = &world;
  active_ = 0;
  next_job_ = 1;
  next_vm_ = world.plan().vms.size() + 1;
  const std::vector<FaultLine>& lines = world.plan().lines;
  boot_at_begin_.assign(lines.size(), 0);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    world.queue.push(lines[i].at, Ev::kLine, 0, static_cast<std::uint32_t>(i));
  }
}

void Injector::line(std::size_t index) {
  const FaultLine& line = world_->plan().lines[index];
  if (world_->healed) return;
  if (world_->story.listens()) world_->tell("FAULT", describe(line, index));
  if (line.lasts > 0) {
    if (!lets_rest(line.kind)) ++active_;
    world_->queue.push(line.at + line.lasts, Ev::kLineEnd, 0, static_cast<std::uint32_t>(index));
  }
  apply(line, index, true);
}

void Injector::line_ends(std::size_t index) {
  const FaultLine& line = world_->plan().lines[index];
  if (world_->healed) return;  // healing has ended everything at once
  if (!lets_rest(line.kind)) --active_;
  if (world_->story.listens()) world_->tell("fault ends", describe(line, index));
  apply(line, index, false);
}

void Injector::apply(const FaultLine& line, std::size_t index, bool begins) {
  using enum FaultKind;
  switch (line.kind) {
    case kPowerCut:
    case kPsuCut:
    case kReset:
      return power(line, begins);
    case kClusterFence:
      return cluster_fence(line, index, begins);
    case kFreeze:
    case kStun:
      return freeze(line, index, begins);
    case kIsolate:
      network(line, begins);
      return storage(line, begins);
    case kAgentCrash:
    case kHeartbeatCrash:
    case kLibvirtTrouble:
    case kManagerCrash:
    case kManagerStall:
    case kStoreSlow:
    case kStoreRestored:
      return process(line, begins);
    case kNetCut:
    case kNetCutUp:
    case kNetCutDown:
    case kNetPartition:
    case kNetBad:
      return network(line, begins);
    case kPoolHang:
    case kPoolHangAll:
    case kPoolGone:
    case kPoolSlow:
    case kPoolStale:
    case kBeatHang:
      return storage(line, begins);
    case kBmcDead:
    case kBmcSlow:
    case kBmcLostAnswer:
    case kBmcFalseFailure:
    case kBmcLying:
    case kBmcEcho:
    case kBmcPassword:
    case kFeedDead:
      return bmc(line, begins);
    case kGuestCrash:
      return guest_crash(line);
    case kDeploy:
    case kStart:
    case kStop:
    case kForceStop:
    case kReboot:
    case kDestroy:
    case kFenceVm:
    case kMove:
    case kHaOff:
    case kDrain:
    case kConfirmDead:
    case kApiPower:
      return person(line, begins);
  }
}

void Injector::power(const FaultLine& line, bool begins) {
  SimHost& host = world_->hosts[line.target];
  if (line.kind == FaultKind::kReset) return host.reset("resets");
  const int by = begins ? 1 : -1;
  host.no_electricity += by;
  if (line.kind == FaultKind::kPsuCut) world_->bmcs.faults(line.target).dead += by;
  if (begins) host.power_off("loses power");
}

// The word is as old as the line is long when it arrives. A manager that was started meanwhile does
// not get it: it was said in another session.
void Injector::cluster_fence(const FaultLine& line, std::size_t index, bool begins) {
  SimHost& host = world_->hosts[line.target];
  Manager& manager = world_->manager;
  if (begins) {
    boot_at_begin_[index] = manager.run();
    line.arg == 0 ? host.reset("is rebooted by its cluster")
                  : host.power_off("is fenced by its cluster");
  } else if (boot_at_begin_[index] == manager.run() && manager.up()) {
    // As agents know it: the manager's clock of their latest beat before they heard.
    const Ms old = line.lasts + world_->draw(0, 600, Draw::kDelay, line.target, index);
    manager.person(core::FencedElsewhere{HostId{line.target + 1U}, "pacemaker", "the simulator",
                                         manager.now().mono - Duration{old}});
  }
}

void Injector::freeze(const FaultLine& line, std::size_t index, bool begins) {
  SimHost& host = world_->hosts[line.target];
  const bool stun = line.kind == FaultKind::kStun;
  if (begins) {
    boot_at_begin_[index] = 0;
    if (host.power != Power::kOn) return;
    boot_at_begin_[index] = host.boot;
    host.freeze(stun);
  } else if (boot_at_begin_[index] == host.boot && host.power == Power::kOn) {
    host.thaw(stun);
  }
}

void Injector::network(const FaultLine& line, bool begins) {
  const bool up = line.kind != FaultKind::kNetCutDown;
  const bool down = line.kind != FaultKind::kNetCutUp;
  for (std::size_t h = 0; h < world_->hosts.size(); ++h) {
    const bool meant =
        line.kind == FaultKind::kNetPartition ? (line.arg >> h & 1U) != 0 : h == line.target;
    if (line.kind == FaultKind::kNetBad) {
      if (meant || line.arg % 2 == 0) world_->net.set_bad(h, begins ? 1 : -1, line.arg);
    } else if (meant) {
      begins ? world_->net.cut(h, up, down) : world_->net.mend(h, up, down);
    }
  }
}

void Injector::storage(const FaultLine& line, bool begins) {
  Pools& pools = world_->pools;
  const int by = begins ? 1 : -1;
  for (std::size_t h = 0; h < world_->hosts.size(); ++h) {
    for (std::size_t p = 0; p < pools.count(); ++p) {
      const bool here = h == line.target;
      const bool this_pool = p == line.pool;
      PoolPath& path = pools.path(h, p);
      if ((line.kind == FaultKind::kIsolate && here) ||
          (line.kind == FaultKind::kPoolHang && here && this_pool) ||
          (line.kind == FaultKind::kPoolHangAll && this_pool)) {
        begins ? pools.hang(h, p) : pools.unhang(h, p);
      } else if (line.kind == FaultKind::kPoolGone && here && this_pool) {
        begins ? pools.lose(h, p) : pools.regain(h, p);
      } else if (line.kind == FaultKind::kPoolSlow && this_pool) {
        path.slow += by;
      } else if (line.kind == FaultKind::kPoolStale && this_pool && (line.arg >> h & 1U) != 0) {
        begins ? pools.begin_stale(h, p) : pools.end_stale(h, p);
      } else if (line.kind == FaultKind::kBeatHang && here) {
        path.beat_hung += by;
        if (!begins) world_->storage_returned(h);
      }
    }
  }
}

void Injector::bmc(const FaultLine& line, bool begins) {
  BmcFaults& f = world_->bmcs.faults(line.target);
  const int by = begins ? 1 : -1;
  if (line.kind == FaultKind::kBmcDead) f.dead += by;
  if (line.kind == FaultKind::kBmcSlow) f.slow += by;
  if (line.kind == FaultKind::kBmcLostAnswer) f.lost_answer += by;
  if (line.kind == FaultKind::kBmcFalseFailure) f.false_failure += by;
  if (line.kind == FaultKind::kBmcLying) f.lying += by;
  if (line.kind == FaultKind::kBmcPassword) f.password += by;
  if (line.kind == FaultKind::kFeedDead) world_->feeds.set_dead(line.target, line.arg, by);
  if (line.kind == FaultKind::kBmcEcho) world_->bmcs.echo(line.target, begins);
}

void Injector::process(const FaultLine& line, bool begins) {
  SimHost& host = world_->hosts[line.target];
  const FaultKind kind = line.kind;
  if (kind == FaultKind::kLibvirtTrouble) {
    world_->hypervisor.set_trouble(line.target, begins ? 1 : -1);
  } else if (kind == FaultKind::kStoreSlow) {
    world_->manager.set_store_slow(begins ? 1 : -1);
  }
  if (kind == FaultKind::kStoreRestored)
    begins ? world_->manager.back_up() : world_->manager.restore_backup();
  if (!begins) return;
  if (kind == FaultKind::kAgentCrash && host.agent.up()) {
    host.agent.crash();
    world_->queue.push(world_->now + line.lasts, Ev::kAgentUp, line.target, host.agent.run());
  } else if (kind == FaultKind::kHeartbeatCrash && host.heartbeat.up()) {
    host.heartbeat.crash();
    world_->queue.push(world_->now + line.lasts, Ev::kHeartbeatUp, line.target,
                       host.heartbeat.run(), 1);
  } else if (kind == FaultKind::kManagerCrash) {
    line.arg == 0 ? world_->manager.crash(line.lasts)
                  : world_->manager.crash_soon(line.arg, line.lasts);
  } else if (kind == FaultKind::kManagerStall) {
    world_->manager.stall(world_->active() + line.lasts);
  }
}

void Injector::guest_crash(const FaultLine& line) {
  for (Qemu& q : world_->disks.qemus) {
    if (q.vm.value != line.target + 1U || q.state != QemuState::kRunning) continue;
    if (!world_->hosts[q.host].runs() || world_->pools.any_hung(q.host, q.pools)) continue;
    world_->hypervisor.ended(q, core::GoneReason::kCrashed);
  }
}

void Injector::person(const FaultLine& line, bool begins) {
  using enum FaultKind;
  const HostId host{line.target + 1U};
  if (line.kind == kDeploy) deploy();
  if (line.kind == kStart) wish(line, core::VmWish::kStart, false, false);
  if (line.kind == kStop) wish(line, core::VmWish::kStop, false, false);
  if (line.kind == kForceStop) wish(line, core::VmWish::kStop, true, false);
  if (line.kind == kReboot) wish(line, core::VmWish::kReboot, false, false);
  if (line.kind == kDestroy) wish(line, core::VmWish::kDestroy, false, true);
  if (line.kind == kFenceVm) wish(line, core::VmWish::kFence, false, false);
  if (line.kind == kMove) {
    wish(line, begins ? core::VmWish::kStop : core::VmWish::kStart, begins, false,
         begins ? HostId{} : HostId{line.arg});
  }
  if (line.kind == kHaOff) world_->manager.person(core::HaSet{host, !begins});
  if (line.kind == kDrain) world_->manager.person(core::HostAdmissionSet{host, !begins});
  if (line.kind == kConfirmDead) confirm_dead(line.target);
  if (line.kind == kApiPower) api_power(line, host);
}

void Injector::api_power(const FaultLine& line, HostId host) {
  static constexpr core::PowerVerb kVerbs[] = {core::PowerVerb::kOff,   core::PowerVerb::kOn,
                                               core::PowerVerb::kReset, core::PowerVerb::kStatus,
                                               core::PowerVerb::kCycle, core::PowerVerb::kSoft};
  world_->manager.person(
      core::PowerRequested{host, kVerbs[line.arg % std::size(kVerbs)], JobId{next_job_++}});
}

void Injector::deploy() {
  if (next_vm_ > kMaxVms || !world_->manager.up()) return;
  core::VmDeployed deployed;
  core::Vm& vm = deployed.vm;
  vm.id = VmId{next_vm_++};
  vm.cluster = ClusterId{1};
  vm.ha = next_vm_ % 4 != 0;
  vm.spec = vm_spec(vm.id.value, 1U << (vm.id.value % world_->pools.count()));
  deployed.job = JobId{next_job_++};
  world_->manager.person(deployed);
}

void Injector::wish(const FaultLine& line, core::VmWish wish, bool forced, bool expunge,
                    HostId pinned) {
  const VmId vm{line.target + 1U};
  world_->manager.person(core::VmRequested{vm, wish, forced, expunge, pinned, JobId{next_job_++}});
}

// The operator went there and looked: it is off, and it is left off until the word has arrived.
void Injector::confirm_dead(std::size_t host) {
  SimHost& h = world_->hosts[host];
  if (h.power != Power::kOff || !world_->manager.idle()) return;
  world_->manager.person(core::DeathConfirmed{HostId{host + 1}, "operator", "it is off, I looked"});
  h.hands_off_until = world_->now + 30'000;
}

}  // namespace mold::sim
