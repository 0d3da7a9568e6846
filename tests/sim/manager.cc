#include "tests/sim/manager.h"

#include <algorithm>
#include <utility>

#include "tests/sim/story_text.h"
#include "tests/sim/volatile.h"
#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr std::size_t kMaxWaiting = 4096;

}  // namespace

void Manager::begin(World& world) {
  world_ = &world;
  run_ = 0;
  brain_.reset();
  committing_ = stalled_ = false;
  cause_ = {};
  store_slow_ = 0;
  waiting_.clear();
  crash_in_ = 0;
  timer_at_ = stalled_until_ = 0;
  mark_ = {};
}

Now Manager::now() const {
  return {Instant{clock_origin_ + world_->active()}, WallTime{1'700'000'000'000 + world_->now}};
}

void Manager::start() {
  ++run_;
  clock_origin_ = world_->draw(0, 1'000'000'000, Draw::kStart, 77, run_);
  timer_at_ = 0;
  committing_ = stalled_ = false;
  cause_ = {};
  waiting_.clear();
  core::State state = stored_;
  forget_volatile(state);
  if (stored_.next_op < mark_) state.older_because = "it has forgotten orders";
  brain_.emplace(world_->plan().policy, std::move(state), world_->options().mutation);
  turn(brain_->resume(now()));
  for (std::size_t h = 0; h < world_->hosts.size(); ++h)
    person(core::FenceDevicesSet{HostId{h + 1}, world_->feeds.levels(h)});
}

void Manager::crash(Ms down_for) {
  if (!up()) return;
  world_->tell("manager", "crashes");
  world_->story.step(world_->now, 40, run_);
  // A commit under way has made it to the store, or not.
  if (committing_ && world_->draw(0, 1, Draw::kCommit, run_) == 0) store(pending_.changes);
  ++run_;
  brain_.reset();
  committing_ = stalled_ = false;
  cause_ = {};
  crash_in_ = 0;
  waiting_.clear();
  world_->queue.push(world_->now + down_for, Ev::kManagerUp, 0, run_);
}

void Manager::restore_backup() {
  crash(world_->draw(500, 10'000, Draw::kStart, 78, run_));
  stored_ = backup_;
  for (const auto& [id, job] : stored_.jobs) world_->job_end.forgotten(id);
}

void Manager::crash_soon(std::uint32_t where, Ms down_for) {
  if (!up() || crash_in_ != 0) return;
  crash_in_ = 1 + where / 4;
  crash_where_ = where;
  crash_down_for_ = down_for;
}

void Manager::stall(Ms until) {
  if (!up()) return;
  stalled_until_ = std::max(stalled_ ? stalled_until_ : 0, until);
  if (stalled_) return;
  stalled_ = true;
  world_->queue.push(world_->now + stalled_until_ - world_->active(), Ev::kManagerWake, 0, run_);
}

void Manager::heal() {
  store_slow_ = 0;
  crash_in_ = 0;
  stalled_until_ = std::min(stalled_until_, world_->active());
}

void Manager::wake(std::uint32_t run) {
  if (run != run_ || !stalled_) return;
  if (world_->active() < stalled_until_) {
    world_->queue.push(world_->now + stalled_until_ - world_->active(), Ev::kManagerWake, 0, run_);
    return;
  }
  stalled_ = false;
  drain();
}

void Manager::message(std::uint32_t slot) {
  const UpMessage& m = world_->net.up(slot);
  if (up() && m.manager_run == run_) {
    Cause cause{.wire = true, .host = m.host, .tag = m.tag, .session = 0, .epoch = m.epoch};
    if (const auto* hello = std::get_if<core::HelloReceived>(&m.event)) {
      cause.session = hello->session;
    }
    take(m.event, cause);
  }
  world_->net.give_up_slot(slot);
}

void Manager::power_answered(const core::PowerAnswered& answer, std::uint32_t run) {
  if (up() && run == run_) take(answer, {});  // the executor died with its manager
}

void Manager::isolation_answered(const core::IsolationAnswered& answer, std::uint32_t run) {
  if (up() && run == run_) take(answer, {});
}

void Manager::person(const core::Event& event) {
  if (up()) take(event, {});
}

void Manager::take(const core::Event& event, const Cause& cause) {
  if (busy()) {
    if (waiting_.size() < kMaxWaiting) waiting_.push_back({event, cause});
    return;
  }
  if (of_old_session(event, cause)) return refuse(cause);
  cause_ = cause;
  turn(brain_->step(event, now()));
}

// The link lets results in only under the present epoch, as manager/agents does: what an agent said
// before it crashed is no word of the agent that runs now.
bool Manager::of_old_session(const core::Event& event, const Cause& cause) const {
  if (!cause.wire || !std::holds_alternative<core::OrderAnswered>(event)) return false;
  const auto host = brain_->state().hosts.find(HostId{cause.host + 1});
  return host == brain_->state().hosts.end() || host->second.epoch != cause.epoch;
}

void Manager::refuse(const Cause& cause) {
  const std::uint32_t slot = world_->net.down_slot(cause.host, DownKind::kSessionRefused);
  world_->net.down(slot).number = cause.session;
  world_->net.down(slot).epoch = cause.epoch;
  world_->net.send_down(slot);
}

// Only what is durable is acknowledged.
void Manager::acknowledge() {
  const Cause cause = std::exchange(cause_, {});
  if (!cause.wire || cause.tag == 0) return;
  const std::uint32_t slot = world_->net.down_slot(cause.host, DownKind::kAcknowledged);
  world_->net.down(slot).number = cause.tag;
  world_->net.send_down(slot);
}

void Manager::timer(std::uint32_t run) {
  if (run != run_ || !up()) return;
  timer_at_ = 0;
  if (busy()) return;  // drain() looks at the clock
  const std::optional<Instant> due = brain_->deadline();
  if (due && *due <= now().mono) {
    turn(brain_->step(core::TimePassed{}, now()));
  } else {
    set_timer();
  }
}

void Manager::drain() {
  std::swap(waiting_, draining_);
  for (std::size_t i = 0; i < draining_.size(); ++i) {
    if (!up()) break;
    take(draining_[i].event, draining_[i].cause);
  }
  draining_.clear();
  if (up() && !busy()) turn(brain_->step(core::TimePassed{}, now()));
}

void Manager::set_timer() {
  const std::optional<Instant> due = brain_->deadline();
  if (!due) return;
  const Ms wait = std::max<Ms>(1, (*due - now().mono).count());
  const Ms at = world_->active() + wait;
  if (timer_at_ != 0 && timer_at_ <= at) return;  // the earlier timer looks again
  timer_at_ = at;
  world_->queue.push(world_->now + wait, Ev::kManagerTimer, 0, run_);
}

// An ordered crash: before the commit, after it, or between two actions.
bool Manager::crash_here(const core::Turn& turn) {
  if (crash_in_ == 0 || turn.changes.empty() || --crash_in_ != 0) return false;
  const std::uint32_t where = crash_where_ % 4;
  if (where != 0) store(turn.changes);
  if (where >= 2) {
    pending_ = turn;
    const std::size_t n = turn.actions.size();
    act(0, where == 2 ? n / 2 : n > 0 ? n - 1 : 0);
  }
  crash(crash_down_for_);
  return true;
}

void Manager::turn(core::Turn&& turn) {
  if (turn.changes.empty() && turn.actions.empty()) {
    acknowledge();
    return set_timer();
  }
  if (crash_here(turn)) return;
  pending_ = std::move(turn);
  for (const core::Action& action : pending_.actions) note(action);
  if (pending_.changes.empty()) {
    act(0, pending_.actions.size());
    acknowledge();
    return set_timer();
  }
  committing_ = true;
  const Ms takes = store_slow_ > 0 ? world_->draw(200, 4'000, Draw::kCommit, 1)
                                   : world_->draw(0, 4, Draw::kCommit, 1);
  if (takes > 1) {
    world_->queue.push(world_->now + takes, Ev::kCommitted, 0, run_);
  } else {
    committed(run_);
  }
}

void Manager::committed(std::uint32_t run) {
  if (run != run_ || !committing_) return;
  if (stalled_) {  // written, but nobody there to act on it yet
    world_->queue.push(world_->now + std::max<Ms>(1, stalled_until_ - world_->active()),
                       Ev::kCommitted, 0, run_);
    return;
  }
  store(pending_.changes);
  committing_ = false;
  act(0, pending_.actions.size());
  acknowledge();
  if (!up()) return;
  if (!waiting_.empty()) {
    drain();
  } else {
    set_timer();
  }
}

void Manager::store(const core::Changes& changes) {
  const core::State& now = brain_->state();
  const auto copy = [](const auto& ids, const auto& from, auto& to) {
    for (const auto& id : ids) {
      const auto found = from.find(id);
      if (found == from.end()) {
        to.erase(id);
      } else {
        to[id] = found->second;
      }
    }
  };
  copy(changes.hosts, now.hosts, stored_.hosts);
  copy(changes.vms, now.vms, stored_.vms);
  copy(changes.pools, now.pools, stored_.pools);
  copy(changes.jobs, now.jobs, stored_.jobs);
  if (!changes.counters) return;
  stored_.next_op = mark_ = now.next_op;
  stored_.min_generation = now.min_generation;
}

void Manager::act(std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) act_one(pending_.actions[i]);
}

void Manager::act_one(const core::Action& action) {
  if (const auto* open = std::get_if<core::OpenSession>(&action)) {
    const auto slot = world_->net.down_slot(open->host.value - 1, DownKind::kSessionOpened);
    world_->net.down(slot).number = open->session;
    world_->net.down(slot).epoch = open->epoch;
    world_->net.send_down(slot);
  } else if (const auto* refusal = std::get_if<core::RefuseSession>(&action)) {
    if (!cause_.wire || cause_.host + 1 != refusal->host.value) return;
    Cause cause = cause_;
    if (refusal->session != 0) cause.epoch = refusal->present;
    refuse(cause);
  } else if (const auto* send = std::get_if<core::SendOrder>(&action)) {
    if (send->order.kind == core::OrderKind::kStartVm) world_->restart_proof.ordered(send->order);
    const auto slot = world_->net.down_slot(send->order.host.value - 1, DownKind::kOrder);
    world_->net.down(slot).order = send->order;
    world_->net.send_down(slot);
  } else if (const auto* power = std::get_if<core::RequestPower>(&action)) {
    world_->bmcs.request(*power, run_);
  } else if (const auto* isolation = std::get_if<core::RequestIsolation>(&action)) {
    world_->ceph.request(*isolation, run_);
  } else if (const auto* moved = std::get_if<core::NoteTransition>(&action)) {
    if (moved->entity == "vm" && moved->to == core::to_string(core::VmState::kRunning))
      world_->ceph.look_at_clients(VmId{moved->id},
                                   world_->draw(100, 4'000, Draw::kClients, moved->id, 3));
  } else if (const auto* job = std::get_if<core::FinishJob>(&action)) {
    world_->job_end.finished(job->job);
  }
}

// Into the hash, and into the story if somebody listens.
void Manager::note(const core::Action& action) {
  Story& story = world_->story;
  story.step(world_->now, 50 + action.index(), 0);
  if (const auto* n = std::get_if<core::NoteTransition>(&action)) {
    story.step(n->entity.size(), n->id, n->from.size(), n->to.size());
    story.mix(n->to);
  } else if (const auto* o = std::get_if<core::SendOrder>(&action)) {
    story.step(static_cast<Ms>(o->order.kind), o->order.vm.value, o->order.host.value,
               o->order.generation.value);
  } else if (const auto* p = std::get_if<core::RequestPower>(&action)) {
    story.step(static_cast<Ms>(p->verb), p->host.value, p->op.value);
  }
  if (story.listens()) {
    const StoryText text = describe(action);
    if (!text.what.empty()) world_->tell(text.who, text.what);
  }
}

}  // namespace mold::sim
