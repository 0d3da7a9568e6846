#pragma once
// Disks made and removed. What is half done is either finished by the next delivery of the same
// order, or has a name that no disk has. Blocking.
#include "fencing/ceph/program/cluster.h"
#include "fencing/ceph/program/guard.h"

namespace mold::ceph {

port::CephAnswer create_disk(Cluster& cluster, const CephRequest& request, Guard& guard);
port::CephAnswer remove_disk(Cluster& cluster, const CephRequest& request, Guard& guard);

}  // namespace mold::ceph
