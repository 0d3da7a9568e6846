#pragma once
// What we ask of libvirt, one blocking call sequence each, for lane threads. They know libvirt and
// nothing else: no loop, no state. Every function survives a connection that breaks under it and
// tells honestly what is then known (port::HypervisorResult). That libvirt has no domain is not
// enough for "gone": no process may be left either (vm_records.h).
#include <libvirt/libvirt.h>

#include <optional>
#include <string>

#include "agentd/libvirt/domain_xml.h"
#include "agentd/libvirt/vm_records.h"
#include "core/engine/order.h"
#include "lib/base/result.h"
#include "lib/port/hypervisor.h"

namespace mold::agentd {

// The latest libvirt error of this thread as ours; kUnknown when the connection broke under a call.
Error libvirt_error(std::string_view doing);

port::HypervisorResult call_create_paused(virConnectPtr connection, const port::VmRef& ref,
                                          const std::string& xml, VmRecords& records);
port::HypervisorResult call_resume(virConnectPtr connection, const port::VmRef& ref);
port::HypervisorResult call_shutdown(virConnectPtr connection, const port::VmRef& ref);
port::HypervisorResult call_destroy(virConnectPtr connection, const port::VmRef& ref,
                                    VmRecords& records);
port::HypervisorResult call_reboot(virConnectPtr connection, const port::VmRef& ref);
port::HypervisorResult call_reset(virConnectPtr connection, const port::VmRef& ref);

// VMs whose processes libvirt has lost are in it, running; they have been killed: list again soon.
// kBusy: of some process it cannot be said yet whose it is.
struct Listed {
  port::DomainList domains;
  bool strays = false;
};
Result<Listed> call_list(virConnectPtr connection, VmRecords& records);
// The active domain of that UUID, if it is one of ours.
struct Sight {
  bool present = false;  // an active domain has this UUID
  std::optional<core::VmReport> ours;
  bool stray = false;  // a process that libvirt has lost; it has been killed: look again soon
};
Result<Sight> call_look(virConnectPtr connection, const std::string& uuid, VmRecords& records);

}  // namespace mold::agentd
