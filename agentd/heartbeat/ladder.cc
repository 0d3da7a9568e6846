#include "agentd/heartbeat/ladder.h"

#include <algorithm>

namespace mold::heartbeat {
namespace {

// agentd looks at the board, then starts QEMU: a VM may appear this long after we said "leaving".
constexpr Duration kStartRace{500};
// So long before a lease runs out something is done about it: a few rounds of the supervisor.
constexpr Duration kAlmostOver{500};

}  // namespace

void Ladder::inherit(LeaseState state, Instant valid_until, Duration deadline, Duration watchdog,
                     bool promised, bool fenced) {
  promised_ = promised || state == LeaseState::kHeld;
  deadline_ = std::min(deadline, policy_.deadline);
  last_good_issue_ = valid_until - (deadline - watchdog - policy_.verify_grace);
  valid_until_ = std::min(valid_until, last_good_issue_ + policy_.kill_after(deadline));
  // A lease that was being given back, but with the promise still out, is a held one.
  held_ = state == LeaseState::kHeld || (state == LeaseState::kLeaving && promised);
  lost_ = state == LeaseState::kLost;
  if (lost_) lost_at_ = valid_until;
  fenced_ = lost_ && fenced;
  if (!held_ && !lost_) valid_until_ = Instant{};
}

// By ending VMs or the host. What does not act may beat on with a lost lease.
bool Ladder::acts() const {
  if (promised_) return true;
  switch (policy_.on_lost) {
    case PoolPolicy::kKillVms:
    case PoolPolicy::kResetHost:
      return true;
    case PoolPolicy::kPause:
      return fenced_;
    case PoolPolicy::kLogOnly:
      return false;
  }
  return true;
}

LadderStep Ladder::step(Instant now, bool watchdog_armed) {
  LadderStep step;
  if (!fence_served_) step.lost_now = lose_by_fence(now);
  if (leaving_ && !promised_) held_ = false;  // given back: nothing runs out any more
  if (held_ && now >= valid_until_) {
    lose(now);
    step.lost_now = true;
  }
  if (!held_ && (!lost_ || verified_gone() || !acts()) && !leaving_ && policy_.workable() &&
      good_ >= policy_.probation_beats && now < valid_until_) {
    held_ = true;
    lost_ = fenced_ = false;
    kill_ = KillState::kIdle;
    step.held_now = true;
  }
  if (lost_ && acts()) climb(now, step);
  step.pause = lost_ && !acts() && policy_.on_lost == PoolPolicy::kPause;
  step.look_often = lost_ || leaving_;
  step.may_issue = !outstanding_ && (!lost_ || verified_gone() || !acts());
  step.announce_armed = held_ && !leaving_ && watchdog_armed && policy_.workable() &&
                        policy_.on_lost != PoolPolicy::kLogOnly &&
                        policy_.on_lost != PoolPolicy::kPause;
  return step;
}

void Ladder::fenced() {
  fence_served_ = false;
}

// False: there was no lease left to lose. A lease that was lost without acting is lost again, so
// that the rungs count from now.
bool Ladder::lose_by_fence(Instant now) {
  fence_served_ = true;
  const bool acted = lost_ && acts();
  const bool had = !lost_;
  fenced_ = true;
  if (acted) return false;
  lose(now);
  valid_until_ = std::max(valid_until_, now);
  return had;
}

void Ladder::lose(Instant now) {
  held_ = false;
  lost_ = true;
  lost_at_ = now;
  good_ = 0;
  kill_ = KillState::kIdle;
}

// The rungs: kill, verify, and the watchdog when that does not come about in time.
void Ladder::climb(Instant now, LadderStep& step) {
  const bool reset_only = policy_.on_lost == PoolPolicy::kResetHost;
  // A late start is killed too, so the order to kill stands as long as the lease is lost.
  step.kill = !reset_only;
  if (verified_gone()) return;
  const bool too_late = now >= valid_until_ + policy_.verify_grace;
  if (too_late || (reset_only && kill_ == KillState::kStuck)) {
    kill_ = KillState::kStuck;
    step.feed = false;
  } else {
    kill_ = KillState::kKilling;
  }
}

void Ladder::looked(const ProcessLook& look) {
  if (!look.complete) return;
  if (leaving_ && look.begun >= leaving_at_ + kStartRace) no_vms_since_leaving_ = look.vms == 0;
  if (!lost_ || look.begun < lost_at_) return;
  if (look.vms == 0) {
    kill_ = KillState::kVerifiedGone;
  } else if (policy_.on_lost == PoolPolicy::kResetHost) {
    kill_ = KillState::kStuck;
  } else if (verified_gone()) {
    kill_ = KillState::kKilling;  // a late start
  }
}

void Ladder::shorten_deadline(Duration to) {
  if (to >= deadline_) return;
  deadline_ = to;
  if (held_) valid_until_ = std::min(valid_until_, last_good_issue_ + policy_.kill_after(to));
}

Duration Ladder::deadline_to_announce(Instant now) const {
  const bool young = at_pace_ && now - last_good_issue_ <= 2 * policy_.beat_interval;
  return held_ && policy_.deadline < deadline_ && !young ? deadline_ : policy_.deadline;
}

void Ladder::beat_issued(Instant at, bool armed) {
  outstanding_ = true;
  issued_at_ = at;
  issued_armed_ = armed;
  issued_deadline_ = deadline_to_announce(at);
  shorten_deadline(issued_deadline_);
  if (armed) promised_ = true;
}

void Ladder::beat_done(Instant now, bool ok) {
  if (!outstanding_) return;
  outstanding_ = false;
  if (!ok) {
    good_ = 0;
    return;
  }
  if (!issued_armed_) promised_ = false;
  const Instant until = issued_at_ + policy_.kill_after(issued_deadline_);
  if (now >= until) {  // came back too late to be worth anything
    good_ = 0;
    return;
  }
  ++good_;
  if (lost_ && acts() && !verified_gone()) return;  // too late for this lease; the kill goes on
  deadline_ = issued_deadline_;
  last_good_issue_ = issued_at_;
  at_pace_ = true;
  valid_until_ = until;
}

void Ladder::set_policy(const LadderPolicy& policy) {
  if (policy != policy_) at_pace_ = false;
  policy_ = policy;
  if (!held_ && !lost_ && !promised_) deadline_ = policy.deadline;
  // A slower watchdog shortens the lease that runs now, a faster one lengthens it.
  if (held_) valid_until_ = last_good_issue_ + policy_.kill_after(deadline_);
}

bool Ladder::wants_sooner_watchdog(Instant now) const {
  return held_ && promised_ && now + kAlmostOver >= valid_until_;
}

bool Ladder::is_calm(Instant now) const {
  if (!promised_ || (lost_ && verified_gone())) return true;
  return held_ && now - last_good_issue_ <= 2 * policy_.beat_interval;
}

void Ladder::retire(Instant now) {
  if (leaving_) return;
  leaving_ = true;
  leaving_at_ = now;
  no_vms_since_leaving_ = false;
}

void Ladder::unretire() {
  if (!leaving_) return;
  leaving_ = false;
  if (!promised_ && held_) {  // the promise is already taken back: earn it again
    held_ = false;
    good_ = 0;
    valid_until_ = Instant{};
  }
}

bool Ladder::released() const {
  if (!leaving_) return false;
  return !promised_ || (lost_ && verified_gone()) || no_vms_since_leaving_;
}

LeaseState Ladder::state() const {
  if (lost_) return LeaseState::kLost;
  if (leaving_) return LeaseState::kLeaving;
  return held_ ? LeaseState::kHeld : LeaseState::kNotCounted;
}

}  // namespace mold::heartbeat
