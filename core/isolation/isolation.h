#pragma once
// Storage isolation as a proof of death: which of a host's VMs are proven unable to write, once its
// clients are on the blocklist of the pools and its access is gone. Pure.
//
// What the proof covers: a client is one open handle. Access taken away stops a host from opening
// another one, but not a handle that was open by then and has not opened the disk yet (a VM that is
// just being started). So a VM is covered only if the clients of its present generation were seen
// after it started, and every one of them was read back from the blocklist.
#include <map>
#include <string>
#include <vector>

#include "core/model/host.h"
#include "core/model/isolation.h"
#include "core/model/policy.h"
#include "core/model/pool.h"
#include "core/model/vm.h"

namespace mold::core {

// Planted bugs of the simulator relax these (engine/brain.h); production never does.
struct IsolationRules {
  bool unknown_counts = false;     // an unproven isolation covers
  bool unseen_is_covered = false;  // a VM whose clients nobody saw is covered
  bool never_renewed = false;
};

// Sorted, each once.
void add_clients(std::vector<std::string>& clients, const std::vector<std::string>& more);

[[nodiscard]] const PoolIsolation* find_isolation(const Host& host, PoolId pool);
[[nodiscard]] PoolIsolation* find_isolation(Host& host, PoolId pool);

// The disks of the VM on that pool, by the image's name.
[[nodiscard]] std::vector<std::string> images_on(const Vm& vm, const Pool& pool);

// Every disk of the VM lies on a pool that the host is proven to be isolated from, and the proof
// covers it.
[[nodiscard]] bool is_covered(const IsolationRules& rules, const Host& host, const Vm& vm);

// Something may have been taken from this host on a Ceph cluster that the VM uses, or a fenced copy
// of it may be there still: it cannot run there.
[[nodiscard]] bool keeps_out(const std::map<PoolId, Pool>& pools, const Host& host, const Vm& vm);

// Why this VM cannot be fenced alone, by its clients; empty: it can.
[[nodiscard]] std::string not_to_be_fenced_alone(const std::map<PoolId, Pool>& pools, const Vm& vm);
// All that is asked for was read back: its present generation cannot write any more.
[[nodiscard]] bool is_fenced_alone(const IsolationRules& rules, const Vm& vm);

// Wait before the next request to Ceph, after so many that were not confirmed.
[[nodiscard]] Duration isolation_backoff(const Policy& policy, int tries);

// How far it is and what it waits for, in words.
[[nodiscard]] std::string explain(const PoolIsolation& isolation, Instant now);

}  // namespace mold::core
