#pragma once
// Which names a disk may have. What comes from the manager is still not to lead out of the pools,
// nor to become an option or a pattern of a program. Pure functions, any thread.
#include <string>
#include <vector>

#include "core/model/vm.h"
#include "lib/base/result.h"
#include "lib/port/ceph_storage.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

// Every disk lies in its pool; every template is a file below some pool or, for an RBD disk,
// "<image>@<snapshot>". No name leads back up. kNotFound: pool unknown; kInvalid. (Links are looked
// for on the lane.)
Status check_disk_paths(const std::vector<wire::PoolInfo>& pools, const core::VmSpec& spec);

// The disk's own name: its path without the pool's.
std::string name_in_pool(const core::Disk& disk, const wire::PoolInfo& pool);

// Of a kRbd pool.
port::CephAccess ceph_access(const wire::PoolInfo& pool);
// The volume group of a kClvm pool: "/dev/vg0" is vg0.
std::string volume_group(const wire::PoolInfo& pool);

}  // namespace mold::agentd
