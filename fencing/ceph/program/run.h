#pragma once
// One request from beginning to end: connects, does it, and ends the process with the answer.
#include "fencing/ceph/ceph_messages.h"

namespace mold::ceph {

[[noreturn]] void run_request(const CephRequest& request, const Secret& key);

}  // namespace mold::ceph
