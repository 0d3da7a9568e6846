#include "fencing/drivers/libvirt_uri.h"

#include <algorithm>
#include <cstdint>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

constexpr std::string_view kThisMachine = "qemu:///system";
constexpr std::string_view kOverTls = "qemu+tls://";
constexpr std::string_view kOverSsh = "qemu+ssh://";
constexpr std::string_view kEnd = "/system";
constexpr std::size_t kUriHostMost = 253;
constexpr std::size_t kUriUserMost = 32;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_name_char(char c) {
  return is_letter_or_digit(c) || c == '.' || c == '-' || c == '_';
}

// ssh is a program with options: what it is given must not begin with '-'.
bool is_plain_name(std::string_view text, std::size_t most) {
  return !text.empty() && text.size() <= most && is_letter_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), is_name_char);
}

bool is_ipv6_text(std::string_view text) {
  return text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') ||
                  c == ':' || c == '.';
         });
}

bool is_port(std::string_view text) {
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                   [](char c) { return c >= '0' && c <= '9'; });
  return digits && parse_number<std::uint16_t>(text).value_or(0) != 0;
}

// HOST, HOST:PORT, [IPV6] or [IPV6]:PORT.
bool is_host_and_port(std::string_view text) {
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6_text(text.substr(1, close - 1))) return false;
    const std::string_view rest = text.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
  }
  const auto colon = text.find(':');
  if (!is_plain_name(text.substr(0, colon), kUriHostMost)) return false;
  return colon == std::string_view::npos || is_port(text.substr(colon + 1));
}

bool is_allowed(std::string_view uri) {
  if (uri == kThisMachine) return true;
  const bool ssh = uri.starts_with(kOverSsh);
  if ((!ssh && !uri.starts_with(kOverTls)) || !uri.ends_with(kEnd)) return false;
  uri.remove_prefix(ssh ? kOverSsh.size() : kOverTls.size());
  if (uri.size() <= kEnd.size()) return false;
  uri.remove_suffix(kEnd.size());
  const auto at = uri.find('@');
  if (at == std::string_view::npos) return is_host_and_port(uri);
  return ssh && is_plain_name(uri.substr(0, at), kUriUserMost) &&
         is_host_and_port(uri.substr(at + 1));
}

}  // namespace

Status check_libvirt_uri(std::string_view uri) {
  if (is_allowed(uri)) return {};
  return fail(ErrorKind::kInvalid,
              "address: must be qemu:///system, qemu+tls://HOST[:PORT]/system or "
              "qemu+ssh://[USER@]HOST[:PORT]/system, in small letters, without parameters");
}

}  // namespace mold::fencing
