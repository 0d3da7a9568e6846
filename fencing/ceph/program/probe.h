#pragma once
// Looking without touching: what a pool is like and who has its images open. Blocking.
#include "fencing/ceph/program/cluster.h"
#include "fencing/ceph/program/guard.h"

namespace mold::ceph {

// `anybody`: whether the cluster lets in who shows no key.
port::CephPoolFacts probe(Cluster& cluster, const CephRequest& request, bool anybody, Guard& guard);
port::CephClients clients(Cluster& cluster, const CephRequest& request, Guard& guard);

}  // namespace mold::ceph
