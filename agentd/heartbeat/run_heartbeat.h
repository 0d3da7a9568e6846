#pragma once
// Command line and start of mold-heartbeat, apart from main() so that tests can run the same
// program over a watchdog double.
#include <functional>
#include <memory>

#include "agentd/heartbeat/config.h"
#include "agentd/heartbeat/watchdog.h"

namespace mold::heartbeat {

using WatchdogMaker = std::function<std::unique_ptr<Watchdog>(const Config&)>;

// Exit codes: 0 done or stopped in order, 1 could not start, 2 wrong usage, configuration, or
// stopped with a promise standing.
int run_heartbeat(int argc, char** argv, const WatchdogMaker& make_watchdog);

}  // namespace mold::heartbeat
