#pragma once
// Reading what ipmitool says. Pure, so that every known text is a test case. ipmitool's exit code
// and its last line are the same for a wrong password and a dead BMC ("Unable to establish IPMI v2
// / RMCP+ session"); only the -v lines on stderr tell them apart.
#include <optional>
#include <string>
#include <string_view>

#include "core/model/host.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/port/power_control.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {

// "Chassis Power is on|off" as a whole line of stdout; anything else is unknown.
core::PowerState parse_power_state(std::string_view out);

enum class IpmiReach : std::uint8_t {
  kAnswered,     // the command was carried out by the BMC
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

// The 16 bytes of `raw 0x06 0x37` (Get System GUID) as a UUID in SMBIOS order, the order in which
// most BMCs keep what the machine's own firmware told them; empty when it is not 16 bytes.
std::string parse_system_guid(std::string_view out);

// Serial and model of `fru print 0`; empty where it does not say.
port::MachineIdentity parse_fru(std::string_view out);

// The user's number in `-c user list`, 1-63; none when no line, or more than one, has that name.
std::optional<int> parse_user_id(std::string_view out, std::string_view name);

// "raw ..." that sets the password of a user: bytes, so that no quoting of any shell matters. Up to
// 16 bytes in the form that every BMC knows, longer ones in the 20-byte form of IPMI 2.0.
Secret set_password_command(int user_id, const Secret& password);

}  // namespace mold::fencing
