#pragma once
// deployVirtualMachine: from template, offering and zone to a VM with a cluster, a pool and a disk.
// The host is the brain's choice (placement), unless the caller names one. Loop thread only.
#include "manager/api/command.h"

namespace mold::manager::api {

void add_deploy_command(CommandTable& table);

}  // namespace mold::manager::api
