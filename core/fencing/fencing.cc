#include "core/fencing/fencing.h"

#include <algorithm>

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
