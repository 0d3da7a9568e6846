#include "agentd/heartbeat/ladder.h"

#include <gtest/gtest.h>

#include "tests/unit/agentd/heartbeat/ladder_world.h"

namespace mold::heartbeat {
namespace {

TEST(Ladder, CountsOnlyAfterProbationAndAnnouncesArmedOnlyThen) {
  LadderWorld w;
  w.round();
  EXPECT_EQ(w.ladder.state(), LeaseState::kNotCounted);
  EXPECT_FALSE(w.last.announce_armed);
  w.run(2s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kNotCounted);
  EXPECT_FALSE(w.ladder.promised());
  w.run(3s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  EXPECT_TRUE(w.ladder.promised());
}

TEST(Ladder, NeverArmedWithoutWatchdogOrWithLogOnly) {
  LadderWorld w;
  w.armed = false;
  w.run(10s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  EXPECT_FALSE(w.ladder.promised());
  LadderWorld log_only({.on_lost = PoolPolicy::kLogOnly});
  log_only.run(10s);
  EXPECT_FALSE(log_only.ladder.promised());
  log_only.writes_ok = false;
  log_only.run(60s);
  EXPECT_EQ(log_only.ladder.state(), LeaseState::kLost);
  EXPECT_EQ(log_only.kills, 0);
  EXPECT_TRUE(log_only.last.feed);
}

TEST(Ladder, LeaseCountsFromTheMomentTheBeatWasIssued) {
  LadderWorld w;
  w.ladder.beat_issued(w.now, false);
  const Instant issued = w.now;
  w.now = w.now + 900ms;
  w.ladder.beat_done(w.now, true);
  EXPECT_EQ(w.ladder.valid_until(), issued + 5000ms);
}

TEST(Ladder, AnAnswerAfterTheLeaseWouldBeOverIsWorthNothing) {
  LadderWorld w;
  for (int i = 0; i < 10; ++i) {
    w.ladder.beat_issued(w.now, false);
    w.now = w.now + 5000ms;
    w.ladder.beat_done(w.now, true);
    EXPECT_EQ(w.ladder.consecutive_good(), 0U);
  }
  EXPECT_EQ(w.step().held_now, false);
}

TEST(Ladder, LostLeaseKillsVerifiesAndKeepsFeeding) {
  LadderWorld w;
  w.hold();
  w.writes_ok = false;
  const Instant good = w.ladder.valid_until() - 5000ms;
  while (w.ladder.state() == LeaseState::kHeld && w.now < good + 20s) {
    w.round();
    w.now = w.now + 10ms;
  }
  EXPECT_EQ(w.ladder.state(), LeaseState::kLost);
  EXPECT_LE(w.now - good, 5060ms);
  EXPECT_EQ(w.ladder.kill_state(), KillState::kVerifiedGone);
  EXPECT_EQ(w.vms, 0U);
  w.run(60s);
  EXPECT_TRUE(w.last.feed);
  EXPECT_EQ(w.fed_at, w.now - 50ms);
}

TEST(Ladder, UnkillableVmsStopTheFeedingInTimeForTheDeadline) {
  LadderWorld w;
  w.hold();
  w.writes_ok = false;
  w.killable = false;
  w.run(20s, 10ms);
  EXPECT_EQ(w.ladder.kill_state(), KillState::kStuck);
  EXPECT_FALSE(w.last.feed);
  // The reset comes one watchdog timeout after the last feed: within the promise.
  EXPECT_LE(w.fed_at + 4000ms, w.ladder.valid_until() - 5000ms + 10000ms);
  EXPECT_GE(w.fed_at, w.ladder.valid_until());
  w.killable = true;  // the storage came back in time and they died
  w.run(1s);
  EXPECT_TRUE(w.last.feed);
  EXPECT_EQ(w.ladder.kill_state(), KillState::kVerifiedGone);
}

TEST(Ladder, NoVmNoAction) {
  LadderWorld w;
  w.vms = 0;
  w.hold();
  w.writes_ok = false;
  w.run(60s);
  EXPECT_EQ(w.ladder.kill_state(), KillState::kVerifiedGone);
  EXPECT_EQ(w.fed_at, w.now - 50ms);
}

TEST(Ladder, ALookThatIsIncompleteOrTooOldProvesNothing) {
  LadderWorld w;
  w.hold();
  w.ladder.looked({w.now, 0, true});  // before the lease was lost
  w.now = w.ladder.valid_until();
  w.step();
  EXPECT_EQ(w.ladder.kill_state(), KillState::kKilling);
  w.ladder.looked({w.now - 1ms, 0, true});
  EXPECT_EQ(w.ladder.kill_state(), KillState::kKilling);
  w.ladder.looked({w.now, 0, false});
  EXPECT_EQ(w.ladder.kill_state(), KillState::kKilling);
  w.now = w.now + 1000ms;
  EXPECT_FALSE(w.step().feed);
  w.ladder.looked({w.now, 0, true});
  EXPECT_TRUE(w.step().feed);
}

TEST(Ladder, ThawAfterAMinuteKillsBeforeAnythingElse) {
  LadderWorld w;
  w.hold();
  w.now = w.now + 60s;
  const auto step = w.step();
  EXPECT_TRUE(step.lost_now);
  EXPECT_TRUE(step.kill);
  EXPECT_FALSE(step.feed);
  EXPECT_FALSE(step.may_issue);
  EXPECT_FALSE(step.announce_armed);
  // The answer to the beat of a minute ago does not bring the lease back.
  w.ladder.beat_done(w.now, true);
  EXPECT_FALSE(w.step().may_issue);
  w.ladder.looked({w.now, 0, true});
  EXPECT_TRUE(w.step().may_issue);
  EXPECT_FALSE(w.step().announce_armed);
}

TEST(Ladder, ALateStartIsKilledTooAndHoldsTheLeaseBack) {
  LadderWorld w;
  w.hold();
  w.writes_ok = false;
  w.run(8s);
  ASSERT_EQ(w.ladder.kill_state(), KillState::kVerifiedGone);
  w.killable = false;
  w.vms = 1;
  w.round();
  EXPECT_TRUE(w.last.kill);
  EXPECT_FALSE(w.last.feed);
  w.writes_ok = true;
  w.run(10s);
  EXPECT_NE(w.ladder.state(), LeaseState::kHeld);
  w.killable = true;
  w.run(10s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
}

TEST(Ladder, ComesBackThroughProbation) {
  LadderWorld w;
  w.hold();
  w.writes_ok = false;
  w.run(10s);
  w.writes_ok = true;
  w.run(1500ms);
  EXPECT_EQ(w.ladder.state(), LeaseState::kLost);
  w.run(4s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  EXPECT_EQ(w.ladder.kill_state(), KillState::kIdle);
}

TEST(Ladder, ResetHostGoesStraightToTheWatchdog) {
  LadderWorld w({.on_lost = PoolPolicy::kResetHost});
  w.hold();
  w.writes_ok = false;
  w.run(6s);
  EXPECT_EQ(w.kills, 0);
  EXPECT_FALSE(w.last.feed);
  LadderWorld without_vms({.on_lost = PoolPolicy::kResetHost});
  without_vms.vms = 0;
  without_vms.hold();
  without_vms.writes_ok = false;
  without_vms.run(20s);
  EXPECT_TRUE(without_vms.last.feed);
}

TEST(Ladder, AShorterDeadlineCountsFromItsIssueALongerOneFromItsAnswer) {
  LadderWorld w;
  w.hold();
  w.run(1s);
  auto policy = w.ladder.policy();
  policy.deadline = 20000ms;
  w.ladder.set_policy(policy);
  EXPECT_EQ(w.ladder.deadline(), 10000ms);
  const Instant before = w.ladder.valid_until();
  if (w.ladder.outstanding()) w.ladder.beat_done(w.now, true);
  w.ladder.beat_issued(w.now, true);
  EXPECT_EQ(w.ladder.deadline(), 10000ms);
  EXPECT_LE(w.ladder.valid_until(), before + 1000ms);
  w.ladder.beat_done(w.now, true);
  EXPECT_EQ(w.ladder.valid_until(), w.now + 15000ms);
  policy.deadline = 8000ms;
  w.ladder.set_policy(policy);
  w.ladder.beat_issued(w.now, true);
  w.ladder.beat_done(w.now, true);
  EXPECT_EQ(w.ladder.deadline(), 20000ms);
  w.ladder.beat_issued(w.now + 1000ms, true);
  EXPECT_EQ(w.ladder.valid_until(), w.now + 3000ms);
}

// Changed while the lease is held, with a pool process that is started anew for it and takes longer
// to come up than the new lease lasts.
TEST(Ladder, AShorterDeadlineCostsNoLeaseThatIsHeld) {
  LadderWorld w;
  w.hold();
  w.run(1s);
  if (w.ladder.outstanding()) w.ladder.beat_done(w.now, true);
  const LadderPolicy fast{.deadline = 5500ms, .watchdog_timeout = 3000ms, .beat_interval = 250ms};
  w.ladder.set_policy(fast);
  const Instant told = w.now;
  w.ladder.beat_issued(w.now + 300ms, true);
  EXPECT_EQ(w.ladder.deadline(), 10000ms);
  EXPECT_FALSE(w.ladder.step(w.now + 2000ms, true).lost_now) << "1.5 s would have run out";
  w.ladder.beat_done(w.now + 2000ms, true);
  EXPECT_EQ(w.ladder.deadline_to_announce(told + 3000ms), 10000ms) << "not at its pace yet";
  w.ladder.beat_issued(told + 2100ms, true);
  w.ladder.beat_done(told + 2150ms, true);
  EXPECT_EQ(w.ladder.deadline_to_announce(told + 2350ms), 5500ms);
  w.ladder.beat_issued(told + 2350ms, true);
  EXPECT_EQ(w.ladder.valid_until(), told + 2100ms + 1500ms);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
}

TEST(Ladder, ADeadlineThatCannotBeKeptIsNeverHeld) {
  LadderWorld w({.deadline = 6000ms});
  w.run(20s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kNotCounted);
  EXPECT_FALSE(w.ladder.promised());
}

TEST(Ladder, RetiringTakesThePromiseBackByAnAcknowledgedBeat) {
  LadderWorld w;
  w.hold();
  w.run(1s);
  ASSERT_TRUE(w.ladder.promised());
  w.ladder.retire(w.now);
  EXPECT_EQ(w.ladder.state(), LeaseState::kLeaving);
  EXPECT_FALSE(w.ladder.released());
  w.run(3s);
  EXPECT_TRUE(w.ladder.released());
  EXPECT_EQ(w.vms, 2U);  // they go on
}

TEST(Ladder, ComingBackBeforeItWasGoneNeedsProbationOnlyIfThePromiseWasTakenBack) {
  LadderWorld w;
  w.armed = false;
  w.hold();
  w.ladder.unretire();  // was never leaving: nothing changes
  w.round();
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  w.ladder.retire(w.now);
  w.ladder.unretire();
  w.round();
  EXPECT_EQ(w.ladder.state(), LeaseState::kNotCounted);
  LadderWorld promised;
  promised.hold();
  promised.run(1s);
  promised.ladder.retire(promised.now);
  promised.ladder.unretire();
  EXPECT_EQ(promised.ladder.state(), LeaseState::kHeld);
}

TEST(Ladder, RetiringWithoutAnswerStaysBoundUntilTheVmsAreGone) {
  LadderWorld w;
  w.hold();
  w.run(1s);
  w.writes_ok = false;
  w.ladder.retire(w.now);
  w.run(2s);
  EXPECT_FALSE(w.ladder.released());
  w.run(6s);
  EXPECT_EQ(w.vms, 0U);
  EXPECT_TRUE(w.ladder.released());
}

TEST(Ladder, RetiringWithoutVmsIsFreeAfterTheStartRace) {
  LadderWorld w;
  w.vms = 0;
  w.hold();
  w.run(1s);
  w.writes_ok = false;
  w.ladder.retire(w.now);
  w.run(300ms);
  EXPECT_FALSE(w.ladder.released());
  w.run(400ms);
  EXPECT_TRUE(w.ladder.released());
}

TEST(Ladder, ANewInstanceGoesOnWithTheOldLease) {
  LadderWorld held;
  held.ladder.inherit(LeaseState::kHeld, held.now + 2000ms, 10000ms, 4000ms, true);
  held.writes_ok = false;
  held.round();
  EXPECT_EQ(held.ladder.state(), LeaseState::kHeld);
  EXPECT_TRUE(held.last.announce_armed);
  held.run(3s);
  EXPECT_EQ(held.ladder.state(), LeaseState::kLost);
  EXPECT_EQ(held.vms, 0U);

  LadderWorld lost;
  lost.ladder.inherit(LeaseState::kLost, lost.now - 5000ms, 10000ms, 4000ms, true);
  const auto step = lost.step();
  EXPECT_TRUE(step.kill);
  EXPECT_FALSE(step.feed);

  LadderWorld unfinished;  // stopped before its last beat was acknowledged
  unfinished.ladder.inherit(LeaseState::kLeaving, unfinished.now - 1ms, 10000ms, 4000ms, true);
  EXPECT_TRUE(unfinished.step().kill);

  LadderWorld unsaid;  // ended between the board and its first armed beat, or right after that beat
  unsaid.ladder.inherit(LeaseState::kHeld, unsaid.now + 2000ms, 10000ms, 4000ms, false);
  unsaid.writes_ok = false;
  unsaid.ladder.retire(unsaid.now);
  unsaid.step();
  EXPECT_FALSE(unsaid.ladder.released());

  LadderWorld fresh;
  fresh.ladder.inherit(LeaseState::kLeaving, fresh.now + 2000ms, 10000ms, 4000ms, false);
  fresh.round();
  EXPECT_EQ(fresh.ladder.state(), LeaseState::kNotCounted);
  EXPECT_FALSE(fresh.last.kill);
}

TEST(Ladder, ALeaseLivesLongerWithAWatchdogThatBitesSooner) {
  LadderWorld w;
  w.hold();
  w.run(1s);
  w.writes_ok = false;
  w.run(1s);
  const Instant until = w.ladder.valid_until();
  EXPECT_FALSE(w.ladder.wants_sooner_watchdog(until - 1000ms));
  w.now = until - 300ms;
  ASSERT_TRUE(w.ladder.wants_sooner_watchdog(w.now));
  w.set_watchdog(2000ms);
  EXPECT_EQ(w.ladder.valid_until(), until + 2000ms);
  w.run(2s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  EXPECT_FALSE(w.ladder.is_calm(w.now));
  // The next instance knows by which watchdog it was reckoned, whatever its own is.
  LadderWorld next;
  next.ladder.inherit(LeaseState::kHeld, until + 2000ms, 10000ms, 2000ms, true);
  EXPECT_EQ(next.ladder.valid_until(), until);
  w.run(1s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kLost);
  EXPECT_EQ(w.vms, 0U);
  EXPECT_FALSE(w.ladder.wants_sooner_watchdog(w.now)) << "it is too late";
  w.writes_ok = true;
  w.run(20s);
  EXPECT_TRUE(w.ladder.is_calm(w.now));
  const Instant sooner = w.ladder.valid_until();
  w.set_watchdog(4000ms);
  EXPECT_EQ(w.ladder.valid_until(), sooner - 2000ms);
}

TEST(Ladder, AFenceIsServedAtOnceAndWithinTheOldPromise) {
  LadderWorld w;
  w.hold();
  const Instant until = w.ladder.valid_until();
  ASSERT_GT(until, w.now);
  w.killable = false;
  w.ladder.fenced();
  w.ladder.fenced();
  auto step = w.step();
  EXPECT_TRUE(step.lost_now);
  EXPECT_TRUE(step.kill);
  EXPECT_FALSE(step.may_issue);
  EXPECT_TRUE(step.feed);
  EXPECT_TRUE(w.ladder.is_fenced());
  EXPECT_FALSE(w.step().lost_now);
  w.ladder.fenced();  // said again while the VMs are dying
  EXPECT_FALSE(w.step().lost_now);
  // The writes are refused anyway, so the host gets the time to kill that it always had.
  w.now = until + 999ms;
  EXPECT_TRUE(w.step().feed);
  w.now = until + 1000ms;
  EXPECT_FALSE(w.step().feed);
  w.killable = true;
  w.run(1s);
  EXPECT_EQ(w.ladder.kill_state(), KillState::kVerifiedGone);
  EXPECT_TRUE(w.ladder.is_fenced());
  w.run(6s);  // let in again: through probation
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  EXPECT_FALSE(w.ladder.is_fenced());
}

TEST(Ladder, AFenceBeforeTheFirstLeaseEndsTheVmsToo) {
  LadderWorld w;
  w.round();
  ASSERT_EQ(w.ladder.state(), LeaseState::kNotCounted);
  w.ladder.fenced();
  EXPECT_TRUE(w.step().lost_now);
  EXPECT_TRUE(w.last.kill);
  w.now = w.now + 1000ms;
  w.step();
  EXPECT_FALSE(w.last.feed);
}

TEST(Ladder, PauseStopsPromisesNothingAndLetsGoOnWithTheLease) {
  LadderWorld w({.on_lost = PoolPolicy::kPause});
  w.hold();
  w.run(2s);
  EXPECT_FALSE(w.ladder.promised());
  EXPECT_FALSE(w.last.pause);
  w.writes_ok = false;
  w.run(10s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kLost);
  EXPECT_TRUE(w.last.pause);
  EXPECT_TRUE(w.last.feed);
  EXPECT_EQ(w.kills, 0);
  EXPECT_EQ(w.vms, 2U);
  if (w.ladder.outstanding()) w.ladder.beat_done(w.now, false);
  w.writes_ok = true;
  w.run(1500ms);
  EXPECT_TRUE(w.last.pause);  // probation
  w.run(4s);
  EXPECT_EQ(w.ladder.state(), LeaseState::kHeld);
  EXPECT_FALSE(w.last.pause);
}

TEST(Ladder, AFencedHostKillsWhatItHadOnlyPaused) {
  LadderWorld w({.on_lost = PoolPolicy::kPause});
  w.hold();
  w.writes_ok = false;
  w.run(60s);
  ASSERT_TRUE(w.last.pause);
  w.killable = false;
  w.ladder.fenced();
  const auto step = w.step();
  EXPECT_FALSE(step.lost_now);  // lost before
  EXPECT_FALSE(step.pause);
  EXPECT_TRUE(step.kill);
  EXPECT_TRUE(step.feed);  // the grace counts from now, not from a minute ago
  w.now = w.now + 1000ms;
  EXPECT_FALSE(w.step().feed);
  w.killable = true;
  w.run(1s);
  EXPECT_EQ(w.vms, 0U);
  // A new instance knows it from the board.
  LadderWorld next({.on_lost = PoolPolicy::kPause});
  next.ladder.inherit(LeaseState::kLost, next.now - 100ms, 10000ms, 4000ms, false, true);
  EXPECT_TRUE(next.step().kill);
  LadderWorld paused({.on_lost = PoolPolicy::kPause});
  paused.ladder.inherit(LeaseState::kLost, paused.now - 100ms, 10000ms, 4000ms, false, false);
  EXPECT_FALSE(paused.step().kill);
  EXPECT_TRUE(paused.last.pause);
}

TEST(Ladder, APromiseOutlivesThePolicyPause) {
  LadderWorld w;
  w.hold();
  w.run(1s);
  ASSERT_TRUE(w.ladder.promised());
  auto policy = w.ladder.policy();
  policy.on_lost = PoolPolicy::kPause;
  w.writes_ok = false;
  w.ladder.set_policy(policy);
  w.run(10s);
  EXPECT_GT(w.kills, 0);
  EXPECT_EQ(w.vms, 0U);
}

TEST(Ladder, AFenceUnderLogOnlyCostsTheLeaseAndNothingElse) {
  LadderWorld w({.on_lost = PoolPolicy::kLogOnly});
  w.hold();
  w.ladder.fenced();
  EXPECT_TRUE(w.step().lost_now);
  EXPECT_FALSE(w.last.kill);
  EXPECT_FALSE(w.last.pause);
  EXPECT_TRUE(w.last.feed);
}

}  // namespace
}  // namespace mold::heartbeat
