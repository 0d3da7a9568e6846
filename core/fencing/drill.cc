#include "core/fencing/drill.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/rng.h"

namespace mold::core {
namespace {

constexpr std::size_t kTrialsKept = 8;
constexpr int kGoodFrom = 80;
constexpr int kDegradedFrom = 30;
constexpr int kPointsFull = 100;
constexpr int kPointsUnchecked = 95;  // which machine it is could not be checked
constexpr int kPointsSlow = 70;
// A path that was never tried is worth less than one that mostly works, and more than a bad one.
constexpr int kUntried = 40;
constexpr Duration kFirstWithin{60'000};

bool is_contradicted(const DrillResult& result) {
  return result.outcome == Outcome::kConfirmed && result.state == PowerState::kOff &&
         result.host_heard;
}

bool is_wrong_machine(const DrillResult& result) {
  return result.identity == IdentityVerdict::kOther || is_contradicted(result);
}

// What no second trial can excuse.
bool is_certainly_bad(const DrillResult& result) {
  return is_wrong_machine(result) ||
         (result.outcome != Outcome::kConfirmed && result.error == ErrorKind::kDenied);
}

int points(const DrillResult& result, const DrillPolicy& policy) {
  if (result.outcome != Outcome::kConfirmed || is_wrong_machine(result)) return 0;
  if (result.state == PowerState::kUnknown) return 0;
  if (result.took > policy.slow_after) return kPointsSlow;
  return result.identity == IdentityVerdict::kUnknown ? kPointsUnchecked : kPointsFull;
}

DrillState state_of(int score) {
  if (score >= kGoodFrom) return DrillState::kGood;
  return score >= kDegradedFrom ? DrillState::kDegraded : DrillState::kBad;
}

std::string in_seconds(Duration time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() % 1000 / 100) +
         " s";
}

std::string reason_of(const DrillResult& latest, const DrillPolicy& policy, DrillState state) {
  if (is_wrong_machine(latest) || points(latest, policy) == 0) return latest.text;
  if (latest.took > policy.slow_after) return "slow: it took " + in_seconds(latest.took);
  if (state != DrillState::kGood) return "works now, but failed lately";
  if (latest.identity == IdentityVerdict::kUnknown)
    return "works; which machine it belongs to could not be checked";
  return "works";
}

// Which of two views of the same device says more about whether it can be used.
int rank(DrillState state) {
  switch (state) {
    case DrillState::kGood:
      return 3;
    case DrillState::kDegraded:
      return 2;
    case DrillState::kUnknown:
      return 1;
    case DrillState::kBad:
      return 0;
  }
  MOLD_UNREACHABLE();
}

bool is_better(const DrillView& a, const DrillView& b) {
  return std::pair(rank(a.state), a.score) > std::pair(rank(b.state), b.score);
}

}  // namespace

std::string_view to_string(DrillState state) {
  switch (state) {
    case DrillState::kGood:
      return "good";
    case DrillState::kDegraded:
      return "degraded";
    case DrillState::kBad:
      return "bad";
    case DrillState::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

// The same path always falls on the same place of the span.
Duration DrillBook::jitter(const DrillPath& path, Duration span) const {
  if (span.count() <= 0) return Duration{0};
  Rng rng(path.host.value * 1'000'003 + path.device.value * 1'009 + path.executor.value);
  return Duration{static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(span.count())))};
}

void DrillBook::set_paths(const std::set<DrillPath>& paths, Instant now) {
  std::erase_if(records_, [&paths](const auto& entry) { return !paths.contains(entry.first); });
  hosts_.clear();
  for (const DrillPath& path : paths) {
    hosts_.insert(path.host);
    const auto [record, added] = records_.try_emplace(path);
    if (added) record->second.next = now + jitter(path, std::min(kFirstWithin, policy_.every));
  }
}

void DrillBook::forget(HostId host, DeviceId device, Instant now) {
  for (auto& [path, record] : records_) {
    if (path.host != host || path.device != device) continue;
    record.trials.clear();
    record.failed_use.reset();
    record.next = now;
  }
  doubts_.erase({host, device});
}

std::vector<DrillPath> DrillBook::due(Instant now) const {
  std::vector<std::pair<Instant, DrillPath>> ready;
  for (const auto& [path, record] : records_) {
    if (!record.under_way && record.next <= now) ready.emplace_back(record.next, path);
  }
  std::sort(ready.begin(), ready.end());
  std::vector<DrillPath> paths;
  paths.reserve(ready.size());
  for (const auto& [when, path] : ready) paths.push_back(path);
  return paths;
}

void DrillBook::begin(const DrillPath& path) {
  const auto found = records_.find(path);
  if (found != records_.end()) found->second.under_way = true;
}

void DrillBook::postpone(const DrillPath& path, Instant until) {
  const auto found = records_.find(path);
  if (found == records_.end()) return;
  found->second.under_way = false;
  found->second.next = until;
}

void DrillBook::record(const DrillPath& path, DrillResult result, Instant now) {
  const auto found = records_.find(path);
  if (found == records_.end()) return;  // it went while it was being tried
  Record& record = found->second;
  record.under_way = false;
  weigh(path, result);
  const bool worked = points(result, policy_) > 0;
  const Duration pause = worked ? policy_.every : policy_.failing_every;
  record.trials.push_front({now, std::move(result)});
  if (record.trials.size() > kTrialsKept) record.trials.pop_back();
  record.next = now + pause - pause / 20 + jitter(path, pause / 10);
}

void DrillBook::weigh(const DrillPath& path, const DrillResult& result) {
  const std::pair device(path.host, path.device);
  if (is_wrong_machine(result)) {
    Doubt& doubt = doubts_[device];
    doubt.other_machine |= result.identity == IdentityVerdict::kOther;
    doubt.contradicted |= is_contradicted(result);
    doubt.text = result.text;
    return;
  }
  const auto doubt = doubts_.find(device);
  if (doubt == doubts_.end()) return;
  if (result.identity == IdentityVerdict::kSame) doubt->second.other_machine = false;
  if (result.state == PowerState::kOn && result.host_heard) doubt->second.contradicted = false;
  if (!doubt->second.other_machine && !doubt->second.contradicted) doubts_.erase(doubt);
}

std::string DrillBook::distrust(HostId host, DeviceId device) const {
  const auto doubt = doubts_.find({host, device});
  return doubt == doubts_.end() ? std::string{} : doubt->second.text;
}

void DrillBook::restore(HostId host, DeviceId device, Doubt doubt) {
  doubts_.insert_or_assign({host, device}, std::move(doubt));
}

void DrillBook::note_use(const DrillPath& path, bool reached, Instant now) {
  const auto found = records_.find(path);
  if (found == records_.end()) return;
  if (reached)
    found->second.failed_use.reset();
  else
    found->second.failed_use = now;
}

std::optional<Instant> DrillBook::failed_lately(const DrillPath& path, Instant now) const {
  const auto found = records_.find(path);
  if (found == records_.end() || !found->second.failed_use) return std::nullopt;
  if (now - *found->second.failed_use > policy_.failing_every) return std::nullopt;
  return found->second.failed_use;
}

std::vector<DrillPath> DrillBook::paths_of(HostId host) const {
  std::vector<DrillPath> paths;
  for (auto at = records_.lower_bound(DrillPath{host, DeviceId{}, HostId{}});
       at != records_.end() && at->first.host == host; ++at) {
    paths.push_back(at->first);
  }
  return paths;
}

// Each trial counts half as much as the one after it.
DrillView DrillBook::judge(const Record& record, Instant now) const {
  DrillView view;
  view.next = record.next;
  view.trials = record.trials.size();
  if (record.trials.empty()) {
    view.reason = "not tried yet";
    return view;
  }
  const Trial& latest = record.trials.front();
  view.last = latest.at;
  view.power = latest.result.state;
  view.identity = latest.result.identity;
  int weight = 1 << (kTrialsKept - 1);
  int sum = 0;
  int weights = 0;
  for (const Trial& trial : record.trials) {
    sum += weight * points(trial.result, policy_);
    weights += weight;
    weight /= 2;
  }
  view.score = is_certainly_bad(latest.result) ? 0 : sum / weights;
  view.state = state_of(view.score);
  view.reason = reason_of(latest.result, policy_, view.state);
  if (now - latest.at > policy_.stale_after) {
    view.state = DrillState::kUnknown;
    view.reason = "not tried for " + in_seconds(now - latest.at);
  }
  return view;
}

DrillView DrillBook::view(const DrillPath& path, Instant now) const {
  const auto found = records_.find(path);
  if (found != records_.end()) return judge(found->second, now);
  DrillView none;
  none.reason = "no such path";
  return none;
}

DrillView DrillBook::device_view(HostId host, DeviceId device, Instant now) const {
  std::optional<DrillView> best;
  for (const DrillPath& path : paths_of(host)) {
    if (path.device != device) continue;
    DrillView one = judge(records_.at(path), now);
    if (!best || is_better(one, *best)) best = std::move(one);
  }
  DrillView view = best.value_or(DrillView{});
  const auto doubt = doubts_.find({host, device});
  if (doubt == doubts_.end()) return view;
  view.state = DrillState::kBad;
  view.score = 0;
  view.reason = doubt->second.text;
  return view;
}

std::optional<DrillView> DrillBook::host_view(HostId host, Instant now) const {
  std::optional<DrillView> worst;
  std::set<DeviceId> devices;
  for (const DrillPath& path : paths_of(host)) devices.insert(path.device);
  for (const DeviceId device : devices) {
    DrillView one = device_view(host, device, now);
    if (!worst || is_better(*worst, one)) worst = std::move(one);
  }
  return worst;
}

HostId choose_executor(const DrillBook& book, HostId host, DeviceId device,
                       const std::vector<HostId>& candidates, Instant now) {
  const DrillPath own_path{host, device, HostId{}};
  const DrillView own = book.view(own_path, now);
  const auto own_failed = book.failed_lately(own_path, now);
  const bool own_works = own.state == DrillState::kGood || own.state == DrillState::kUnknown;
  if (own_works && !own_failed) return HostId{};
  HostId best;
  int best_score = own_failed ? -1 : own.score;
  HostId rested;  // of those that failed lately
  Instant rested_since = own_failed.value_or(Instant{INT64_MAX});
  std::vector<HostId> ordered = candidates;
  std::sort(ordered.begin(), ordered.end());
  for (const HostId candidate : ordered) {
    if (candidate == host || !candidate) continue;
    if (const auto failed = book.failed_lately({host, device, candidate}, now)) {
      if (*failed < rested_since) rested = candidate;
      rested_since = std::min(rested_since, *failed);
      continue;
    }
    const DrillView view = book.view({host, device, candidate}, now);
    const int score = view.state == DrillState::kUnknown ? kUntried : view.score;
    if (score <= best_score) continue;
    best = candidate;
    best_score = score;
  }
  return best_score < 0 ? rested : best;
}

}  // namespace mold::core
