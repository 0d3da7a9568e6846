#include "core/fencing/fencing.h"

#include <algorithm>
#include <utility>

namespace mold::core {

bool proves_off(const PowerRules& rules, const PowerAnswered& answer) {
  if (answer.outcome == Outcome::kConfirmed && answer.state == PowerState::kOff) return true;
  if (answer.verb != PowerVerb::kOff) return false;
  switch (answer.outcome) {
    case Outcome::kConfirmed:
      return rules.accepted_is_off;
    case Outcome::kFailed:
      return rules.failed_is_off;
    case Outcome::kUnknown:
      return rules.unknown_is_off;
  }
  return false;
}

Duration fence_backoff(const Policy& policy, int attempts) {
  Duration wait = policy.fence_retry_first;
  for (int i = 1; i < attempts && wait < policy.fence_retry_last; ++i) wait *= 2;
  return std::min(wait, policy.fence_retry_last);
}

std::vector<FenceLevel> fence_levels(const Host& host) {
  std::vector<FenceLevel> levels;
  if (host.has_power_control) levels.push_back({1, {DeviceId{}}});
  for (const FenceLevel& more : host.more_levels) {
    if (more.devices.empty()) continue;
    const auto known = std::find_if(levels.begin(), levels.end(), [&more](const FenceLevel& level) {
      return level.level == more.level;
    });
    if (known == levels.end()) {
      levels.push_back(more);
    } else {
      known->devices.insert(known->devices.end(), more.devices.begin(), more.devices.end());
    }
  }
  std::sort(levels.begin(), levels.end(),
            [](const FenceLevel& x, const FenceLevel& y) { return x.level < y.level; });
  return levels;
}

bool has_fence_device(const Host& host) {
  return host.has_power_control ||
         std::any_of(host.more_levels.begin(), host.more_levels.end(),
                     [](const FenceLevel& level) { return !level.devices.empty(); });
}

bool proves_alone(const Host& host, DeviceId device) {
  const auto levels = fence_levels(host);
  return std::any_of(levels.begin(), levels.end(), [device](const FenceLevel& level) {
    return level.devices.size() == 1 && level.devices.front() == device;
  });
}

bool shares_level(const Host& host, DeviceId device) {
  const auto levels = fence_levels(host);
  return std::any_of(levels.begin(), levels.end(), [device](const FenceLevel& level) {
    return level.devices.size() > 1 &&
           std::find(level.devices.begin(), level.devices.end(), device) != level.devices.end();
  });
}

PowerState wished_state(PowerVerb verb) {
  switch (verb) {
    case PowerVerb::kOff:
    case PowerVerb::kSoft:
      return PowerState::kOff;
    case PowerVerb::kOn:
    case PowerVerb::kReset:
    case PowerVerb::kCycle:
      return PowerState::kOn;
    case PowerVerb::kStatus:
      return PowerState::kUnknown;
  }
  return PowerState::kUnknown;
}

bool may_still_hit(const PowerAnswered& answer) {
  switch (answer.verb) {
    case PowerVerb::kStatus:
    case PowerVerb::kOn:
      return false;
    case PowerVerb::kOff:
    case PowerVerb::kReset:
    case PowerVerb::kCycle:
    case PowerVerb::kSoft:
      return answer.outcome == Outcome::kUnknown;
  }
  return true;
}

}  // namespace mold::core
