#include "tests/sim/heartbeat.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr Duration kBoardStale = 5s;  // older: agentd treats the heartbeat as absent
constexpr Ms kLookOften = 100;

}  // namespace

void Heartbeat::begin(World& world, std::size_t host) {
  world_ = &world;
  host_ = host;
  up_ = watchdog_armed_ = false;
  run_ = 0;
  incarnation_ = 0;
  updated_at_ = {};
  fed_at_ = 0;
  for (std::size_t p = 0; p < world.pools.count(); ++p) {
    children_[p].seen.assign(world.hosts.size(), {});
  }
}

void Heartbeat::start(bool fresh_boot) {
  up_ = true;
  ++run_;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    PoolChild& child = children_[p];
    heartbeat::Ladder ladder(world_->plan().ladder);
    if (fresh_boot) {
      child.content = {.boot = world_->hosts[host_].boot};
    } else {
      const heartbeat::Ladder& was = child.ladder;
      ladder.inherit(was.state(), was.valid_until(), was.deadline(), was.policy().watchdog_timeout,
                     was.promised());
    }
    child.ladder = ladder;
    child.waiting = false;
    child.next_beat = 0;
    child.last_read_ok = false;
    std::fill(child.seen.begin(), child.seen.end(), SeenBeat{});
  }
  if (fresh_boot) incarnation_ = 0;
  if (world_->plan().hosts[host_].watchdog && !watchdog_armed_) {
    watchdog_armed_ = true;
    fed_at_ = world_->active();
    world_->queue.push(world_->now + world_->plan().ladder.watchdog_timeout.count(), Ev::kWatchdog,
                       host_, world_->hosts[host_].boot);
  }
  round();
}

void Heartbeat::crash() {
  up_ = false;
  ++run_;
}

void Heartbeat::host_died() {
  crash();
  watchdog_armed_ = false;
}

void Heartbeat::round() {
  const Instant local = world_->hosts[host_].local();
  bool feed = true;
  bool often = false;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    step_pool(p, local, feed, often);
    read_pool(p, local);
  }
  if (feed && watchdog_armed_) fed_at_ = world_->active();
  updated_at_ = local;
  schedule_round(local, often);
}

void Heartbeat::step_pool(std::size_t pool, Instant local, bool& feed, bool& often) {
  PoolChild& child = children_[pool];
  const heartbeat::LadderStep step = child.ladder.step(local, watchdog_armed_);
  if (step.lost_now) {
    ++incarnation_;
    world_->story.step(world_->now, 30, host_, pool);
    if (world_->story.listens()) {
      world_->tell("host " + std::to_string(host_ + 1),
                   "lost its lease on pool " + std::to_string(pool + 1));
    }
  }
  if (step.kill) world_->kill_pool_vms(host_, pool);
  if (step.look_often) {
    child.ladder.looked({local, world_->count_pool_vms(host_, pool), true});
  }
  feed = feed && step.feed;
  often = often || step.look_often;
  if (step.may_issue && !child.waiting && world_->active() >= child.next_beat) {
    issue(pool, local, step.announce_armed);
  }
}

void Heartbeat::issue(std::size_t pool, Instant local, bool armed) {
  PoolChild& child = children_[pool];
  child.ladder.beat_issued(local, armed);
  ++child.content.counter;
  child.content.incarnation = incarnation_;
  child.content.armed = armed;
  child.content.deadline = world_->plan().ladder.deadline;
  child.next_beat = world_->active() + world_->plan().ladder.beat_interval.count();
  const PoolPath& path = world_->pools.path(host_, pool);
  const Ms takes = path.slow > 0 ? world_->draw(300, 6000, Draw::kStorage, host_, pool)
                                 : world_->draw(2, 20, Draw::kStorage, host_, pool);
  world_->queue.push(world_->now + takes, Ev::kBeatIo, host_, run_,
                     static_cast<std::uint32_t>(pool));
}

void Heartbeat::beat_io(std::size_t pool) {
  PoolChild& child = children_[pool];
  const PoolPath& path = world_->pools.path(host_, pool);
  if (path.hung > 0 || path.beat_hung > 0) {
    child.waiting = true;
    return;
  }
  child.waiting = false;
  const bool ok = path.gone == 0;
  if (ok) world_->pools.write(pool, host_, child.content);
  child.ladder.beat_done(world_->hosts[host_].local(), ok);
}

