#include "fencing/drivers/ipmi_text.h"

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

struct Phrase {
  std::string_view text;
  IpmiReach reach;
  ErrorKind error;
  std::string_view advice;
};

// Order matters: the telling lines come before the generic last line that all failures share.
constexpr Phrase kPhrases[] = {
    {"RAKP 2 HMAC is invalid", IpmiReach::kDenied, ErrorKind::kDenied,
     "wrong password: the BMC answers, its secret differs from ours"},
    {"unauthorized name", IpmiReach::kDenied, ErrorKind::kDenied,
     "unknown user: the BMC answers, it has no such user"},
    {"insufficient privilege", IpmiReach::kDenied, ErrorKind::kDenied,
     "the user may not do this: it needs the operator or administrator privilege"},
    {"Activate Session error", IpmiReach::kDenied, ErrorKind::kDenied,
     "the BMC refused the session: check user, password and privilege"},
    {"invalid authentication algorithm", IpmiReach::kDenied, ErrorKind::kUnsupported,
     "the BMC does not speak this cipher suite: set another one (3 or 17)"},
    {"Unable to Get Channel Cipher Suites", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "the BMC does not tell its cipher suites: set one explicitly"},
    {"Get Auth Capabilities error", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "no answer: the BMC is down, unreachable or not on this address and port"},
    {"Could not open socket", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "the address cannot be reached or resolved"},
    {"Address lookup for", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "the address cannot be resolved"},
    {"Unable to get Chassis Power Status", IpmiReach::kCommandLost, ErrorKind::kTimeout,
     "a session stood, then the BMC did not answer in time"},
    {"Set Chassis Power Control", IpmiReach::kRefused, ErrorKind::kConflict,
     "the BMC refused the power command"},
    {"Unable to set Chassis Power Control", IpmiReach::kCommandLost, ErrorKind::kTimeout,
     "a session stood, then the BMC did not answer in time"},
    {"Unable to establish", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "no session: the BMC is down, unreachable or not on this address and port"},
};

}  // namespace

core::PowerState parse_power_state(std::string_view out) {
  for (const std::string& line : split(out, '\n')) {
    const std::string_view text = trim(line);
    if (text == "Chassis Power is on") return core::PowerState::kOn;
    if (text == "Chassis Power is off") return core::PowerState::kOff;
  }
  return core::PowerState::kUnknown;
}

IpmiVerdict classify(const runtime::ChildResult& result) {
  if (result.ok()) return {IpmiReach::kAnswered, ErrorKind::kInternal, {}};
  if (result.timed_out) {
    return {IpmiReach::kCommandLost, ErrorKind::kTimeout,
            "ipmitool was stopped at its deadline; what it did is not known"};
  }
  for (const Phrase& phrase : kPhrases) {
    if (contains(result.err, phrase.text) || contains(result.out, phrase.text))
      return {phrase.reach, phrase.error, std::string(phrase.advice)};
  }
  // An unknown complaint: assume the worst, that a command may have gone out.
  return {IpmiReach::kCommandLost, ErrorKind::kUnknown,
          "ipmitool ended with code " + std::to_string(result.exit_code)};
}

}  // namespace mold::fencing
