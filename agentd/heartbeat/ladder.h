#pragma once
// The ladder of one pool: from beats that no longer come through to VMs that can no longer write.
// Pure: no I/O, no clock, no memory beyond its few fields; the supervisor tells it what happened
// and when, and does what the step says. It is the host's half of the promise whose other half (how
// long an observer waits) is core/lease.
//
//   issued            kill_after           +verify_grace                    deadline
//     |--- lease valid ---|--- kill, verify ---|--- watchdog not fed: reset ---|
//
// kill_after = deadline - watchdog timeout - verify_grace. Everything counts from the moment a beat
// was ISSUED (it may reach the storage at once), and only once it was acknowledged: so the host
// never believes in its lease longer than any observer can.
//
// Invariants
// - After the lease ran out the next step says "kill"; no beat may be issued before a look at the
//   processes, begun after that moment, has found none left. A jump of `now` (freeze, suspend)
//   changes nothing in this order.
// - feed is false from kill_after + verify_grace on until such a look came.
// - A promise (a record saying "armed" that was issued) lasts until a record without it was
//   acknowledged, or until the VMs are verified gone: removing a pool, another policy, a lost
//   watchdog or a restart do not end it earlier.
// - Whoever hears from the storage that it was fenced loses the lease in the next step, whatever
// its
//   clock says: another host may run the VMs already. Their writes are refused, so the time to kill
//   them is still that of the promise.
// - Pausing is not acting: a stopped VM may go on, so it promises nothing. What was promised before
//   the policy said "pause", and a fence, are served by killing.
// - A watchdog's timeout that changes moves kill_after at once, both ways: whoever lengthens it
// says so
//   here first, whoever shortens it does that first.
// - A longer deadline counts only after a beat that announces it was acknowledged, a shorter one
//   from the moment it is issued. It is issued only once beats arrive at their new pace: to be told
//   of a shorter deadline shall not cost a lease that is held.
// Times are CLOCK_BOOTTIME of this host. One owner, one thread.
#include <algorithm>
#include <cstdint>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/pools_file.h"
#include "lib/base/time.h"

namespace mold::heartbeat {

struct LadderPolicy {
  Duration deadline{10000};         // announced in the record
  Duration watchdog_timeout{4000};  // as read back from the device
  Duration verify_grace{1000};      // from the first SIGKILL to "not gone in time"
  Duration beat_interval{1000};
  unsigned probation_beats = 3;
  PoolPolicy on_lost = PoolPolicy::kKillVms;

  [[nodiscard]] Duration kill_after(Duration of_deadline) const {
    return of_deadline - watchdog_timeout - verify_grace;
  }
  // Can this be kept at all? Two beats must fit before the kill phase, and no everyday hiccup of
  // the storage may bring it about.
  [[nodiscard]] bool workable() const {
    return kill_after(deadline) >= std::max(2 * beat_interval, Duration{1000});
  }

  friend bool operator==(const LadderPolicy&, const LadderPolicy&) = default;
};

// A look at the processes of this host.
struct ProcessLook {
  Instant begun;
  std::uint32_t vms = 0;  // of this pool, not verified gone
  bool complete = false;  // false: something could not be read or did not fit; proves nothing
};

struct LadderStep {
  bool lost_now = false;        // the lease ran out in this step: new incarnation
  bool held_now = false;        // probation passed in this step
  bool kill = false;            // SIGKILL every VM of this pool, then look again
  bool pause = false;           // SIGSTOP every VM of this pool; when this ends, SIGCONT
  bool look_often = false;      // lease is lost: look at the processes every 100 ms
  bool feed = true;             // this pool's consent to feed the watchdog
  bool may_issue = false;       // a beat may be written
  bool announce_armed = false;  // what that beat says
};

class Ladder {
 public:
  explicit Ladder(const LadderPolicy& policy) : policy_(policy), deadline_(policy.deadline) {}

  // After a restart of mold-heartbeat in the same boot: goes on where the lease board shows that
  // the last instance stopped. `promised`: it had announced "armed" and not taken it back. A held
  // lease counts as promised anyway: its first armed beat may have gone out after the board was
  // written. `watchdog`: its timeout by which `valid_until` was reckoned.
  void inherit(LeaseState state, Instant valid_until, Duration deadline, Duration watchdog,
               bool promised, bool fenced = false);

  // Whatever may have changed, time above all. Call it before anything else in a round.
  LadderStep step(Instant now, bool watchdog_armed);

  // What a beat issued now has to say.
  [[nodiscard]] Duration deadline_to_announce(Instant now) const;
  void beat_issued(Instant at, bool armed);
  // The outstanding beat came back; ok = it is on the storage.
  void beat_done(Instant now, bool ok);
  // The storage refuses this host for good. May be said again.
  void fenced();
  void looked(const ProcessLook& look);

  void set_policy(const LadderPolicy& policy);
  // The pool is being removed, or the service stops: no more starts, take back the promise.
  void retire(Instant now);
  // The pool came back before it was gone: ends retire(), through probation.
  void unretire();
  // The lease is about to run out, and would not with a watchdog that bites sooner (set_policy()
  // says so): the time that the watchdog does not need to bite is the storage's to come back in.
  [[nodiscard]] bool wants_sooner_watchdog(Instant now) const;
  // Beats arrive at their pace, or nothing is promised, or nothing is left that it could be about.
  [[nodiscard]] bool is_calm(Instant now) const;
  // Nothing is owed any more: no promise stands, or no VM is left that it could be about.
  [[nodiscard]] bool released() const;

  [[nodiscard]] LeaseState state() const;
  [[nodiscard]] KillState kill_state() const { return kill_; }
  [[nodiscard]] Instant valid_until() const { return valid_until_; }
  [[nodiscard]] bool promised() const { return promised_; }
  // From fenced() until the lease is held again.
  [[nodiscard]] bool is_fenced() const { return fenced_; }
  [[nodiscard]] bool outstanding() const { return outstanding_; }
  [[nodiscard]] unsigned consecutive_good() const { return good_; }
  [[nodiscard]] Duration deadline() const { return deadline_; }
  [[nodiscard]] const LadderPolicy& policy() const { return policy_; }

 private:
  [[nodiscard]] bool acts() const;
  [[nodiscard]] bool verified_gone() const { return kill_ == KillState::kVerifiedGone; }
  void shorten_deadline(Duration to);
  void lose(Instant now);
  bool lose_by_fence(Instant now);
  void climb(Instant now, LadderStep& step);

  LadderPolicy policy_;
  Duration deadline_;  // in force; see the last invariant
  bool held_ = false;
  bool lost_ = false;
  bool leaving_ = false;
  bool promised_ = false;
  bool fenced_ = false;
  bool fence_served_ = true;
  KillState kill_ = KillState::kIdle;
  Instant valid_until_{};
  Instant lost_at_{};
  Instant leaving_at_{};
  bool no_vms_since_leaving_ = false;
  unsigned good_ = 0;
  bool at_pace_ = false;  // a good beat since the policy is what it is

  bool outstanding_ = false;
  Instant issued_at_{};
  Instant last_good_issue_{};
  bool issued_armed_ = false;
  Duration issued_deadline_{};
};

}  // namespace mold::heartbeat
