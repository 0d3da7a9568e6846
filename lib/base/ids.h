#pragma once
// Strong ids: a HostId cannot be passed where a VmId is wanted. Ids are small integers given out by
// the manager's store; UUIDs live at the API edge only. Zero means "none" and is never given out.
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace mold {

template <class Tag>
struct StrongId {
  std::uint64_t value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(std::uint64_t v) : value(v) {}
  constexpr explicit operator bool() const { return value != 0; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

using HostId = StrongId<struct HostTag>;
using VmId = StrongId<struct VmTag>;
using PoolId = StrongId<struct PoolTag>;
// A device that can cut a host's power. Zero is the host's BMC, its out-of-band management.
using DeviceId = StrongId<struct DeviceTag>;
using ClusterId = StrongId<struct ClusterTag>;
using JobId = StrongId<struct JobTag>;
// Names one action for ever: delivered at least once, carried out at most once.
using OpId = StrongId<struct OpTag>;
// Fencing token of a host: new at each boot, enrolment and lost lease. Only ever grows.
using Epoch = StrongId<struct EpochTag>;
// Fencing token of a VM: new at each placement. Only ever grows.
using Generation = StrongId<struct GenerationTag>;

template <class Tag>
constexpr StrongId<Tag> next(StrongId<Tag> id) {
  return StrongId<Tag>{id.value + 1};
}

// /proc/sys/kernel/random/boot_id of a host: tells one boot from the next.
using BootId = std::string;

}  // namespace mold

template <class Tag>
struct std::hash<mold::StrongId<Tag>> {
  std::size_t operator()(mold::StrongId<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
