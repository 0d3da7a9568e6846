#pragma once
// Reading what ipmitool says. Pure, so that every known text is a test case. ipmitool's exit code
// and its last line are the same for a wrong password and a dead BMC ("Unable to establish IPMI v2
// / RMCP+ session"); only the -v lines on stderr tell them apart.
#include <string>
#include <string_view>

#include "core/model/host.h"
#include "lib/base/error.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {

// "Chassis Power is on|off" as a whole line of stdout; anything else is unknown.
core::PowerState parse_power_state(std::string_view out);

enum class IpmiReach : std::uint8_t {
  kAnswered,     // the command was carried out, or refused, by the BMC
  kNoAnswer,     // no session: nothing was asked of the chassis
  kDenied,       // no session: the credentials are wrong
  kCommandLost,  // a session stood, then no answer: the command may have been carried out
  kRefused,      // a session stood and the BMC said no
  kBroken,       // ipmitool itself could not do it (not installed, bad option)
};

struct IpmiVerdict {
  IpmiReach reach = IpmiReach::kBroken;
  ErrorKind error = ErrorKind::kInternal;  // when not answered
  std::string advice;                      // for an admin: what it means and what to look at
};

IpmiVerdict classify(const runtime::ChildResult& result);

}  // namespace mold::fencing
