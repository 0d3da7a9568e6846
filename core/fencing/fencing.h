#pragma once
// Proving a host dead by power: what a power answer means, and when to try again (ladder.h: in
// which order the devices are asked). Pure; the executor (fencing/, manager/power) only acts and
// reads.
//
// The rule: only "off", read back now, is a proof. Accepted, failed, timed out or unreachable are
// none of them, whatever the driver's return code was.
#include <optional>
#include <string>

#include "core/engine/event.h"
#include "core/model/host.h"
#include "core/model/policy.h"

namespace mold::core {

// What an answer is worth whose request was made with settings that hold no more.
inline constexpr const char* kSettingsChanged =
    "the settings of this device were changed meanwhile";

// What counts as off. Production uses the default; planted bugs relax it.
struct PowerRules {
  bool unknown_is_off = false;
  bool failed_is_off = false;
  bool accepted_is_off = false;
  bool one_feed_is_off = false;   // one device of a level is enough
  bool stale_off_counts = false;  // a reading of "off" never grows old
};

bool proves_off(const PowerRules& rules, const PowerAnswered& answer);

// Wait before attempt number `attempts + 1`; doubles from fence_retry_first to fence_retry_last.
Duration fence_backoff(const Policy& policy, int attempts);

// The whole ladder of a host: its BMC on level 1 while enabled, and its other devices.
std::vector<FenceLevel> fence_levels(const Host& host);
// Whether there is any, without making the list: asked for every host at every turn.
[[nodiscard]] bool has_fence_device(const Host& host);
// Is this device all that has to be off?
bool proves_alone(const Host& host, DeviceId device);
// Is it one of several feeds, which may be off while the host runs?
bool shares_level(const Host& host, DeviceId device);

// The state that ends a verb's read-back; kUnknown where none can be read back.
PowerState wished_state(PowerVerb verb);

// After an answer: did the request leave something that may still hit the host?
bool may_still_hit(const PowerAnswered& answer);

}  // namespace mold::core
