#pragma once
// What virsh says, and what it means for a host that is a domain. Pure.
#include <string>
#include <string_view>

#include "fencing/drivers/power_steps.h"
#include "lib/base/result.h"
#include "lib/port/power_control.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {

// Its domain, and a URI that only says where a libvirt is (libvirt_uri.h).
Status check_libvirt_target(const port::PowerTarget& target);

// Of `domstate --reason`.
PowerReading read_domain_state(const runtime::ChildResult& result);
PowerActed read_virsh_action(const runtime::ChildResult& result);
// What a run that was not ok means, with advice.
Error virsh_failure(const runtime::ChildResult& result);

}  // namespace mold::fencing
