#pragma once
// The contract of a fence agent, as far as it is numbers and words: the actions that a cluster asks
// for, and what an exit code means. A cluster looks at zero or not zero; the rest is for people and
// for programs that run agents by hand. Pure.
//
// One number has two meanings in the contract: 2 is "off" as the answer to `status`, and "bad
// arguments" as the answer to anything else. So nothing but a state read as off may ever end a
// `status` with 2: wrong arguments of a status are 1.
#include <optional>
#include <string_view>

#include "lib/base/error.h"
#include "lib/base/time.h"

namespace mold::fence_mold {

enum class Action {
  kMetadata,
  kOn,
  kOff,
  kReboot,
  kStatus,
  kMonitor,
  kList,
  kListStatus,
  kValidateAll,
};

enum class Exit : int {
  kOk = 0,
  kFailed = 1,
  kOffOrBadArguments = 2,
  kLoginDenied = 3,
  kConnectionLost = 4,
  kTimedOut = 5,
  kWaitingOn = 6,   // was told to switch on, "on" was not read back
  kWaitingOff = 7,  // was told to switch off, "off" was not read back
  kNoStatus = 8,
  kPasswordMissing = 10,
};

std::string_view to_string(Action action);
std::optional<Action> parse_action(std::string_view text);

// A reboot has two halves and a cluster one timeout (60 s, if nobody changed it) for both. The
// first is the fencing: it may take the whole power timeout. The second, on, is a courtesy, and
// gets so little that a host that was fenced is not reported as not fenced because of it.
constexpr Duration kRebootOnAtMost{10'000};

// How an action that failed ends; never kOk. No action: the arguments did not even name one.
Exit exit_of(std::optional<Action> action, ErrorKind kind);

}  // namespace mold::fence_mold
