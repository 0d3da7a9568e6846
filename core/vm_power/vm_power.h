#pragma once
// Desired against reported: what one line of an agent's report means for the VM's record. A pure
// function; the brain applies it.
#include <cstdint>

#include "core/engine/order.h"
#include "core/model/vm.h"

namespace mold::core {

enum class ReportMeaning : std::uint8_t {
  kNothing,       // as recorded
  kRunsAsPlaced,  // the current generation runs where it was placed
  kGone,          // the current generation is gone from where it was placed
  kStaleCopy,     // something runs that must not: kill it
  kAdopt,         // a newer generation than we remember: the record was behind
};

// What an agent was told is newer than the record: the store is older than the world. By more than
// ever could be forgotten is nonsense.
inline constexpr std::uint64_t kBelievableLead = 1'000'000'000;
constexpr bool is_behind(std::uint64_t recorded, std::uint64_t told) {
  return told > recorded && told - recorded <= kBelievableLead;
}

// `from` is the host that reports. `vm` is null when no such VM exists.
// `check_generation` is false only under a planted bug.
ReportMeaning read_report(const Vm* vm, HostId from, const VmReport& report,
                          bool check_generation = true);

// After the current generation ended without our doing: start it again?
bool restart_after(GoneReason reason, const Vm& vm);

}  // namespace mold::core
