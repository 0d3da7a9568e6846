#pragma once
// `mold-heartbeat --status`: the lease board for a person's eyes. Runs in a process of its own.
#include <string>

#include "agentd/heartbeat/lease_board.h"

namespace mold::heartbeat {

std::string status_text(const LeaseSnapshot& board, Instant now);

}  // namespace mold::heartbeat
