#pragma once
// Proving a host dead by power: a one-level ladder. What a power answer means, and when to try
// again. Pure; the executor (fencing/, manager/power) only acts and reads.
//
// The rule: only "off", read back now, is a proof. Accepted, failed, timed out or unreachable are
// none of them, whatever the driver's return code was.
#include <optional>
#include <string>

#include "core/engine/event.h"
#include "core/model/host.h"
#include "core/model/policy.h"

namespace mold::core {

// What counts as off. Production uses the default; planted bugs relax it.
struct PowerRules {
  bool unknown_is_off = false;
  bool failed_is_off = false;
  bool accepted_is_off = false;
};

bool proves_off(const PowerRules& rules, const PowerAnswered& answer);

// Wait before attempt number `attempts + 1`; doubles from fence_retry_first to fence_retry_last.
Duration fence_backoff(const Policy& policy, int attempts);

// After an answer: did the request leave something that may still hit the host?
bool may_still_hit(const PowerAnswered& answer);

}  // namespace mold::core
