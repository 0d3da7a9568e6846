#include "fencing/ceph/client_name.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>

#include "lib/base/text.h"

namespace mold::ceph {
namespace {

constexpr std::array<std::string_view, 3> kProtocols = {"v1:", "v2:", "any:"};

// As the kernel prints it, so that two ways of writing one address become one.
std::optional<std::string> plain_address(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> printed{};
  if (inet_pton(family, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  if (inet_ntop(family, bytes.data(), printed.data(), printed.size()) == nullptr)
    return std::nullopt;
  return std::string(printed.data());
}

}  // namespace

std::optional<std::string> client_name(std::string_view text) {
  if (text.size() > 128) return std::nullopt;
  for (const std::string_view protocol : kProtocols) {
    if (!text.starts_with(protocol)) continue;
    text.remove_prefix(protocol.size());
    break;
  }
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto nonce = parse_number<std::uint32_t>(text.substr(slash + 1));
  text = text.substr(0, slash);
  const auto colon = text.rfind(':');
  if (!nonce || *nonce == 0 || colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port) return std::nullopt;
  std::optional<std::string> address;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    address = plain_address(AF_INET6, host);
    if (address) address = "[" + *address + "]";
  } else {
    address = plain_address(AF_INET, host);
  }
  if (!address) return std::nullopt;
  return *address + ":" + std::to_string(*port) + "/" + std::to_string(*nonce);
}

}  // namespace mold::ceph
