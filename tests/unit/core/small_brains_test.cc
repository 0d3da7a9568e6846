// Placement, power proofs, report reading, back-off, policy ranges.
#include <gtest/gtest.h>

#include "core/fencing/fencing.h"
#include "core/model/policy.h"
#include "core/model/profile.h"
#include "core/placement/placement.h"
#include "core/vm_ha/vm_ha.h"
#include "core/vm_power/vm_power.h"

namespace mold::core {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;

Candidate candidate(std::uint64_t id, std::uint64_t memory_gib, std::uint64_t used_gib) {
  return {HostId{id}, Capacity{8, 3000, memory_gib * kGiB}, 0, used_gib * kGiB};
}

VmSpec spec(std::uint64_t memory_gib, std::uint32_t cpus = 1) {
  VmSpec s;
  s.memory_bytes = memory_gib * kGiB;
  s.cpus = cpus;
  return s;
}

TEST(Placement, TakesTheTightestFit) {
  EXPECT_EQ(
      place(Policy{}, {candidate(1, 32, 0), candidate(2, 16, 10), candidate(3, 16, 15)}, spec(4)),
      HostId{2});
}

TEST(Placement, TiesGoToTheLowestId) {
  EXPECT_EQ(place(Policy{}, {candidate(3, 16, 0), candidate(2, 16, 0)}, spec(4)), HostId{2});
}

TEST(Placement, NothingFitsIsNothing) {
  EXPECT_FALSE(place(Policy{}, {candidate(1, 4, 1)}, spec(4)).has_value());
  EXPECT_FALSE(place(Policy{}, {candidate(1, 64, 0)}, spec(1, 9)).has_value());
  EXPECT_FALSE(place(Policy{}, {}, spec(1)).has_value());
}

PowerAnswered answer(PowerVerb verb, Outcome outcome, PowerState state) {
  PowerAnswered a;
  a.verb = verb;
  a.outcome = outcome;
  a.state = state;
  return a;
}

TEST(PowerProof, OnlyOffReadNowProves) {
  for (const auto verb : {PowerVerb::kStatus, PowerVerb::kOff, PowerVerb::kReset}) {
    for (const auto outcome : {Outcome::kConfirmed, Outcome::kFailed, Outcome::kUnknown}) {
      for (const auto state : {PowerState::kOn, PowerState::kOff, PowerState::kUnknown}) {
        EXPECT_EQ(proves_off(PowerRules{}, answer(verb, outcome, state)),
                  outcome == Outcome::kConfirmed && state == PowerState::kOff);
      }
    }
  }
}

TEST(PowerProof, AnUnknownOffMayStillHit) {
  EXPECT_TRUE(may_still_hit(answer(PowerVerb::kOff, Outcome::kUnknown, PowerState::kOn)));
  EXPECT_FALSE(may_still_hit(answer(PowerVerb::kOff, Outcome::kFailed, PowerState::kUnknown)));
  EXPECT_FALSE(may_still_hit(answer(PowerVerb::kStatus, Outcome::kUnknown, PowerState::kUnknown)));
}

TEST(PowerProof, BackoffDoublesUpToItsLimit) {
  const Policy p;
  EXPECT_EQ(fence_backoff(p, 1), p.fence_retry_first);
  EXPECT_EQ(fence_backoff(p, 2), p.fence_retry_first * 2);
  EXPECT_EQ(fence_backoff(p, 60), p.fence_retry_last);
  EXPECT_EQ(vm_backoff(p, 60), p.vm_retry_last);
}

Vm placed(HostId host, std::uint64_t generation) {
  Vm vm;
  vm.id = VmId{1};
  vm.host = host;
  vm.generation = Generation{generation};
  vm.state = VmState::kRunning;
  vm.desired = Desired::kRunning;
  vm.ha = true;
  return vm;
}

VmReport report(std::uint64_t generation, DomainPower power) {
  VmReport r;
  r.vm = VmId{1};
  r.generation = Generation{generation};
  r.power = power;
  return r;
}

TEST(Report, OldGenerationsAreStaleCopies) {
  const Vm vm = placed(HostId{1}, 5);
  EXPECT_EQ(read_report(&vm, HostId{1}, report(5, DomainPower::kRunning)),
            ReportMeaning::kRunsAsPlaced);
  EXPECT_EQ(read_report(&vm, HostId{1}, report(4, DomainPower::kRunning)),
            ReportMeaning::kStaleCopy);
  EXPECT_EQ(read_report(&vm, HostId{2}, report(5, DomainPower::kPaused)),
            ReportMeaning::kStaleCopy);
  EXPECT_EQ(read_report(nullptr, HostId{2}, report(1, DomainPower::kRunning)),
            ReportMeaning::kStaleCopy);
  // By more than could ever be forgotten: nonsense.
  EXPECT_EQ(read_report(&vm, HostId{2}, report(6 + kBelievableLead, DomainPower::kRunning)),
            ReportMeaning::kStaleCopy);
}

TEST(Report, OnlyThePlacedGenerationCanBeGone) {
  const Vm vm = placed(HostId{1}, 5);
  EXPECT_EQ(read_report(&vm, HostId{1}, report(5, DomainPower::kGone)), ReportMeaning::kGone);
  EXPECT_EQ(read_report(&vm, HostId{1}, report(4, DomainPower::kGone)), ReportMeaning::kNothing);
  EXPECT_EQ(read_report(&vm, HostId{2}, report(5, DomainPower::kGone)), ReportMeaning::kNothing);
  EXPECT_EQ(read_report(&vm, HostId{2}, report(6, DomainPower::kGone)), ReportMeaning::kAdopt);
  EXPECT_EQ(read_report(nullptr, HostId{2}, report(5, DomainPower::kGone)),
            ReportMeaning::kNothing);
}

TEST(Report, AGuestThatShutItselfDownStaysDown) {
  Vm vm = placed(HostId{1}, 5);
  EXPECT_FALSE(restart_after(GoneReason::kShutdown, vm));
  EXPECT_TRUE(restart_after(GoneReason::kCrashed, vm));
  EXPECT_TRUE(restart_after(GoneReason::kSelfFenced, vm));
  vm.ha = false;
  EXPECT_FALSE(restart_after(GoneReason::kCrashed, vm));
}

TEST(Policy, DefaultsAreInRangeAndNonsenseIsNot) {
  EXPECT_TRUE(check_policy(Policy{}).has_value());
  Policy p;
  p.dead_after = 1s;  // before suspicion
  EXPECT_FALSE(check_policy(p).has_value());
  p = Policy{};
  p.brake_percent = 0;
  EXPECT_FALSE(check_policy(p).has_value());
}

TEST(Profiles, EachHoldsTogether) {
  ASSERT_FALSE(profiles().empty());
  EXPECT_EQ(profiles().front().policy.dead_after, Policy{}.dead_after) << "the first: the default";
  for (const Profile& profile : profiles()) {
    SCOPED_TRACE(profile.name);
    const Policy& p = profile.policy;
    const Status checked = check_policy(p);
    EXPECT_TRUE(checked) << checked.error().what;
    EXPECT_EQ(find_profile(profile.name), &profile);
    // Alive is who was heard on storage lately: its beat, the next read of it, an agent's beat.
    EXPECT_GE(p.storage_alive_within, profile.lease_beat_interval * 2 + p.beat_interval);
    EXPECT_GE(p.suspect_after, p.beat_interval * 4) << "two beats may be lost";
    // No stall that is forgiven may look like silence.
    EXPECT_LT(p.own_stall_limit + p.beat_interval, p.suspect_after);
    EXPECT_LT(p.observer_stall_limit + profile.lease_beat_interval, p.dead_after);
    EXPECT_GE(p.observer_max_age, p.beat_interval * 3);
  }
  EXPECT_EQ(find_profile("turbo"), nullptr);
}

TEST(Profiles, TheFastOneIsFaster) {
  const Profile& usual = profiles().front();
  const Profile* const fast = find_profile("fast");
  ASSERT_NE(fast, nullptr);
  EXPECT_LE(fast->policy.dead_after * 3, usual.policy.dead_after);
  EXPECT_LT(fast->lease_deadline + fast->policy.lease_margin, 6500ms);
}

}  // namespace
}  // namespace mold::core
