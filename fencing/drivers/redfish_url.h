#pragma once
// Addresses of a BMC: from a target's fields to URLs, and from what a BMC writes (links, redirects)
// back to paths on that same BMC. Pure, any thread. The rule: credentials go to the host that the
// target names and to no other, and never from https to http.
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace mold::fencing {

struct RedfishOrigin {
  bool https = true;
  std::string host;  // as in a URL: IPv6 in brackets
  std::string port;  // digits, never empty

  [[nodiscard]] std::string text() const;  // "https://host:port"
  friend bool operator==(const RedfishOrigin&, const RedfishOrigin&) = default;
};

// kInvalid: address or port cannot be one. `port` empty: the scheme's own.
Result<RedfishOrigin> make_redfish_origin(bool https, std::string_view address,
                                          std::string_view port);

struct RedfishPlace {
  RedfishOrigin origin;
  std::string path;  // begins with '/', may have a query
};

// Where `location` leads, seen from `from`. A path, a relative path, or a whole URL. Another host
// or port is kDenied, https to http too; http to https on the same host is followed, to its port.
// kCorrupt: not a URL.
Result<RedfishPlace> resolve_redfish(const RedfishPlace& from, std::string_view location);

// Same path but for slashes at its end.
bool same_redfish_path(std::string_view a, std::string_view b);

}  // namespace mold::fencing
