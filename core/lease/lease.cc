#include "core/lease/lease.h"

#include <algorithm>
#include <limits>

#include "lib/base/text.h"

namespace mold::core {
namespace {

// What this observer said last.
template <class Observations>
auto find_observer(Observations& observations, HostId observer) {
  return std::find_if(observations.begin(), observations.end(),
                      [observer](const Observation& o) { return o.observer == observer; });
}

}  // namespace

bool LeaseBook::usable(const Policy& policy, const Observation& o, Instant now) const {
  if (!o.reading.readable) return false;
  if (!rules_.fresh_observer) return true;
  return now - o.received <= policy.observer_max_age &&
         o.observer_stall <= policy.observer_stall_limit;
}

void LeaseBook::record(HostId observer, const std::vector<LeaseReading>& readings,
                       Duration observer_stall, Instant now) {
  for (const LeaseReading& reading : readings) {
    if (reading.subject == observer) continue;
    std::vector<Observation>& observations = by_subject_[{reading.pool, reading.subject}];
    const auto known = find_observer(observations, observer);
    Observation& o = known == observations.end() ? observations.emplace_back() : *known;
    o = Observation{observer, reading, now, observer_stall};
  }
}

void LeaseBook::forget_observer(HostId observer) {
  for (auto& [key, observations] : by_subject_)
    std::erase_if(observations,
                  [observer](const Observation& o) { return o.observer == observer; });
}

void LeaseBook::forget_subject(HostId subject) {
  for (auto it = by_subject_.begin(); it != by_subject_.end();) {
    it = it->first.second == subject ? by_subject_.erase(it) : std::next(it);
  }
}

void LeaseBook::clear() {
  by_subject_.clear();
}

bool LeaseBook::has_live_witness(const Policy& policy, PoolId pool, HostId subject, HostId observer,
                                 Instant now) const {
  for (auto it = by_subject_.lower_bound({pool, HostId{}});
       it != by_subject_.end() && it->first.first == pool; ++it) {
    if (it->first.second == subject) continue;
    const auto seen = find_observer(it->second, observer);
    if (seen == it->second.end() || !usable(policy, *seen, now)) continue;
    if (seen->reading.unchanged < policy.storage_alive_within) return true;
  }
  return false;
}

bool LeaseBook::witnessed(const Policy& policy, const Key& key,
                          const std::vector<Observation>& observations, std::uint64_t newest,
                          Instant now) const {
  return std::any_of(observations.begin(), observations.end(), [&](const Observation& o) {
    return usable(policy, o, now) && o.reading.counter >= newest &&
           has_live_witness(policy, key.first, key.second, o.observer, now);
  });
}

PoolVerdict LeaseBook::judge_pool(const Policy& policy, PoolId pool, HostId subject, Instant now,
                                  bool explain) const {
  PoolVerdict verdict;
  verdict.pool = pool;
  const auto found = by_subject_.find({pool, subject});
  if (found == by_subject_.end() || found->second.empty()) {
    if (explain) verdict.why = "nobody read its record";
    return verdict;
  }
  std::uint64_t newest = 0;
  int counted = 0;
  for (const Observation& o : found->second) {
    if (!usable(policy, o, now)) continue;
    newest = std::max(newest, o.reading.counter);
    ++counted;
  }
  if (counted == 0) {
    if (explain) verdict.why = "no observer has a recent, readable reading";
    return verdict;
  }
  Duration least = Duration::max();
  Duration age = Duration::max();
  bool armed = true;
  bool over_deadline = true;
  for (const Observation& o : found->second) {
    if (!usable(policy, o, now) || o.reading.counter < newest) continue;  // behind: stale reads
    least = std::min(least, o.reading.unchanged);
    age = std::min(age, o.reading.unchanged + (now - o.received));
    armed = armed && o.reading.armed;
    const Duration needed =
        (o.reading.deadline + policy.lease_margin) * rules_.deadline_percent / 100;
    over_deadline = over_deadline && o.reading.unchanged >= needed;
  }
  verdict.silent_for = least;
  verdict.age = age;
  verdict.liveness = least < policy.storage_alive_within ? Liveness::kAlive : Liveness::kSilent;
  const bool over =
      verdict.liveness == Liveness::kSilent && over_deadline && (armed || !rules_.armed);
  // The dearest question comes last, and is asked only where the answer counts.
  const bool live =
      (over || explain) && witnessed(policy, found->first, found->second, newest, now);
  verdict.expired = over && (live || !rules_.live_witness);
  if (explain) {
    verdict.why = "counter " + std::to_string(newest) + " unchanged for " + seconds_text(least) +
                  " (" + std::to_string(counted) + " observers" +
                  (armed ? "" : ", not armed: expiry is no proof") +
                  (live ? "" : ", no live witness") + ")";
  }
  return verdict;
}

StorageVerdict judge_storage(const Policy& policy, const LeaseBook& book,
                             const std::vector<PoolId>& pools, HostId subject, Instant now) {
  StorageVerdict verdict;
  Duration least = Duration::max();
  bool any_silent = false;
  for (const PoolId pool : pools) {
    const PoolVerdict one = book.judge_pool(policy, pool, subject, now);
    switch (one.liveness) {
      case Liveness::kAlive:
        verdict.age =
            verdict.liveness == Liveness::kAlive ? std::min(verdict.age, one.age) : one.age;
        verdict.liveness = Liveness::kAlive;
        break;
      case Liveness::kSilent:
        any_silent = true;
        least = std::min(least, one.silent_for);
        break;
      case Liveness::kUnknown:
        verdict.unknown.push_back(pool);
        break;
    }
    if (one.expired) verdict.expired.push_back(pool);
  }
  verdict.all_expired = !pools.empty() && verdict.expired.size() == pools.size();
  if (verdict.liveness == Liveness::kAlive) return verdict;
  if (any_silent && verdict.unknown.empty()) {
    verdict.liveness = Liveness::kSilent;
    verdict.silent_for = least;
  }
  return verdict;
}

}  // namespace mold::core
