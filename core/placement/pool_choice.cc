#include "core/placement/pool_choice.h"

#include <algorithm>

namespace mold::core {
namespace {

bool has_tags(const PoolCandidate& candidate, const PoolWish& wish) {
  return std::all_of(wish.tags.begin(), wish.tags.end(), [&](const std::string& tag) {
    return std::find(candidate.tags.begin(), candidate.tags.end(), tag) != candidate.tags.end();
  });
}

bool has_room(const PoolCandidate& candidate, const PoolWish& wish) {
  if (candidate.total_bytes == 0) return true;
  const std::uint64_t most = candidate.total_bytes / 100 * kThinPercent;
  return wish.bytes <= candidate.free_bytes && candidate.promised_bytes <= most &&
         wish.bytes <= most - candidate.promised_bytes;
}

bool is_better(const PoolCandidate& one, const PoolCandidate& other) {
  const bool local = bool(one.host);
  if (local != bool(other.host)) return !local;
  if (one.free_bytes != other.free_bytes) return one.free_bytes > other.free_bytes;
  return one.id < other.id;
}

}  // namespace

bool fits(const PoolCandidate& candidate, const PoolWish& wish) {
  if (!candidate.open || !has_tags(candidate, wish)) return false;
  if (candidate.host && (wish.tags.empty() || (wish.host && wish.host != candidate.host))) {
    return false;
  }
  return has_room(candidate, wish);
}

std::optional<PoolId> choose_pool(const std::vector<PoolCandidate>& candidates,
                                  const PoolWish& wish) {
  const PoolCandidate* best = nullptr;
  for (const PoolCandidate& candidate : candidates) {
    if (!fits(candidate, wish)) continue;
    if (best == nullptr || is_better(candidate, *best)) best = &candidate;
  }
  if (best == nullptr) return std::nullopt;
  return best->id;
}

}  // namespace mold::core
