#pragma once
// The beats of an NFS export, the same files as of a file pool, but reached from user space: a
// server that does not answer costs a timeout, and never leaves a process in D state that nobody
// can end. The VMs' own mount of the export is another matter. For mold-heartbeat-nfs only.
#include <memory>
#include <string>
#include <string_view>

#include "agentd/heartbeat/pool_medium.h"

namespace mold::heartbeat {

// What libnfs is told: NFS 4 unless the source has a "?version=3" of its own, no reconnecting
// behind our back and no cached directories. Empty when the source is no
// nfs://server[:port]/export.
std::string nfs_url_of(std::string_view source);

std::unique_ptr<PoolMedium> make_nfs_pool(const PoolChildSetup& setup);

}  // namespace mold::heartbeat
