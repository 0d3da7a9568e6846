#include "core/placement/placement.h"

#include <algorithm>

namespace mold::core {
namespace {

std::uint64_t usable_memory(const Policy& policy, const Candidate& c) {
  return c.total.memory_bytes / 100 * static_cast<std::uint64_t>(policy.memory_overcommit_percent);
}

std::uint64_t usable_cpus(const Policy& policy, const Candidate& c) {
  return std::uint64_t{c.total.cpus} * static_cast<std::uint64_t>(policy.cpu_overcommit_percent) /
         100;
}

}  // namespace

bool fits(const Policy& policy, const Candidate& c, const VmSpec& spec) {
  return spec.cpus <= c.total.cpus && spec.cpu_mhz <= c.total.cpu_mhz &&
         c.used_cpus + spec.cpus <= usable_cpus(policy, c) &&
         c.used_memory + spec.memory_bytes <= usable_memory(policy, c);
}

std::optional<HostId> place(const Policy& policy, const std::vector<Candidate>& candidates,
                            const VmSpec& spec) {
  std::optional<HostId> best;
  std::uint64_t best_left = 0;
  for (const Candidate& c : candidates) {
    if (!fits(policy, c, spec)) continue;
    const std::uint64_t left = usable_memory(policy, c) - c.used_memory - spec.memory_bytes;
    const bool better = !best || left < best_left || (left == best_left && c.host < *best);
    if (!better) continue;
    best = c.host;
    best_left = left;
  }
  return best;
}

bool has_pools(const std::map<PoolId, Pool>& pools, const VmSpec& spec, HostId host) {
  return std::all_of(spec.disks.begin(), spec.disks.end(), [&](const Disk& disk) {
    const auto entry = pools.find(disk.pool);
    if (entry == pools.end()) return true;
    const Pool& pool = entry->second;
    return pool.admits_vms && (!pool.host || pool.host == host);
  });
}

std::string no_place_text(const std::map<PoolId, Pool>& pools, const VmSpec& spec,
                          std::string otherwise) {
  for (const Disk& disk : spec.disks) {
    const auto entry = pools.find(disk.pool);
    if (entry == pools.end()) continue;
    const Pool& pool = entry->second;
    if (!pool.admits_vms) return "its storage pool " + pool.name + " is in maintenance";
    if (pool.host) {
      return "its storage pool " + pool.name + " is local to one host, which cannot take it now";
    }
  }
  return otherwise;
}

}  // namespace mold::core
