#include "core/placement/placement.h"

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

}  // namespace mold::core
