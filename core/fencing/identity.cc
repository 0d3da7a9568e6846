#include "core/fencing/identity.h"

#include <algorithm>
#include <array>

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::core {
namespace {

constexpr std::size_t kUuidDigits = 32;

// What boards ship with when nobody filled it in.
constexpr std::array<std::string_view, 3> kNoUuids = {
    "03000200040005000006000700080009",
    "00020003000400050006000700080009",
    "12345678123456781234567812345678",
};
constexpr std::array<std::string_view, 14> kNoSerials = {"to be filled by o.e.m.",
                                                         "default string",
                                                         "not specified",
                                                         "system serial number",
                                                         "not applicable",
                                                         "none",
                                                         "unknown",
                                                         "n/a",
                                                         "na",
                                                         "null",
                                                         "0123456789",
                                                         "123456789",
                                                         "empty",
                                                         "chassis serial number"};

std::string canonical_serial(std::string_view text) {
  std::string serial = to_lower(trim(text));
  const bool blank = serial.find_first_not_of("0. -") == std::string::npos;
  const bool placeholder =
      std::find(kNoSerials.begin(), kNoSerials.end(), serial) != kNoSerials.end();
  return blank || placeholder ? std::string{} : serial;
}

// The first three fields the other way round.
std::string swapped(std::string_view uuid) {
  std::string out;
  const auto reversed = [&](std::size_t from, std::size_t bytes) {
    for (std::size_t i = bytes; i > 0; --i) out += uuid.substr(from + 2 * (i - 1), 2);
  };
  reversed(0, 4);
  reversed(8, 2);
  reversed(12, 2);
  out += uuid.substr(16);
  return out;
}

std::string backwards(std::string_view uuid) {
  std::string out;
  for (std::size_t i = uuid.size(); i >= 2; i -= 2) out += uuid.substr(i - 2, 2);
  return out;
}

// One of them as SMBIOS keeps its bytes, the other as IPMI prescribes: last byte first.
bool is_ipmi_form(const std::string& smbios, const std::string& other) {
  return backwards(swapped(smbios)) == other;
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

std::string_view to_string(IdentityVerdict verdict) {
  switch (verdict) {
    case IdentityVerdict::kSame:
      return "same";
    case IdentityVerdict::kOther:
      return "other";
    case IdentityVerdict::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string canonical_uuid(std::string_view text) {
  std::string digits;
  for (const char c : to_lower(trim(text))) {
    if (c == '-' || c == '{' || c == '}' || c == ' ' || c == ':') continue;
    if (!is_hex(c)) return {};
    digits += c;
  }
  if (digits.size() != kUuidDigits) return {};
  const bool one_digit = digits.find_first_not_of(digits[0]) == std::string::npos;
  const bool placeholder = std::find(kNoUuids.begin(), kNoUuids.end(), digits) != kNoUuids.end();
  return one_digit || placeholder ? std::string{} : digits;
}

bool same_uuid(std::string_view a, std::string_view b) {
  const std::string one = canonical_uuid(a);
  const std::string two = canonical_uuid(b);
  if (one.empty() || two.empty()) return false;
  return one == two || swapped(one) == two || is_ipmi_form(one, two) || is_ipmi_form(two, one);
}

IdentityVerdict compare_identity(const MachineFacts& device, const MachineFacts& host) {
  const bool uuids = !canonical_uuid(device.uuid).empty() && !canonical_uuid(host.uuid).empty();
  const std::string device_serial = canonical_serial(device.serial);
  const std::string host_serial = canonical_serial(host.serial);
  const bool serials = !device_serial.empty() && !host_serial.empty();
  if (uuids && same_uuid(device.uuid, host.uuid)) return IdentityVerdict::kSame;
  if (serials && device_serial == host_serial) return IdentityVerdict::kSame;
  return uuids || serials ? IdentityVerdict::kOther : IdentityVerdict::kUnknown;
}

std::string describe(const MachineFacts& facts) {
  std::string text;
  if (!facts.uuid.empty()) text = "uuid " + facts.uuid;
  if (!facts.serial.empty()) text += (text.empty() ? "" : ", ") + ("serial " + facts.serial);
  return text.empty() ? "nothing" : text;
}

}  // namespace mold::core
