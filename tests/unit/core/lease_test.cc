// The lease judge: what counts as alive, silent, unknown, and as a proof.
#include "core/lease/lease.h"

#include <gtest/gtest.h>

namespace mold::core {
namespace {

constexpr PoolId kNas{1};
constexpr PoolId kSan{2};
constexpr HostId kSubject{1};
constexpr HostId kFirst{2};
constexpr HostId kSecond{3};
constexpr Instant kNow{1'000'000};

LeaseReading of(HostId subject, Duration unchanged, std::uint64_t counter = 7, PoolId pool = kNas) {
  LeaseReading r;
  r.pool = pool;
  r.subject = subject;
  r.readable = true;
  r.counter = counter;
  r.armed = true;
  r.deadline = 10s;
  r.unchanged = unchanged;
  return r;
}

// Both observers saw the subject silent for `silent` and each other alive.
LeaseBook two_observers(Duration silent) {
  LeaseBook book;
  book.record(kFirst, {of(kSubject, silent), of(kSecond, 200ms)}, 0ms, kNow);
  book.record(kSecond, {of(kSubject, silent), of(kFirst, 200ms)}, 0ms, kNow);
  return book;
}

TEST(Lease, NobodyToAskIsUnknown) {
  const Policy p;
  LeaseBook book;
  EXPECT_EQ(book.judge_pool(p, kNas, kSubject, kNow).liveness, Liveness::kUnknown);
  EXPECT_EQ(judge_storage(p, book, {kNas}, kSubject, kNow).liveness, Liveness::kUnknown);
  EXPECT_FALSE(judge_storage(p, book, {kNas}, kSubject, kNow).all_expired);
}

TEST(Lease, AMovingCounterIsAlive) {
  EXPECT_EQ(two_observers(900ms).judge_pool(Policy{}, kNas, kSubject, kNow).liveness,
            Liveness::kAlive);
}

TEST(Lease, ExpiresOnlyAfterDeadlinePlusMargin) {
  const Policy p;
  using Case = std::pair<Duration, bool>;
  for (const auto& [silent, expired] : {Case{4s, false}, Case{10s, false}, Case{10'999ms, false},
                                        Case{11s, true}, Case{60s, true}}) {
    const auto verdict = two_observers(silent).judge_pool(p, kNas, kSubject, kNow);
    EXPECT_EQ(verdict.liveness, Liveness::kSilent);
    EXPECT_EQ(verdict.expired, expired) << silent.count();
  }
}

TEST(Lease, OldReadingsDoNotCount) {
  const Policy p;
  const LeaseBook book = two_observers(60s);
  EXPECT_EQ(book.judge_pool(p, kNas, kSubject, kNow + p.observer_max_age + 1ms).liveness,
            Liveness::kUnknown);
}

TEST(Lease, AStalledObserverIsDiscounted) {
  const Policy p;
  LeaseBook book;
  book.record(kFirst, {of(kSubject, 60s), of(kSecond, 200ms)}, p.observer_stall_limit + 1ms, kNow);
  EXPECT_EQ(book.judge_pool(p, kNas, kSubject, kNow).liveness, Liveness::kUnknown);
}

TEST(Lease, UnreadableIsUnknown) {
  LeaseBook book;
  LeaseReading torn = of(kSubject, 60s);
  torn.readable = false;
  book.record(kFirst, {torn, of(kSecond, 200ms)}, 0ms, kNow);
  EXPECT_EQ(book.judge_pool(Policy{}, kNas, kSubject, kNow).liveness, Liveness::kUnknown);
}

TEST(Lease, WhoIsBehindReadsStaleDataAndIsDiscounted) {
  LeaseBook book;
  book.record(kFirst, {of(kSubject, 60s, 7), of(kSecond, 200ms)}, 0ms, kNow);
  book.record(kSecond, {of(kSubject, 300ms, 60), of(kFirst, 200ms)}, 0ms, kNow);
  EXPECT_EQ(book.judge_pool(Policy{}, kNas, kSubject, kNow).liveness, Liveness::kAlive);
}

TEST(Lease, AProofNeedsAWitnessWhoseReadsAreLive) {
  LeaseBook frozen_view;  // everything it reads stands still: its own reads may be stale
  frozen_view.record(kFirst, {of(kSubject, 60s), of(kSecond, 60s)}, 0ms, kNow);
  const auto verdict = frozen_view.judge_pool(Policy{}, kNas, kSubject, kNow);
  EXPECT_EQ(verdict.liveness, Liveness::kSilent);
  EXPECT_FALSE(verdict.expired);
}

TEST(Lease, WithoutAWatchdogExpiryIsNoProof) {
  LeaseBook book;
  LeaseReading unarmed = of(kSubject, 60s);
  unarmed.armed = false;
  book.record(kFirst, {unarmed, of(kSecond, 200ms)}, 0ms, kNow);
  EXPECT_FALSE(book.judge_pool(Policy{}, kNas, kSubject, kNow).expired);
}

TEST(Lease, OneObserverWhoSawItMoveSavesIt) {
  LeaseBook book;
  book.record(kFirst, {of(kSubject, 60s), of(kSecond, 200ms)}, 0ms, kNow);
  book.record(kSecond, {of(kSubject, 5s), of(kFirst, 200ms)}, 0ms, kNow);
  EXPECT_FALSE(book.judge_pool(Policy{}, kNas, kSubject, kNow).expired);
}

TEST(Lease, AliveOnAnyPoolIsAliveAndExpiryIsPerPool) {
  LeaseBook book;
  book.record(kFirst,
              {of(kSubject, 60s), of(kSecond, 200ms), of(kSubject, 500ms, 9, kSan),
               of(kSecond, 200ms, 9, kSan)},
              0ms, kNow);
  const StorageVerdict verdict = judge_storage(Policy{}, book, {kNas, kSan}, kSubject, kNow);
  EXPECT_EQ(verdict.liveness, Liveness::kAlive);
  EXPECT_EQ(verdict.expired, std::vector<PoolId>{kNas});
  EXPECT_FALSE(verdict.all_expired);
}

TEST(Lease, APoolThatNobodyReadsLeavesItUnknown) {
  const LeaseBook book = two_observers(60s);
  const StorageVerdict verdict = judge_storage(Policy{}, book, {kNas, kSan}, kSubject, kNow);
  EXPECT_EQ(verdict.liveness, Liveness::kUnknown);
  EXPECT_EQ(verdict.expired, std::vector<PoolId>{kNas});
  EXPECT_FALSE(verdict.all_expired) << "its VMs on the other pool may live on";
}

TEST(Lease, ALostObserverTakesItsWordsAlong) {
  LeaseBook book = two_observers(60s);
  book.forget_observer(kFirst);
  book.forget_observer(kSecond);
  EXPECT_EQ(book.judge_pool(Policy{}, kNas, kSubject, kNow).liveness, Liveness::kUnknown);
  book = two_observers(60s);
  book.forget_subject(kSubject);
  EXPECT_EQ(book.judge_pool(Policy{}, kNas, kSubject, kNow).liveness, Liveness::kUnknown);
}

TEST(Lease, NobodyJudgesItself) {
  LeaseBook book;
  book.record(kSubject, {of(kSubject, 100ms)}, 0ms, kNow);
  EXPECT_EQ(book.judge_pool(Policy{}, kNas, kSubject, kNow).liveness, Liveness::kUnknown);
}

}  // namespace
}  // namespace mold::core
