#pragma once
// The process that does one pool's blocking I/O: a fork of the supervisor without its descriptors,
// or a program of its own (pool_program.h). It may hang for ever without anybody else noticing more
// than missing answers. It dies with the supervisor (PR_SET_PDEATHSIG) and never decides anything.
#include "agentd/heartbeat/pool_medium.h"

namespace mold::heartbeat {

// The child's life; returns its exit code. `socket` is its end of the pair.
int run_pool_child(int socket, PoolMedium& medium, const PoolChildSetup& setup);

// Right after fork: drops the supervisor's descriptors, signals, priority. False: the parent is
// dead already.
bool become_pool_child(int socket, int parent_pid);

}  // namespace mold::heartbeat
