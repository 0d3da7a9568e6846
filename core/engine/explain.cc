// What a host's present state waits for, in words (`hactl ha explain`).
#include <algorithm>

#include "core/engine/brain.h"
#include "core/engine/stepper.h"
#include "core/fencing/fencing.h"
#include "core/fencing/ladder.h"
#include "core/isolation/isolation.h"

namespace mold::core {
namespace {

std::string network_line(const Policy& policy, const Host& host, Instant now) {
  if (!host.epoch) return "network: its agent never connected";
  const Duration silent = now - host.last_beat;
  return "network: last beat " + seconds_text(silent) + " ago" +
         (silent >= policy.suspect_after ? " (late)" : "");
}

void explain_fencing(const Policy& policy, const Host& host, Instant now,
                     std::vector<std::string>& lines) {
  if (host.fence.op) {
    lines.push_back("waits for: the answer to power " + std::string(to_string(host.fence.verb)) +
                    ", attempt " + std::to_string(host.fence.attempts + 1));
    return;
  }
  if (host.fence.ladder.rungs.empty()) {
    if (!host.fence.last_outcome.empty()) lines.push_back("last try: " + host.fence.last_outcome);
    const Duration wait = std::max(Duration{0}, host.fence.next_try - now);
    if (has_fence_device(host)) lines.push_back("next power try in " + seconds_text(wait));
  }
  for (std::string& line : explain(host.fence.ladder, policy, now))
    lines.push_back("power " + std::move(line));
  lines.push_back("or for: its lease to run out, its return, or `hactl host confirm-dead`");
}

}  // namespace

std::vector<std::string> Brain::explain(HostId id, Instant now) const {
  std::vector<std::string> lines;
  const auto found = state_.hosts.find(id);
  if (found == state_.hosts.end()) return lines;
  const Host& host = found->second;
  lines.push_back(network_line(policy_, host, now));
  if (host.awaited)
    lines.push_back(
        "store: older than the world; nothing is started or killed in this cluster until this host "
        "has said hello, or is proven dead (`hactl host confirm-dead`)");
  for (const auto& [pool_id, pool] : state_.pools) {
    if (pool.cluster != host.cluster || !pool.heartbeat) continue;
    const PoolVerdict verdict = lease_book_.judge_pool(policy_, pool_id, id, now, true);
    lines.push_back("storage " + pool.name + ": " + std::string(to_string(verdict.liveness)) +
                    ", " + verdict.why + (verdict.expired ? ", lease expired: proof" : ""));
  }
  lines.push_back(host.has_power_control ? "power: last read " + std::string(to_string(host.power))
                                         : "power: no out-of-band management enabled");
  for (const PoolIsolation& isolation : host.isolations) {
    const auto pool = state_.pools.find(isolation.pool);
    lines.push_back("isolation from " +
                    (pool == state_.pools.end() ? "a pool" : pool->second.name) + ": " +
                    core::explain(isolation, now));
  }
  switch (host.ha) {
    case HaState::kChecking:
      lines.push_back("waits for: storage and network silent for " +
                      seconds_text(policy_.dead_after) + ", or a sign of life");
      break;
    case HaState::kDegraded:
      lines.push_back("waits for: beats, or new evidence");
      break;
    case HaState::kFencing:
    case HaState::kRecovering:
      explain_fencing(policy_, host, now, lines);
      break;
    case HaState::kFenced:
      lines.push_back("waits for: its return under a new epoch");
      break;
    case HaState::kRecovered:
      lines.push_back("waits for: " + std::to_string(policy_.probation_beats) +
                      " good beats in a row");
      break;
    case HaState::kDisabled:
    case HaState::kAvailable:
    case HaState::kIneligible:
    case HaState::kSuspect:
      break;
  }
  return lines;
}

}  // namespace mold::core
