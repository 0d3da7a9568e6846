#include "agentd/heartbeat/quiet_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mold::heartbeat {
namespace {

std::uint64_t dropped = 0;
int notify_fd = -1;
sockaddr_un notify_address{};
socklen_t notify_length = 0;

void put(const char* line, std::size_t size) {
  if (::send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
  if (errno == ENOTSOCK) {
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&ready, 1, 0) == 1 && ::write(STDERR_FILENO, line, size) >= 0) return;
  }
  ++dropped;
}

}  // namespace

void log_line(LogLevel level, const char* format, ...) {
  char line[512];
  auto used =
      static_cast<std::size_t>(std::snprintf(line, sizeof line, "<%d>", static_cast<int>(level)));
  va_list arguments;
  va_start(arguments, format);
  const int more = std::vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  va_end(arguments);
  if (more > 0) used = std::min(used + static_cast<std::size_t>(more), sizeof line - 2);
  line[used++] = '\n';
  put(line, used);
}

std::uint64_t dropped_log_lines() {
  return dropped;
}

void notify_init() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  const std::size_t size = std::strlen(path);
  if (size >= sizeof notify_address.sun_path) return;
  notify_address.sun_family = AF_UNIX;
  std::memcpy(notify_address.sun_path, path, size);
  if (path[0] == '@') notify_address.sun_path[0] = '\0';
  notify_length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  notify_fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void notify_manager(const char* message) {
  if (notify_fd < 0) return;
  (void)::sendto(notify_fd, message, std::strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&notify_address), notify_length);
}

}  // namespace mold::heartbeat
