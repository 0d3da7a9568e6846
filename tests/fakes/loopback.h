#pragma once
// A socket on a port of 127.0.0.1 that the kernel chose.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "lib/base/check.h"
#include "lib/base/unique_fd.h"

namespace mold::fakes {

struct LoopbackSocket {
  UniqueFd fd;
  std::uint16_t port = 0;
};

inline LoopbackSocket bind_loopback(int type) {
  LoopbackSocket bound{UniqueFd(::socket(AF_INET, type | SOCK_CLOEXEC, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  MOLD_CHECK(::bind(bound.fd.get(), raw, size) == 0, "a free port");
  MOLD_CHECK(::getsockname(bound.fd.get(), raw, &size) == 0, "its name");
  bound.port = ntohs(address.sin_port);
  return bound;
}

// For a program that opens it itself. Another one may be faster.
inline std::uint16_t free_port(int type) {
  return bind_loopback(type).port;
}

}  // namespace mold::fakes
