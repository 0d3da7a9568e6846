#pragma once
// The cluster as it stands when a run begins: records as the store would hold them after a long and
// quiet time, and the QEMUs that belong to them. The run then begins with a restart of the manager.
#include "core/model/vm.h"

namespace mold::sim {

class World;

// What its images are called, too.
std::string vm_name(std::uint64_t vm);
core::VmSpec vm_spec(std::uint64_t vm, std::uint32_t pool_mask);
void found_cluster(World& world);

}  // namespace mold::sim
