#include "core/model/profile.h"

#include <algorithm>
#include <array>

namespace mold::core {
namespace {

Policy fast_policy() {
  Policy p;
  p.beat_interval = 200ms;
  p.suspect_after = 800ms;
  p.dead_after = 1'200ms;
  p.storage_alive_within = 1'000ms;
  p.observer_max_age = 1'000ms;
  p.observer_stall_limit = 500ms;
  p.own_stall_limit = 500ms;
  p.degraded_recheck = 2'000ms;
  p.fence_retry_first = 500ms;
  p.fence_escalate_after = 1'000ms;
  p.lease_margin = 500ms;
  p.start_guard = 700ms;
  p.isolation_retry = 500ms;
  p.vm_retry_first = 500ms;
  return p;
}

}  // namespace

std::span<const Profile> profiles() {
  static const std::array<Profile, 2> table{{
      {.name = "default", .policy = Policy{}},
      {.name = "fast",
       .policy = fast_policy(),
       .lease_beat_interval = 250ms,
       .lease_deadline = 5'500ms},
  }};
  return table;
}

const Profile* find_profile(std::string_view name) {
  const auto all = profiles();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const Profile& profile) { return profile.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace mold::core
