#pragma once
// Where a VM goes: filter by pools and capacity, then best fit (least memory left over), ties by
// host id. Pure and deterministic; the caller builds the candidates and reserves by recording the
// placement.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/host.h"
#include "core/model/policy.h"
#include "core/model/pool.h"
#include "core/model/vm.h"

namespace mold::core {

struct Candidate {
  HostId host;
  Capacity total;
  std::uint64_t used_cpus = 0;
  std::uint64_t used_memory = 0;
};

bool fits(const Policy& policy, const Candidate& candidate, const VmSpec& spec);
std::optional<HostId> place(const Policy& policy, const std::vector<Candidate>& candidates,
                            const VmSpec& spec);

// Whether that host has all pools of the VM, as far as they are known: a local pool is of one host
// only, one in maintenance of none.
bool has_pools(const std::map<PoolId, Pool>& pools, const VmSpec& spec, HostId host);
// Why no host can take it, as far as its pools tell; `otherwise` when they are not the reason.
std::string no_place_text(const std::map<PoolId, Pool>& pools, const VmSpec& spec,
                          std::string otherwise);

}  // namespace mold::core
