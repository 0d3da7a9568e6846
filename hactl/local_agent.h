#pragma once
// The agent on this very host, asked over the system bus (org.mold.Agent1): works while the manager
// is away. Blocks; needs root, as the bus policy says.
#include <string>

#include "hactl/json.h"
#include "hactl/output.h"
#include "lib/runtime/event_loop.h"

namespace mold::hactl {

// method: "Status", "Vms" or "Leases"; each answers with one JSON text. kUnavailable: no bus or no
// agent on it.
Result<Json> ask_local_agent(runtime::EventLoop& loop, const std::string& method);

void print_local(const Output& out, const Json& status, const Json& vms, const Json& leases);

}  // namespace mold::hactl
