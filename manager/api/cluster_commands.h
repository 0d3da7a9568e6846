#pragma once
// Clusters: the unit in which VMs are placed and pools are shared. Rows of the command table; also
// used by addHost, which may make the cluster it names. Loop thread only.
#include <string>

#include "manager/api/call.h"

namespace mold::manager::api {

void add_cluster_commands(CommandTable& table);

// A new KVM cluster in that pod.
ApiResult<Cluster> make_cluster(Call& call, PodId pod, std::string name);

}  // namespace mold::manager::api
