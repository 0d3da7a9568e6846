#pragma once
// Sets of the supervisor's pools, and how many VMs there may be. Values.
#include <cstddef>
#include <cstdint>

#include "agentd/heartbeat/pools_file.h"

namespace mold::heartbeat {

inline constexpr std::size_t kMaxVmProcesses = 512;

using PoolMask = std::uint32_t;  // bit i: pool in slot i of the supervisor
static_assert(kMaxPools <= 32);

}  // namespace mold::heartbeat
