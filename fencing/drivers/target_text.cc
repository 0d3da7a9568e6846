#include "fencing/drivers/target_text.h"

#include <algorithm>
#include <cstdint>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20U || c == 0x7F;
}

}  // namespace

Status check_plain(std::string_view name, std::string_view text) {
  if (std::any_of(text.begin(), text.end(), is_control))
    return fail(ErrorKind::kInvalid, std::string(name) + ": must not have control characters");
  return {};
}

Status check_device_address(std::string_view address) {
  if (address.empty()) return fail(ErrorKind::kInvalid, "address: must not be empty");
  if (address.front() == '-') return fail(ErrorKind::kInvalid, "address: must not begin with '-'");
  if (address.find(' ') != std::string_view::npos)
    return fail(ErrorKind::kInvalid, "address: must not have blanks");
  if (address.find("://") != std::string_view::npos)
    return fail(ErrorKind::kInvalid, "address: must be a host name or an address, not a URL");
  return check_plain("address", address);
}

Status check_device_port(std::string_view port) {
  if (port.empty()) return {};
  const auto number = parse_number<std::uint16_t>(port);
  if (!number || *number == 0) return fail(ErrorKind::kInvalid, "port: must be from 1 to 65535");
  return {};
}

Error unknown_option(std::string_view name, std::string_view driver, std::string_view known) {
  return {ErrorKind::kInvalid, "option " + std::string(name) + ": the " + std::string(driver) +
                                   " driver knows " + std::string(known)};
}

}  // namespace mold::fencing
