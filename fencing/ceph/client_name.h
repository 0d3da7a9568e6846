#pragma once
// Names of Ceph clients: "ip:port/nonce", an IPv6 address in brackets. Pure; any thread.
#include <optional>
#include <string>
#include <string_view>

namespace mold::ceph {

// Takes what watchers, lock owners and the blocklist print ("v1:10.0.0.1:0/123",
// "10.0.0.1:0/123", "[2001:db8::1]:0/123") to the one form that is compared and listed. Nothing: it
// is not one handle of one client. A nonce of 0 would mean every client of that address, a range
// ("/24") a whole net; those are never names here.
std::optional<std::string> client_name(std::string_view text);

}  // namespace mold::ceph
