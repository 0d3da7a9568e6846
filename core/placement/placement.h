#pragma once
// Where a VM goes: filter by capacity, then best fit (least memory left over), ties by host id.
// Pure and deterministic; the caller builds the candidates and reserves by recording the placement.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/model/host.h"
#include "core/model/policy.h"
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

}  // namespace mold::core
