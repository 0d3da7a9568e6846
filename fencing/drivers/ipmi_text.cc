#include "fencing/drivers/ipmi_text.h"

#include <algorithm>
#include <array>
#include <vector>

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

constexpr std::string_view kLost = "a session stood, then the BMC did not answer in time";
constexpr std::string_view kPrivilege =
    "the user may not do this: it needs the operator or administrator privilege";

// Order matters: the telling lines come before the generic last line that all failures share.
// "failed: Insufficient privilege" and not its end alone: -v also tells of harmless questions of
// ipmitool's own that a BMC did not want to answer.
constexpr Phrase kPhrases[] = {
    {"RAKP 2 HMAC is invalid", IpmiReach::kDenied, ErrorKind::kDenied,
     "wrong password: the BMC answers, its secret differs from ours"},
    {"unauthorized name", IpmiReach::kDenied, ErrorKind::kDenied,
     "unknown user: the BMC answers, it has no such user"},
    {"unauthorized role", IpmiReach::kDenied, ErrorKind::kDenied,
     "the user may not have this privilege level: set another one, or give it more rights"},
    {"failed: Insufficient privilege", IpmiReach::kRefused, ErrorKind::kDenied, kPrivilege},
    {"insufficient privilege", IpmiReach::kDenied, ErrorKind::kDenied, kPrivilege},
    {"Activate Session error", IpmiReach::kDenied, ErrorKind::kDenied,
     "the BMC refused the session: check user, password and privilege"},
    {"invalid authentication algorithm", IpmiReach::kDenied, ErrorKind::kUnsupported,
     "the BMC does not speak this cipher suite: set another one (3 or 17)"},
    {"insufficient resources", IpmiReach::kNoAnswer, ErrorKind::kBusy,
     "all sessions of the BMC are taken: end some, or restart the BMC"},
    {"Unsupported cipher suite", IpmiReach::kBroken, ErrorKind::kInvalid,
     "ipmitool does not know this cipher suite: set another one (3 or 17)"},
    {"is too long", IpmiReach::kBroken, ErrorKind::kInvalid,
     "user or password is longer than IPMI takes (16 and 20 bytes)"},
    {"Unable to Get Channel Cipher Suites", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "the BMC does not tell its cipher suites: set one explicitly"},
    {"Get Auth Capabilities error", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "no answer: the BMC is down, unreachable or not on this address and port"},
    {"Could not open socket", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "the address cannot be reached or resolved"},
    {"Address lookup for", IpmiReach::kNoAnswer, ErrorKind::kUnavailable,
     "the address cannot be resolved"},
    {"Unable to get Chassis Power Status", IpmiReach::kCommandLost, ErrorKind::kTimeout, kLost},
    {"Get Chassis Power Status failed", IpmiReach::kRefused, ErrorKind::kConflict,
     "the BMC refused to tell the power state"},
    {"Set Chassis Power Control", IpmiReach::kRefused, ErrorKind::kConflict,
     "the BMC refused the power command"},
    {"Unable to set Chassis Power Control", IpmiReach::kCommandLost, ErrorKind::kTimeout, kLost},
    {" rsp=0x", IpmiReach::kRefused, ErrorKind::kConflict, "the BMC refused the command"},
    {"Unable to send RAW command", IpmiReach::kCommandLost, ErrorKind::kTimeout, kLost},
    {"Get User Access command failed", IpmiReach::kRefused, ErrorKind::kDenied,
     "the BMC does not show its users to this user"},
    {"Device not present", IpmiReach::kRefused, ErrorKind::kNotFound, "the BMC has no such thing"},
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

namespace {

// 16 bytes as they lie in the SMBIOS table, as dmidecode prints them: the first three fields are
// little endian.
std::string smbios_uuid(std::string_view bytes) {
  constexpr std::array<std::size_t, 16> kOrder = {3, 2, 1,  0,  5,  4,  7,  6,
                                                  8, 9, 10, 11, 12, 13, 14, 15};
  if (bytes.size() != kOrder.size()) return {};
  std::string text;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex_encode(bytes.substr(kOrder[i], 1));
  }
  return text;
}

}  // namespace

std::string parse_system_guid(std::string_view out) {
  std::string digits;
  for (const char c : out) {
    if (c != ' ' && c != '\n' && c != '\r') digits += c;
  }
  const auto bytes = hex_decode(digits);
  return bytes ? smbios_uuid(*bytes) : std::string();
}

port::MachineIdentity parse_fru(std::string_view out) {
  std::string maker;
  std::string product;
  std::string serial;
  std::string chassis_serial;
  const std::array<std::pair<std::string_view, std::string*>, 4> wanted = {
      {{"Product Manufacturer", &maker},
       {"Product Name", &product},
       {"Product Serial", &serial},
       {"Chassis Serial", &chassis_serial}}};
  for (const std::string& line : split(out, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string_view name = trim(std::string_view(line).substr(0, colon));
    for (const auto& [key, value] : wanted) {
      if (name == key) *value = trim(std::string_view(line).substr(colon + 1));
    }
  }
  port::MachineIdentity identity;
  identity.serial = serial.empty() ? chassis_serial : serial;
  identity.model = trim(maker + " " + product);
  return identity;
}

std::optional<int> parse_user_id(std::string_view out, std::string_view name) {
  // "2,ADMIN,true,false,true,ADMINISTRATOR": the name may have commas, the other fields have none.
  constexpr std::ptrdiff_t kFieldsAfterName = 4;
  std::optional<int> found;
  for (const std::string& line : split(out, '\n')) {
    const auto first = line.find(',');
    if (first == std::string::npos || std::count(line.begin(), line.end(), ',') <= kFieldsAfterName)
      continue;
    std::size_t last = line.size();
    for (std::ptrdiff_t i = 0; i < kFieldsAfterName; ++i) last = line.rfind(',', last - 1);
    const auto id = parse_number<int>(trim(std::string_view(line).substr(0, first)));
    if (!id || *id < 1 || *id > 63) continue;
    if (std::string_view(line).substr(first + 1, last - first - 1) != name) continue;
    if (found) return std::nullopt;
    found = id;
  }
  return found;
}

Secret set_password_command(int user_id, const Secret& password) {
  constexpr std::size_t kShort = 16;
  constexpr std::size_t kLong = 20;
  const std::string& text = password.reveal();
  const bool is_long = text.size() > kShort;
  const std::size_t size = is_long ? kLong : kShort;
  const auto byte = [](unsigned value) {
    const char bytes[] = {static_cast<char>(value)};
    return " 0x" + hex_encode(std::string_view(bytes, 1));
  };
  constexpr unsigned kLongForm = 0x80;
  std::string line =
      "raw 0x06 0x47" + byte(static_cast<unsigned>(user_id) | (is_long ? kLongForm : 0U)) + byte(2);
  line.reserve(line.size() + size * 5);
  for (std::size_t i = 0; i < size; ++i)
    line += byte(i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  return Secret(std::move(line));
}

}  // namespace mold::fencing
