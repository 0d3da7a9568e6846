#include "tests/sim/plan.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "core/model/profile.h"
#include "lib/base/check.h"
#include "lib/base/rng.h"

namespace mold::sim {
namespace {

using Policy = core::Policy;

Duration pick(Rng& rng, std::initializer_list<int> ms) {
  return Duration{ms.begin()[rng.below(ms.size())]};
}

Duration between(Rng& rng, Duration low, Duration high) {
  return Duration{rng.between(low.count(), std::max(low, high).count())};
}

// The ladder of mold-heartbeat: always workable (two beats fit before the kill phase).
void draw_ladder(Rng& rng, heartbeat::LadderPolicy& l) {
  l = {};
  if (rng.chance(40)) return;
  l.beat_interval = pick(rng, {500, 1000, 1000, 2000});
  l.watchdog_timeout = std::max(between(rng, 3000ms, 8000ms), 2 * l.beat_interval);
  l.verify_grace = between(rng, 500ms, 2000ms);
  const Duration lease = l.beat_interval * rng.between(3, 6) + 500ms;
  l.deadline = lease + l.watchdog_timeout + l.verify_grace;
  l.probation_beats = static_cast<unsigned>(rng.between(2, 5));
}

void draw_policy(Rng& rng, const heartbeat::LadderPolicy& ladder, Policy& p) {
  p = {};
  if (rng.chance(30)) return;  // the defaults get their share
  p.beat_interval = pick(rng, {500, 500, 1000});
  p.suspect_after = between(rng, p.beat_interval * 2 + 200ms, 6s);
  p.storage_alive_within = between(rng, 2 * ladder.beat_interval + 200ms, 6s);
  p.dead_after = between(rng, std::max(p.suspect_after, p.storage_alive_within), 12s);
  p.observer_max_age = between(rng, p.beat_interval * 2 + 200ms, 10s);
  p.observer_stall_limit = between(rng, 300ms, 4s);
  p.own_stall_limit = between(rng, 300ms, 4s);
  p.check_timeout = between(rng, p.dead_after, 60s);
  p.degraded_recheck = between(rng, 2s, 15s);
  p.probation_beats = static_cast<int>(rng.between(1, 6));
  p.brake_percent = static_cast<int>(rng.between(30, 100));
  p.recover_attempts = rng.chance(25) ? static_cast<int>(rng.between(1, 2)) : 0;
  p.recover_timeout = between(rng, 30s, 120s);
  p.power_deadline = between(rng, 4s, 30s);
  p.fence_retry_first = between(rng, 500ms, 3s);
  p.fence_retry_last = between(rng, p.fence_retry_first, 20s);
  p.lease_margin = between(rng, 700ms, 3s);
  const Duration lease = ladder.kill_after(ladder.deadline) - ladder.beat_interval - 300ms;
  p.start_guard = between(rng, 500ms, std::min<Duration>(lease, 3s));
  p.vm_retry_first = between(rng, 500ms, 3s);
  p.vm_retry_last = between(rng, p.vm_retry_first, 40s);
  p.order_resend = between(rng, 2s, 15s);
  p.stop_grace = between(rng, 0s, 20s);
  p.job_deadline = between(rng, 30s, 300s);
  p.start_attempts = static_cast<int>(rng.between(1, 4));
}

// Drawn apart, too: a profile as it is, with what mold-heartbeat makes of its deadline.
void draw_profile(Plan& plan) {
  Rng rng(plan.seed ^ 0x632be59bU);
  if (!rng.chance(5)) return;
  const core::Profile& fast = core::profiles().back();
  plan.policy = fast.policy;
  plan.ladder = {};
  plan.ladder.beat_interval = fast.lease_beat_interval;
  plan.ladder.deadline = fast.lease_deadline;
  plan.ladder.watchdog_timeout = 3000ms;
}

void draw_cluster(Rng& rng, Plan& plan) {
  for (int i = 0; i < plan.shape.hosts; ++i) {
    HostPlan h;
    h.clock_offset = rng.between(1'000, 1'000'000'000);
    h.clock_ppm = static_cast<int>(rng.between(-1, 1)) * 500;
    h.watchdog = rng.chance(80);
    h.power_control = rng.chance(90);
    h.ha = rng.chance(95);
    plan.hosts.push_back(h);
  }
  for (int i = 0; i < plan.shape.vms; ++i) {
    VmPlan v;
    v.pool = static_cast<std::uint16_t>(rng.below(static_cast<std::uint64_t>(plan.pools)));
    v.both_pools = plan.pools > 1 && rng.chance(20);
    v.ha = rng.chance(85);
    v.running = rng.chance(85);
    v.host = static_cast<std::uint16_t>(rng.below(static_cast<std::uint64_t>(plan.shape.hosts)));
    plan.vms.push_back(v);
  }
}

struct Weight {
  FaultKind kind;
  unsigned weight;
};
// How often a kind comes when it is turned on. Kinds that only matter together with a death come
// as companions too (see companions()).
constexpr Weight kWeights[] = {
    {FaultKind::kPowerCut, 6},       {FaultKind::kPsuCut, 5},
    {FaultKind::kReset, 3},          {FaultKind::kFreeze, 8},
    {FaultKind::kStun, 2},           {FaultKind::kIsolate, 8},
    {FaultKind::kAgentCrash, 4},     {FaultKind::kHeartbeatCrash, 2},
    {FaultKind::kLibvirtTrouble, 4}, {FaultKind::kNetCut, 4},
    {FaultKind::kNetCutUp, 3},       {FaultKind::kNetCutDown, 3},
    {FaultKind::kNetPartition, 2},   {FaultKind::kNetBad, 4},
    {FaultKind::kPoolHang, 4},       {FaultKind::kPoolHangAll, 2},
    {FaultKind::kPoolGone, 3},       {FaultKind::kPoolSlow, 2},
    {FaultKind::kPoolStale, 2},      {FaultKind::kBeatHang, 3},
    {FaultKind::kBmcDead, 2},        {FaultKind::kBmcSlow, 2},
    {FaultKind::kBmcLostAnswer, 2},  {FaultKind::kBmcFalseFailure, 2},
    {FaultKind::kBmcLying, 2},       {FaultKind::kBmcPassword, 1},
    {FaultKind::kBmcEcho, 1},        {FaultKind::kManagerCrash, 4},
    {FaultKind::kManagerStall, 2},   {FaultKind::kStoreSlow, 1},
    {FaultKind::kGuestCrash, 3},     {FaultKind::kDeploy, 3},
    {FaultKind::kStart, 4},          {FaultKind::kStop, 3},
    {FaultKind::kForceStop, 2},      {FaultKind::kReboot, 2},
    {FaultKind::kDestroy, 1},        {FaultKind::kHaOff, 1},
    {FaultKind::kMove, 2},           {FaultKind::kDrain, 1},
    {FaultKind::kConfirmDead, 1},    {FaultKind::kApiPower, 2},
    {FaultKind::kClusterFence, 3},   {FaultKind::kFeedDead, 2},
    {FaultKind::kFenceVm, 2},
};

Ms draw_length(Rng& rng, FaultKind kind, const Plan& plan) {
  using enum FaultKind;
  const Ms deadline = plan.ladder.deadline.count();
  switch (kind) {
    case kReset:
    case kGuestCrash:
    case kDeploy:
    case kStart:
    case kStop:
    case kForceStop:
    case kReboot:
    case kDestroy:
    case kStoreRestored:  // drawn apart
    case kFenceVm:
    case kConfirmDead:
    case kApiPower:
      return 0;
    // The host's clock is part of its promise: what it may lose stays below the margin.
    case kStun:
      return rng.between(50, plan.policy.lease_margin.count() / 2);
    case kAgentCrash:
    case kHeartbeatCrash:
      return rng.between(50, 3'000);
    case kManagerCrash:
      return rng.chance(80) ? rng.between(200, 3'000) : rng.between(3'000, 30'000);
    case kManagerStall:
      return rng.between(300, 15'000);
    case kStoreSlow:
      return rng.between(2'000, 20'000);
    case kPowerCut:
    case kPsuCut:
      return rng.between(15'000, 90'000);
    case kMove:
    case kHaOff:
    case kDrain:
      return rng.between(10'000, 60'000);
    case kBmcDead:
    case kBmcSlow:
    case kBmcLostAnswer:
    case kBmcFalseFailure:
    case kBmcLying:
    case kBmcEcho:
    case kBmcPassword:
    case kFeedDead:
      return rng.between(10'000, 60'000);
    case kClusterFence:
      return rng.chance(80) ? rng.between(20, 2'000) : rng.between(2'000, 120'000);
    // Interesting lengths lie around the deadlines that both sides count with.
    case kFreeze:
    case kIsolate:
    case kNetCut:
    case kNetCutUp:
    case kNetCutDown:
    case kNetPartition:
    case kNetBad:
    case kPoolHang:
    case kPoolHangAll:
    case kPoolGone:
    case kPoolSlow:
    case kPoolStale:
    case kBeatHang:
    case kLibvirtTrouble: {
      const std::uint64_t sort = rng.below(10);
      if (sort < 3) return rng.between(200, 5'000);
      if (sort < 8) return rng.between(4'000, deadline + 6'000);
      return rng.between(deadline, 3 * deadline);
    }
  }
  MOLD_UNREACHABLE();
}

FaultLine draw_line(Rng& rng, FaultKind kind, Ms at, std::size_t focus, const Plan& plan) {
  FaultLine line{.at = at, .kind = kind};
  line.target = static_cast<std::uint16_t>(
      aims_at_vm(kind) ? rng.below(plan.vms.size())
                       : (rng.chance(70) ? focus : rng.below(plan.hosts.size())));
  line.pool = static_cast<std::uint16_t>(rng.below(static_cast<std::uint64_t>(plan.pools)));
  line.lasts = draw_length(rng, kind, plan);
  const std::uint64_t everybody = (std::uint64_t{1} << plan.hosts.size()) - 1;
  if (kind == FaultKind::kNetPartition) {
    line.arg = static_cast<std::uint32_t>(1 + rng.below(everybody));
  } else if (kind == FaultKind::kPoolStale) {
    const std::uint64_t others = everybody & ~(std::uint64_t{1} << line.target);
    line.arg = static_cast<std::uint32_t>(rng.chance(60) ? others : 1 + rng.below(everybody));
  } else if (kind == FaultKind::kNetBad) {
    line.arg = static_cast<std::uint32_t>(rng.between(5, 50));
  } else if (kind == FaultKind::kManagerCrash || kind == FaultKind::kApiPower) {
    line.arg = static_cast<std::uint32_t>(rng.below(8));
  } else if (kind == FaultKind::kClusterFence || kind == FaultKind::kFeedDead) {
    line.arg = static_cast<std::uint32_t>(rng.below(2));
  } else if (kind == FaultKind::kMove) {
    line.arg = static_cast<std::uint32_t>(1 + rng.below(plan.hosts.size()));
  }
  return line;
}

// A death alone is easy. What makes it hard comes with it: the BMC, the witnesses, the manager.
void companions(Rng& rng, const FaultLine& death, Plan& plan) {
  static constexpr FaultKind kBmc[] = {
      FaultKind::kBmcDead,     FaultKind::kBmcDead,         FaultKind::kBmcLying,
      FaultKind::kBmcSlow,     FaultKind::kBmcLostAnswer,   FaultKind::kBmcLying,
      FaultKind::kBmcPassword, FaultKind::kBmcFalseFailure,
  };
  static constexpr FaultKind kOther[] = {
      FaultKind::kPoolStale, FaultKind::kManagerCrash, FaultKind::kAgentCrash,
      FaultKind::kNetBad,    FaultKind::kManagerStall, FaultKind::kBeatHang,
      FaultKind::kNetCut,    FaultKind::kPoolHang,     FaultKind::kFreeze,
      FaultKind::kPsuCut,
  };
  const auto near = [&] { return std::max<Ms>(0, death.at + rng.between(-3'000, 15'000)); };
  if (rng.chance(60)) {
    FaultLine line = draw_line(rng, kBmc[rng.below(std::size(kBmc))], death.at, death.target, plan);
    line.target = death.target;
    line.at = std::max<Ms>(0, death.at - rng.between(0, 2'000));
    plan.lines.push_back(line);
  }
  if (rng.chance(40)) {
    plan.lines.push_back(
        draw_line(rng, kOther[rng.below(std::size(kOther))], near(), death.target, plan));
  }
}

bool is_death(FaultKind kind) {
  using enum FaultKind;
  return kind == kPowerCut || kind == kPsuCut || kind == kFreeze || kind == kIsolate;
}

// Faults that only bite together, in one row. Random lines meet like this too, but seldom.
void conspire(Rng& rng, Plan& plan) {
  using enum FaultKind;
  const Ms deadline = plan.ladder.deadline.count();
  const Ms at = rng.between(20'000, plan.heal_at - 300'000);
  const auto x = static_cast<std::uint16_t>(rng.below(plan.hosts.size()));
  const auto y =
      static_cast<std::uint16_t>((x + 1 + rng.below(plan.hosts.size() - 1)) % plan.hosts.size());
  const auto add = [&](FaultKind kind, std::uint16_t host, Ms after, Ms lasts,
                       std::uint32_t arg = 0) {
    for (int p = 0; p < (kind == kPoolStale ? plan.pools : 1); ++p) {
      plan.lines.push_back({at + after, kind, host, static_cast<std::uint16_t>(p), lasts, arg});
    }
  };
  // Somebody moves three VMs to that host; they are started there at `when`.
  const auto move_to = [&](std::uint16_t host, Ms when) {
    for (int i = 0; i < 3; ++i) {
      plan.lines.push_back({at + when - 6'000, kMove,
                            static_cast<std::uint16_t>(rng.below(plan.vms.size())), 0, 6'000,
                            host + 1U});
    }
  };
  switch (rng.below(7)) {
    case 0: {  // cut off, and everybody else reads an old snapshot of the pool
      const std::uint32_t all = (1U << plan.hosts.size()) - 1;
      add(kBmcDead, x, 0, 3 * deadline);
      add(kPoolStale, x, 0, 3 * deadline, all & ~(1U << x));
      add(kNetCut, x, rng.between(0, 3'000), 2 * deadline + 5'000);
      return;
    }
    case 1:  // a new boot that cannot beat, under the record that its last boot left
      add(kBeatHang, x, 0, 180'000);
      add(kReset, x, 100, 0);
      move_to(x, 80'000);
      add(kBmcDead, x, 60'000, 120'000);
      add(kNetCut, x, rng.between(83'000, 120'000), 40'000);
      return;
    case 2:  // who shall take VMs is cut off while starting them
      plan.slow_starts = 80;
      move_to(y, 8'000);
      add(kBmcDead, y, 0, 90'000);
      add(rng.chance(80) ? kIsolate : kFreeze, y, 8'000 + rng.between(10, 3'000),
          rng.between(deadline + 3'000, 3 * deadline));
      return;
    case 3:  // many starts and many new sessions, over wires that keep old messages
      plan.slow_starts = 80;
      add(kNetBad, y, 0, 60'000, 48);  // even: everybody
      add(kPowerCut, x, 1'000, 60'000);
      for (int i = 0; i < 3; ++i) add(kAgentCrash, y, rng.between(7'000, 25'000), 300);
      return;
    case 4: {  // fenced by its cluster, whose word comes when it is back and cut off
      const Ms late = rng.between(60'000, 120'000);
      add(kClusterFence, x, 0, late, 0);
      move_to(x, late - 15'000);
      add(kBmcDead, x, late - 8'000, 60'000);
      add(rng.chance(50) ? kNetCut : kIsolate, x, late - 5'000, rng.between(15'000, 40'000));
      return;
    }
    case 5:  // one feed can be cut, and is switched on again while the other is fought with
      plan.hosts[x].feeds = 2;
      plan.hosts[x].power_control = rng.chance(30);
      add(kBmcDead, x, 0, 120'000);
      add(kFeedDead, x, 0, rng.between(20'000, 60'000), static_cast<std::uint32_t>(rng.below(2)));
      add(rng.chance(60) ? kIsolate : kFreeze, x, 1'000, 100'000);
      add(kPoolStale, x, 0, 110'000,
          static_cast<std::uint32_t>((1ULL << plan.hosts.size()) - 1) & ~(1U << x));
      return;
    default: {  // dies again soon after it came back, its BMC fails, and old answers come again
      const Ms again = rng.between(60'000, 140'000);
      move_to(x, again - 5'000);
      add(kPowerCut, x, 0, 6'000);
      add(kBmcDead, x, 35'000, 150'000);
      add(rng.chance(50) ? kIsolate : kFreeze, x, again, rng.between(6'000, 2 * deadline));
      add(kBmcEcho, x, 0, again + rng.between(4'000, 12'000));
      return;
    }
  }
}

// Drawn apart: what a seed meant before there were feeds it goes on meaning, mostly.
void draw_feeds(Plan& plan) {
  Rng rng(plan.seed ^ 0x5bd1e995U);
  for (HostPlan& host : plan.hosts) {
    if (rng.chance(25)) host.feeds = static_cast<int>(rng.between(1, 2));
  }
  core::Policy& p = plan.policy;
  if (rng.chance(30)) return;
  p.fence_escalate_after = between(rng, 0ms, 10s);
  p.fence_race = rng.chance(30);
  p.fence_reading_fresh = between(rng, 3s, 20s);
  p.fence_tolerance = between(rng, 0s, 60s);
  p.fence_parallel = static_cast<int>(rng.between(1, 4));
}

// Drawn apart, too.
void draw_ceph(Plan& plan) {
  Rng rng(plan.seed ^ 0x7f4a7c15U);
  plan.rbd_pools = 0;
  plan.ceph_trouble = rng.chance(40) ? static_cast<unsigned>(rng.between(1, 15)) : 0;
  if (rng.chance(40)) return;
  plan.rbd_pools = rng.chance(70) ? 1U : (1U << plan.pools) - 1;
  core::Policy& p = plan.policy;
  if (rng.chance(30)) return;
  p.isolation_deadline = between(rng, 7s, 20s);
  p.isolation_retry = between(rng, 300ms, 5s);
  p.isolation_expiry = between(rng, 120s, 200s);
  p.isolation_renew = between(rng, 5s, 30s);
}

// Thaws, or comes back from its cut, long after what it had was given to others.
void outlast_expiry(Plan& plan) {
  Rng rng(plan.seed ^ 0x2545f491U);
  if (plan.rbd_pools == 0 || plan.heal_at < 800'000 || !rng.chance(8)) return;
  const auto x = static_cast<std::uint16_t>(rng.below(plan.hosts.size()));
  const Ms lasts = 230'000 + rng.between(0, 60'000);
  const Ms at = rng.between(20'000, plan.heal_at - lasts - 60'000);
  plan.hosts[x].watchdog = false;
  plan.lines.push_back({at, FaultKind::kBmcDead, x, 0, lasts + 30'000, 0});
  plan.lines.push_back(
      {at + 1'000, rng.chance(50) ? FaultKind::kFreeze : FaultKind::kIsolate, x, 0, lasts, 0});
}

// A backup from before some trouble is restored soon after it.
void restore_store(Plan& plan) {
  Rng rng(plan.seed ^ 0x1b873593U);
  if (plan.lines.empty() || !rng.chance(12)) return;
  const Ms trouble = plan.lines[rng.below(plan.lines.size())].at;
  const Ms at = std::max<Ms>(0, trouble - rng.between(0, 20'000));
  const Ms lasts = trouble - at + rng.between(5'000, 120'000);
  plan.lines.push_back({at, FaultKind::kStoreRestored, 0, 0, lasts, 0});
  // Isolations that were forgotten are not renewed: theirs must be as long as they really are.
  plan.policy.isolation_expiry = Policy{}.isolation_expiry;
}

void draw_lines(Rng& rng, Plan& plan) {
  unsigned on[kFaultKindCount] = {};
  unsigned total = 0;
  for (const Weight& w : kWeights) {
    const unsigned weight = rng.chance(45) ? w.weight : 0;
    on[static_cast<int>(w.kind)] = weight;
    total += weight;
  }
  if (total == 0) on[0] = total = 1;
  const bool conspiracy = rng.chance(30);
  if (conspiracy) conspire(rng, plan);
  const std::int64_t storms = rng.between(conspiracy ? 0 : 1, 2);
  const Ms last = plan.heal_at - 30'000;
  for (std::int64_t s = 0; s < storms; ++s) {
    const Ms begin = rng.between(10'000, last);
    const Ms width = rng.between(1'000, 30'000);
    const std::size_t focus = rng.below(plan.hosts.size());
    const std::int64_t count = rng.between(1, 4);
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint64_t at = rng.below(total);
      int kind = 0;
      while (at >= on[kind]) at -= on[kind++];
      const FaultLine line = draw_line(rng, static_cast<FaultKind>(kind),
                                       std::min(last, begin + rng.between(0, width)), focus, plan);
      plan.lines.push_back(line);
      if (is_death(line.kind)) companions(rng, line, plan);
    }
  }
  outlast_expiry(plan);
  restore_store(plan);
  std::stable_sort(plan.lines.begin(), plan.lines.end(),
                   [](const FaultLine& x, const FaultLine& y) { return x.at < y.at; });
}

}  // namespace

// A clock that drifts by 500 ppm shows whole milliseconds every 2 s.
Ms Plan::rhythm() const {
  return std::lcm(std::lcm(policy.beat_interval.count(), ladder.beat_interval.count()), Ms{2000});
}

void draw_plan(std::uint64_t seed, const Shape& shape, Plan& plan) {
  Rng rng(seed);
  plan.seed = seed;
  plan.hosts.clear();
  plan.vms.clear();
  plan.lines.clear();
  plan.shape = shape;
  const int hosts = static_cast<int>(rng.between(3, 5));
  const int vms = static_cast<int>(rng.between(6, 20));
  if (shape.hosts == 0) plan.shape.hosts = hosts;
  if (shape.vms == 0) plan.shape.vms = vms;
  MOLD_CHECK(plan.shape.hosts <= static_cast<int>(kMaxHosts), "too many hosts for the masks");
  plan.pools = rng.chance(40) ? 2 : 1;
  plan.end_at = Ms{plan.shape.minutes} * 60'000;
  plan.heal_at = plan.end_at * 2 / 3;
  plan.repair_after = rng.between(5'000, 60'000);
  draw_ladder(rng, plan.ladder);
  draw_policy(rng, plan.ladder, plan.policy);
  draw_profile(plan);
  const Status valid = check_policy(plan.policy);
  MOLD_CHECK(valid.has_value(), valid ? "" : valid.error().what);
  draw_cluster(rng, plan);
  draw_feeds(plan);
  draw_ceph(plan);
  plan.call_fails = rng.chance(40) ? static_cast<unsigned>(rng.between(1, 20)) : 0;
  const auto crowd = static_cast<std::uint64_t>(plan.shape.vms + 10) * 4;
  const auto others = static_cast<std::uint64_t>(plan.shape.hosts - 1);
  plan.host_gib = rng.chance(50) ? 64 + crowd / others : 4 + crowd / others;
  plan.slow_starts = rng.chance(30) ? 60 : 0;
  plan.call_unknown = rng.chance(40) ? static_cast<unsigned>(rng.between(1, 20)) : 0;
  plan.guest_ignores_acpi = rng.chance(40) ? static_cast<unsigned>(rng.between(5, 60)) : 0;
  plan.message_loss = rng.chance(30) ? static_cast<unsigned>(rng.between(1, 5)) : 0;
  plan.message_duplicate = rng.chance(30) ? static_cast<unsigned>(rng.between(1, 10)) : 0;
  plan.message_late = rng.chance(30) ? static_cast<unsigned>(rng.between(1, 4)) : 0;
  draw_lines(rng, plan);
}

}  // namespace mold::sim
