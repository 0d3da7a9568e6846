// mold-heartbeat as it is, over the watchdog double.
#include "agentd/heartbeat/run_heartbeat.h"
#include "tests/unit/agentd/heartbeat/file_watchdog.h"

int main(int argc, char** argv) {
  using namespace mold::heartbeat;
  return run_heartbeat(argc, argv, [](const Config& config) {
    return std::make_unique<FileWatchdog>(config.watchdog_device, config.watchdog_timeout_s);
  });
}
