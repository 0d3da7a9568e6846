#include "core/fencing/fencing.h"

#include <algorithm>
#include <map>
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
  std::map<int, std::vector<DeviceId>> by_level;
  if (host.has_power_control) by_level[1].push_back(DeviceId{});
  for (const FenceLevel& more : host.more_levels) {
    auto& devices = by_level[more.level];
    devices.insert(devices.end(), more.devices.begin(), more.devices.end());
  }
  std::vector<FenceLevel> levels;
  for (auto& [level, devices] : by_level) {
    if (!devices.empty()) levels.push_back({level, std::move(devices)});
  }
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
