#pragma once
// Users of the cluster: a host's access given and taken, and always read back; whether the user
// that asks may do so. Blocking.
#include <optional>
#include <string>

#include "fencing/ceph/mon_answers.h"
#include "fencing/ceph/program/cluster.h"

namespace mold::ceph {

// Nothing: there is no such user.
Result<std::optional<KnownUser>> read_user(Cluster& cluster, const std::string& user);
Status set_caps(Cluster& cluster, const std::string& user, const Caps& caps);

// An answer to what went wrong; where the user that asks may not, with the line that permits it.
port::CephAnswer refusal_of(Cluster& cluster, const CephRequest& request, const Error& error);
// The same line, with the pools that the user has already.
std::string line_for(Cluster& cluster, const CephRequest& request);

// All that isolation takes is tried in a way that changes nothing: on a user and a client that
// cannot be, with a condition that fails.
// `host_user`: whose access it is about; empty: of any host.
Result<bool> may_fence(Cluster& cluster, librados::IoCtx& io, const std::string& host_user);

// Verbs of the port.
port::CephStorage::Key grant(Cluster& cluster, const CephRequest& request);
port::CephAnswer remove_user(Cluster& cluster, const CephRequest& request);

}  // namespace mold::ceph
