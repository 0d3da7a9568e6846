#pragma once
// Every power driver of this build under its name, in one place: the manager, the agent and the
// tools offer the same ones. Names are part of the API and of stored settings: they do not change.
#include "fencing/driver_table.h"
#include "fencing/drivers/fence_agent.h"
#include "fencing/drivers/ipmi.h"
#include "fencing/drivers/libvirt_host.h"
#include "fencing/drivers/pacemaker.h"
#include "fencing/drivers/redfish.h"

namespace mold::fencing {

struct FencingSettings {
  IpmiSettings ipmi;
  FenceAgentSettings fence_agent;
  LibvirtHostSettings libvirt;
  PacemakerSettings pacemaker;
  RedfishSettings redfish;
};

std::unique_ptr<DriverTable> make_all_drivers(runtime::EventLoop& loop,
                                              FencingSettings settings = {});

}  // namespace mold::fencing