void Heartbeat::storage_returned() {
  if (!up_) return;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    if (!children_[p].waiting) continue;
    world_->queue.push(world_->now + world_->draw(1, 50, Draw::kStorage, host_, p), Ev::kBeatIo,
                       host_, run_, static_cast<std::uint32_t>(p));
  }
}

void Heartbeat::read_pool(std::size_t pool, Instant local) {
  PoolChild& child = children_[pool];
  const PoolPath& path = world_->pools.path(host_, pool);
  child.last_read_ok = path.hung + path.gone + path.beat_hung == 0;
  if (!child.last_read_ok) return;
  const Pools::Records& records = world_->pools.read(pool, host_);
  for (std::size_t h = 0; h < child.seen.size(); ++h) {
    if (h == host_ || records[h].counter == 0) continue;
    SeenBeat& seen = child.seen[h];
    if (!seen.ever || seen.content != records[h]) {
      seen.ever = true;
      seen.content = records[h];
      seen.changed_at = local;
    }
    seen.read_at = local;
  }
}

// The next beat, the end of the lease that ends first, or the next look at dying processes.
void Heartbeat::schedule_round(Instant local, bool often) {
  Ms wait = world_->plan().ladder.beat_interval.count();
  if (often) wait = kLookOften;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    const heartbeat::Ladder& ladder = children_[p].ladder;
    if (ladder.state() == heartbeat::LeaseState::kHeld) {
      wait = std::min<Ms>(wait, std::max<Ms>(1, (ladder.valid_until() - local).count()));
    }
    const Ms beat = children_[p].next_beat - world_->active();
    if (beat > 0) wait = std::min(wait, beat);
  }
  world_->queue.push(world_->now + wait, Ev::kRound, host_, run_);
}

bool Heartbeat::watchdog_due() {
  const Ms bites_in = fed_at_ + world_->plan().ladder.watchdog_timeout.count() - world_->active();
  if (bites_in <= 0) return true;
  world_->queue.push(world_->now + bites_in, Ev::kWatchdog, host_, world_->hosts[host_].boot);
  return false;
}

bool Heartbeat::all_held() const {
  if (!up_) return false;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    const heartbeat::Ladder& ladder = children_[p].ladder;
    if (ladder.state() != heartbeat::LeaseState::kHeld || children_[p].waiting) return false;
    // Not just held: held by a beat of the present rhythm.
    if (ladder.consecutive_good() <= world_->plan().ladder.probation_beats) return false;
  }
  return true;
}

void Heartbeat::lease_view(core::LeaseView& out) const {
  out.pools.clear();
  const Instant local = world_->hosts[host_].local();
  out.valid = up_ && local - updated_at_ <= kBoardStale;
  out.incarnation = incarnation_;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    const heartbeat::Ladder& ladder = children_[p].ladder;
    out.pools.push_back(
        {PoolId{p + 1}, ladder.state() == heartbeat::LeaseState::kHeld, ladder.valid_until()});
  }
}

void Heartbeat::readings(std::vector<core::LeaseReading>& out) const {
  out.clear();
  if (!up_) return;
  const Instant local = world_->hosts[host_].local();
  const Duration fresh = 2 * world_->plan().ladder.beat_interval + 500ms;
  for (std::size_t p = 0; p < world_->pools.count(); ++p) {
    for (std::size_t h = 0; h < children_[p].seen.size(); ++h) {
      if (h == host_) continue;
      const SeenBeat& seen = children_[p].seen[h];
      core::LeaseReading& r = out.emplace_back();
      r.pool = PoolId{p + 1};
      r.subject = HostId{h + 1};
      r.readable = seen.ever && children_[p].last_read_ok && local - seen.read_at <= fresh;
      r.counter = seen.content.counter;
      r.incarnation = seen.content.incarnation;
      r.armed = seen.content.armed;
      r.deadline = seen.content.deadline;
      r.unchanged = seen.read_at - seen.changed_at;
    }
  }
}

}  // namespace mold::sim
