#pragma once
// What the bus object tells, as JSON: flat objects and lists of flat objects, so that hactl can
// show them as they are. Pure.
#include <cstddef>
#include <string>
#include <vector>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/link/manager_link.h"
#include "core/engine/order.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"

namespace mold::agentd {

struct AgentStatus {
  std::string version;
  std::string host_uuid;  // empty: not enrolled
  std::string hostname;
  std::string boot_id;
  ManagerLink::Status link;
  bool libvirt_connected = false;
  std::string libvirt_trouble;
  std::string lease_trouble;
  std::size_t vms = 0;
  std::size_t foreign_vms = 0;
  Duration self_stall{0};
  runtime::LoopLag lag;
};

std::string status_json(const AgentStatus& status, Instant now);
std::string vms_json(const std::vector<core::VmReport>& vms);
std::string leases_json(const heartbeat::LeaseSnapshot* snapshot, Instant now);

}  // namespace mold::agentd
