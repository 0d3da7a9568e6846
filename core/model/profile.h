#pragma once
// Named sets of tunables that fit together, so that an operator chooses one word instead of twenty
// numbers. A pure table; single values may be set on top, and check_policy() judges the outcome.
//
// Invariants, held by tests: a profile passes check_policy(); a host that beats as it is told to is
// never silent on either channel; a start fits into the lease.
#include <span>
#include <string_view>

#include "core/model/policy.h"

namespace mold::core {

struct Profile {
  std::string_view name;
  Policy policy;
  // Told to the hosts, which write the deadline into every storage beat.
  Duration lease_beat_interval{1'000};
  Duration lease_deadline{10'000};
};

// The first is the default: it rides out stalls of three seconds. "fast" is for a quiet network and
// storage of its own, and rides out one.
std::span<const Profile> profiles();
// Nothing: there is none of that name.
const Profile* find_profile(std::string_view name);

}  // namespace mold::core
