#include "fencing/drivers/redfish_url.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mold::fencing {
namespace {

constexpr std::size_t kLongestPath = 2048;

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_hex_or_colon(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
         c == '.';
}

// "fe80::1%eth0" or "[fe80::1]" -> "[fe80::1%25eth0]"
Result<std::string> bracketed(std::string_view address) {
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  const auto percent = address.find('%');
  const std::string_view number = address.substr(0, percent);
  std::string_view zone = percent == std::string_view::npos ? "" : address.substr(percent + 1);
  if (zone.starts_with("25")) zone.remove_prefix(2);
  const bool good = std::all_of(number.begin(), number.end(), is_hex_or_colon) &&
                    std::count(number.begin(), number.end(), ':') >= 2 &&
                    std::all_of(zone.begin(), zone.end(), is_host_character);
  if (!good) return fail(ErrorKind::kInvalid, "address: not an IPv6 address");
  return "[" + std::string(number) + (zone.empty() ? "" : "%25" + std::string(zone)) + "]";
}

bool is_url_text(std::string_view text) {
  return text.size() <= kLongestPath && std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < '\x7f' && c != '\\';
         });
}

Error not_a_url() {
  return {ErrorKind::kCorrupt, "a link that is no URL"};
}

// "host:port/path" behind "//", from the same or another origin.
Result<RedfishPlace> resolve_absolute(const RedfishOrigin& from, bool https,
                                      std::string_view rest) {
  const auto slash = rest.find_first_of("/?");
  const std::string_view authority = rest.substr(0, slash);
  std::string path(slash == std::string_view::npos ? "/" : rest.substr(slash));
  if (path.front() == '?') path.insert(path.begin(), '/');
  const auto colon = authority.ends_with(']') ? std::string_view::npos : authority.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
  // A name@host in a redirect is a trick; no BMC needs it. It is no host for us either.
  const auto place = make_redfish_origin(https, authority.substr(0, colon), port);
  if (!place) return fail(not_a_url());
  if (!iequals(place->host, from.host)) {
    return fail(ErrorKind::kDenied, "it leads to another host, " + place->text() +
                                        ", which must not see our credentials: set the address "
                                        "to that host if it is the BMC");
  }
  if (from.https && !https) {
    return fail(ErrorKind::kDenied, "it leads from https to http: refused");
  }
  if (from.https == https && place->port != from.port) {
    return fail(ErrorKind::kDenied,
                "it leads to another port, " + place->port + ": set the port to it");
  }
  return RedfishPlace{*place, std::move(path)};
}

}  // namespace

std::string RedfishOrigin::text() const {
  return std::string(https ? "https://" : "http://") + host + ":" + port;
}

Result<RedfishOrigin> make_redfish_origin(bool https, std::string_view address,
                                          std::string_view port) {
  RedfishOrigin origin;
  origin.https = https;
  if (address.empty()) return fail(ErrorKind::kInvalid, "address: must not be empty");
  if (address.size() > 253) return fail(ErrorKind::kInvalid, "address: too long");
  if (address.find(':') != std::string_view::npos) {
    MOLD_TRY(origin.host, bracketed(address));
  } else if (std::all_of(address.begin(), address.end(), is_host_character)) {
    origin.host = address;
  } else {
    return fail(ErrorKind::kInvalid, "address: not a host name or IP address");
  }
  if (port.empty()) {
    origin.port = https ? "443" : "80";
    return origin;
  }
  const auto number = parse_number<unsigned>(port);
  if (!number || *number == 0 || *number > 65535) {
    return fail(ErrorKind::kInvalid, "port: must be from 1 to 65535");
  }
  origin.port = std::to_string(*number);
  return origin;
}

Result<RedfishPlace> resolve_redfish(const RedfishPlace& from, std::string_view location) {
  location = location.substr(0, location.find('#'));
  if (location.empty() || !is_url_text(location)) return fail(not_a_url());
  if (location.starts_with("//")) {
    return resolve_absolute(from.origin, from.origin.https, location.substr(2));
  }
  if (location.front() == '/') return RedfishPlace{from.origin, std::string(location)};
  const auto scheme = location.find("://");
  if (scheme != std::string_view::npos && scheme < location.find_first_of("/?")) {
    const std::string_view name = location.substr(0, scheme);
    const bool https = iequals(name, "https");
    if (!https && !iequals(name, "http")) return fail(not_a_url());
    return resolve_absolute(from.origin, https, location.substr(scheme + 3));
  }
  const std::string_view folder = std::string_view(from.path).substr(0, from.path.find('?'));
  return RedfishPlace{from.origin,
                      std::string(folder.substr(0, folder.rfind('/') + 1)) + std::string(location)};
}

bool same_redfish_path(std::string_view a, std::string_view b) {
  while (a.size() > 1 && a.back() == '/') a.remove_suffix(1);
  while (b.size() > 1 && b.back() == '/') b.remove_suffix(1);
  return a == b;
}

}  // namespace mold::fencing
