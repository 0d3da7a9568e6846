#pragma once
// What we ask of libvirt, one blocking call sequence each, for lane threads. They know libvirt and
// nothing else: no loop, no state. Every function survives a connection that breaks under it and
// tells honestly what is then known (port::HypervisorResult).
#include <libvirt/libvirt.h>

#include <optional>
#include <string>

#include "agentd/libvirt/domain_xml.h"
#include "core/engine/order.h"
#include "lib/base/result.h"
#include "lib/port/hypervisor.h"

namespace mold::agentd {

// The latest libvirt error of this thread as ours; kUnknown when the connection broke under a call.
Error libvirt_error(std::string_view doing);

port::HypervisorResult call_create_paused(virConnectPtr connection, const port::VmRef& ref,
                                          const std::string& xml);
port::HypervisorResult call_resume(virConnectPtr connection, const port::VmRef& ref);
port::HypervisorResult call_shutdown(virConnectPtr connection, const port::VmRef& ref);
port::HypervisorResult call_destroy(virConnectPtr connection, const port::VmRef& ref);
port::HypervisorResult call_reboot(virConnectPtr connection, const port::VmRef& ref);

Result<port::DomainList> call_list(virConnectPtr connection);
// The active domain of that UUID, if it is one of ours.
struct Sight {
  bool present = false;  // an active domain has this UUID
  std::optional<core::VmReport> ours;
};
Result<Sight> call_look(virConnectPtr connection, const std::string& uuid);

}  // namespace mold::agentd
