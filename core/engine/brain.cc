#include "core/engine/brain.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/engine/stepper.h"
#include "core/job/job.h"
#include "core/vm_ha/vm_ha.h"

namespace mold::core {
namespace {

PowerRules power_rules(Mutation mutation) {
  return {.unknown_is_off = mutation == Mutation::kUnknownIsOff,
          .failed_is_off = mutation == Mutation::kFailedIsOff,
          .accepted_is_off = mutation == Mutation::kAcceptedIsOff,
          .one_feed_is_off = mutation == Mutation::kOneFeedIsOff,
          .stale_off_counts = mutation == Mutation::kStaleOffCounts};
}

IsolationRules isolation_rules(Mutation mutation) {
  return {.unknown_counts = mutation == Mutation::kUnknownIsIsolated,
          .unseen_is_covered = mutation == Mutation::kUnseenIsIsolated,
          .never_renewed = mutation == Mutation::kNeverRenewed};
}

LeaseRules lease_rules(Mutation mutation) {
  LeaseRules rules;
  rules.armed = mutation != Mutation::kLeaseWithoutArmed;
  rules.live_witness = mutation != Mutation::kLeaseFromStaleObserver;
  rules.fresh_observer = mutation != Mutation::kLeaseFromStaleObserver;
  if (mutation == Mutation::kLeaseWithoutMargin) rules.deadline_percent = 45;
  return rules;
}

// When this host must be looked at again if nothing is heard of it.
std::optional<Instant> host_deadline(const Policy& policy, const Host& host) {
  switch (host.ha) {
    case HaState::kDisabled:
    case HaState::kIneligible:
    case HaState::kFenced:
      return std::nullopt;
    case HaState::kAvailable:
    case HaState::kRecovered:
      if (!host.epoch) return std::nullopt;
      return host.last_beat + policy.suspect_after;
    case HaState::kSuspect:
    case HaState::kChecking:
    case HaState::kRecovering:
      return Instant{0};  // polled, see kPoll
    case HaState::kDegraded:
      return Instant{0};
    case HaState::kFencing:
      return Instant{0};
  }
  return std::nullopt;
}

// A host in trouble is looked at this often besides every reading that comes in.
constexpr Duration kPoll = 100ms;

constexpr Instant kNever{std::numeric_limits<std::int64_t>::max()};

}  // namespace

bool Changes::empty() const {
  return hosts.empty() && vms.empty() && pools.empty() && jobs.empty() && !counters;
}

void Changes::merge(const Changes& other) {
  hosts.insert(other.hosts.begin(), other.hosts.end());
  vms.insert(other.vms.begin(), other.vms.end());
  pools.insert(other.pools.begin(), other.pools.end());
  jobs.insert(other.jobs.begin(), other.jobs.end());
  counters = counters || other.counters;
}

Brain::Brain(Policy policy, State state, Mutation mutation)
    : policy_(policy),
      state_(std::move(state)),
      mutation_(mutation),
      power_rules_(power_rules(mutation)),
      isolation_rules_(isolation_rules(mutation)),
      lease_book_(lease_rules(mutation)) {}

Turn Brain::step(const Event& event, Now now) {
  Stepper stepper(*this, now);
  if (due_ && now.mono > *due_ + policy_.own_stall_limit) stepper.forgive_own_stall();
  stepper.handle(event);
  stepper.settle();
  latest_ = now.mono;
  due_ = compute_deadline();
  return stepper.take();
}

Turn Brain::resume(Now now) {
  Stepper stepper(*this, now);
  stepper.resume();
  stepper.settle();
  latest_ = now.mono;
  due_ = compute_deadline();
  return stepper.take();
}

std::optional<Instant> Brain::deadline() const {
  return due_;
}

std::optional<Instant> Brain::compute_deadline() const {
  Instant earliest = kNever;
  for (const auto& [id, host] : state_.hosts) {
    earliest = std::min(earliest, host_deadline(policy_, host).value_or(kNever));
    for (const PoolIsolation& isolation : host.isolations) {
      if (!isolation.op) earliest = std::min(earliest, isolation.next_try);
    }
  }
  for (const VmId id : busy_) {
    const auto vm = state_.vms.find(id);
    if (vm == state_.vms.end() || doubted_.count(vm->second.cluster) > 0) continue;
    earliest = std::min(earliest, vm_deadline(policy_, vm->second).value_or(kNever));
  }
  earliest = std::max(earliest, latest_ + kPoll);
  for (const auto& [id, job] : state_.jobs)
    earliest = std::min(earliest, job_deadline(policy_, job));
  return earliest == kNever ? std::nullopt : std::optional(earliest);
}

}  // namespace mold::core
