#include "manager/inventory/checks.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mold::manager {
namespace {

constexpr std::size_t kNameMost = 255;
constexpr std::size_t kPathMost = 1024;
constexpr std::size_t kUriMost = 512;

tl::unexpected<Error> bad(std::string_view field, std::string_view why) {
  return fail(ErrorKind::kInvalid, std::string(field) + ": " + std::string(why));
}

bool has_control(std::string_view value, bool lines) {
  return std::any_of(value.begin(), value.end(), [lines](char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (lines && (c == '\n' || c == '\t' || c == '\r')) return false;
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_address_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == ':' || c == '_' || c == '%' || c == '[' || c == ']';
}

bool is_storage_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '+';
}

}  // namespace

Status check_text(std::string_view field, std::string_view value, std::size_t most, bool lines) {
  if (value.size() > most) return bad(field, "longer than " + std::to_string(most) + " bytes");
  if (has_control(value, lines)) return bad(field, "has control characters");
  return {};
}

Status check_name(std::string_view field, std::string_view value) {
  if (trim(value).empty()) return bad(field, "must not be empty");
  return check_text(field, value, kNameMost);
}

Status check_path(std::string_view field, std::string_view value) {
  if (value.empty() || value.front() != '/') return bad(field, "must be an absolute path");
  if (value.size() > kPathMost) return bad(field, "is too long");
  if (value.size() > 1 && value.back() == '/') return bad(field, "must not end with a slash");
  const auto parts = split(value.substr(1), '/');
  for (const std::string& part : parts) {
    if (part == ".." || part == "." || (part.empty() && value.size() > 1))
      return bad(field, "must not have empty, '.' or '..' parts");
  }
  return check_text(field, value, kPathMost);
}

Status check_storage_name(std::string_view field, std::string_view value) {
  if (value.empty()) return bad(field, "must not be empty");
  if (value.size() > 128) return bad(field, "is too long");
  if (value.front() == '-' || value.front() == '.' ||
      !std::all_of(value.begin(), value.end(), is_storage_char))
    return bad(field, "has only letters, digits, '.', '_', '-', '+', and begins with none of '.-'");
  return {};
}

Status check_image(std::string_view field, std::string_view value) {
  constexpr std::string_view kRbd = "rbd:";
  if (!value.starts_with(kRbd)) return check_path(field, value);
  value.remove_prefix(kRbd.size());
  const std::size_t slash = value.find('/');
  const std::size_t at = value.find('@');
  if (slash == std::string_view::npos || at == std::string_view::npos || at < slash)
    return bad(field, "must be rbd:POOL/IMAGE@SNAPSHOT");
  if (const Status pool = check_storage_name(field, value.substr(0, slash)); !pool) return pool;
  const Status image = check_storage_name(field, value.substr(slash + 1, at - slash - 1));
  return image ? check_storage_name(field, value.substr(at + 1)) : image;
}

Status check_net_address(std::string_view field, std::string_view value) {
  if (value.size() > kNameMost) return bad(field, "is too long");
  if (!std::all_of(value.begin(), value.end(), is_address_char))
    return bad(field, "is neither a host name nor an address");
  return {};
}

Status check_address(std::string_view field, std::string_view value) {
  if (value.find("://") == std::string_view::npos) return check_net_address(field, value);
  if (value.size() > kUriMost) return bad(field, "is too long");
  if (!std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; }))
    return bad(field, "has blanks, control characters or letters that a URI has not");
  return {};
}

Status check_range(std::string_view field, std::uint64_t value, std::uint64_t least,
                   std::uint64_t most) {
  if (value < least || value > most) {
    return bad(field, "must be from " + std::to_string(least) + " to " + std::to_string(most) +
                          ", is " + std::to_string(value));
  }
  return {};
}

}  // namespace mold::manager
