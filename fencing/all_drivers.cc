#include "fencing/all_drivers.h"

#include <utility>

#include "fencing/drivers/manual.h"

namespace mold::fencing {

std::unique_ptr<DriverTable> make_all_drivers(runtime::EventLoop& loop, FencingSettings settings) {
  auto table = std::make_unique<DriverTable>(loop);
  table->add("ipmitool", make_ipmi_driver(loop, std::move(settings.ipmi)));
  table->add("redfish", make_redfish_driver(loop, std::move(settings.redfish)));
  table->add("fence_agent", make_fence_agent_driver(loop, std::move(settings.fence_agent)));
  table->add("libvirt", make_libvirt_host_driver(loop, std::move(settings.libvirt)));
  table->add("pacemaker", make_pacemaker_driver(loop, std::move(settings.pacemaker)));
  table->add("manual", make_manual_driver(loop));
  return table;
}

}  // namespace mold::fencing
