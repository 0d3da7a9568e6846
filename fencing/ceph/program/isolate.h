#pragma once
// Takes a host's disks away from it (docs/adr/0014). Blocking.
#include <set>
#include <string>

#include "fencing/ceph/program/cluster.h"
#include "fencing/ceph/program/guard.h"

namespace mold::ceph {

// What is on the blocklist for certain; told also when the time is over. Changed under the guard's
// lock.
struct IsolationProgress {
  std::set<std::string> listed;
};

// `anybody`: whether the cluster lets in who shows no key (Cluster::lets_anybody_in).
port::IsolationAnswer isolate(Cluster& cluster, const CephRequest& request, bool anybody,
                              Guard& guard, IsolationProgress& progress);

}  // namespace mold::ceph
