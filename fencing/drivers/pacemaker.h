#pragma once
// Power through the Pacemaker cluster that runs on this machine: its fencer has devices of its own
// for its nodes, and any of its members may carry the fencing out. Asked through stonith_admin, as
// a child with its own deadline; its output is XML that a schema of Pacemaker's describes.
//
// Off is confirmed when the cluster's own fencing history shows that this very request (it bears a
// name of its own) was completed for this node; an exit code confirms nothing. And only where the
// cluster fences by power alone (cluster_devices.h): else it is not asked at all. A cluster does
// not tell power states: status is always unknown, and an `on` can be asked for but never
// confirmed. Loop thread; lives as long as the loop's rooms.
//
// Options of a target: node, the node's name in the cluster; without it the address is that.
#include <memory>
#include <string>

#include "fencing/drivers/cluster_devices.h"
#include "lib/port/power_control.h"
#include "lib/runtime/event_loop.h"

namespace mold::fencing {

struct PacemakerSettings {
  std::string program = "/usr/sbin/stonith_admin";
  ClusterDevicesSettings devices;
};

std::unique_ptr<port::PowerControl> make_pacemaker_driver(runtime::EventLoop& loop,
                                                          PacemakerSettings settings = {});

}  // namespace mold::fencing
