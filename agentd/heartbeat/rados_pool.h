#pragma once
// The beats of a Ceph pool, as objects: namespace `mold-ha`, object `beat.<host uuid>` each, object
// `pool` for the identity, whose omap has a key for every host (listing a namespace would ask every
// placement group of the Ceph pool). For mold-heartbeat-rados only: librados starts threads.
#include <memory>

#include "agentd/heartbeat/pool_medium.h"

namespace mold::heartbeat {

inline constexpr char kRadosNamespace[] = "mold-ha";
inline constexpr char kRadosIdentity[] = "pool";
inline constexpr char kRadosBeatPrefix[] = "beat.";

std::unique_ptr<PoolMedium> make_rados_pool(const PoolChildSetup& setup);

}  // namespace mold::heartbeat
