// mold-heartbeat: the program on a host. Everything is in run_heartbeat.h.
#include <memory>

#include "agentd/heartbeat/run_heartbeat.h"
#include "lib/base/core_dumps.h"

int main(int argc, char** argv) {
  mold::forbid_core_dumps();
  using mold::heartbeat::KernelWatchdog;
  return mold::heartbeat::run_heartbeat(argc, argv, [](const mold::heartbeat::Config& config) {
    return std::make_unique<KernelWatchdog>(config.watchdog_device, config.watchdog_timeout_s,
                                            config.watchdog_software);
  });
}
