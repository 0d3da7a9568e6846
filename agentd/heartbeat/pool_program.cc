#include "agentd/heartbeat/pool_program.h"

#include <sys/socket.h>

#include <cstdio>

#include "agentd/heartbeat/pool_child.h"

namespace mold::heartbeat {

int run_pool_program(const MediumOf& make) {
  PoolChildSetup setup;
  const auto n = ::recv(kPoolProgramSocket, &setup, sizeof setup, 0);
  if (n < 0) {
    std::fprintf(stderr, "This program is started by mold-heartbeat, see mold-heartbeat(8).\n");
    return 2;
  }
  if (n == 0) return 0;  // the supervisor is gone already
  if (n != static_cast<ssize_t>(sizeof setup) || setup.version != kPoolProtocolVersion ||
      setup.size != kPoolProtocolSize) {
    return kExitOtherVersion;
  }
  const auto medium = make(setup);
  return run_pool_child(kPoolProgramSocket, *medium, setup);
}

}  // namespace mold::heartbeat
