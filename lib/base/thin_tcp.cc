#include "lib/base/thin_tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace mold {

bool make_thin_tcp(int fd) {
  const int on = 1;
  return ::setsockopt(fd, IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, &on, sizeof on) == 0;
}

}  // namespace mold
