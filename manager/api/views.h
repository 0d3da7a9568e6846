#pragma once
// Records as clients see them: one function per kind of object, used by lists, by answers to
// changes and by job results alike. The mapping of states is told in docs/API.md. Loop thread only;
// pure readings of inventory, brain and registry.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "core/engine/brain.h"
#include "manager/api/services.h"
#include "manager/api/value.h"

namespace mold::manager::api {

// Field lists for listApis; tests hold them against what the views really send.
extern const std::string_view kZoneFields;
extern const std::string_view kPodFields;
extern const std::string_view kClusterFields;
extern const std::string_view kHostFields;
extern const std::string_view kHaFields;
extern const std::string_view kOobmFields;
extern const std::string_view kFenceDeviceFields;
extern const std::string_view kFenceDrillFields;
extern const std::string_view kPoolFields;
extern const std::string_view kOfferingFields;
extern const std::string_view kTemplateFields;
extern const std::string_view kVmFields;

Object zone_view(const Zone& zone);
Object pod_view(const Services& services, const Pod& pod);
Object cluster_view(const Services& services, const Cluster& cluster);
struct HostUse {
  std::uint64_t cpus = 0;
  std::uint64_t cpu_mhz = 0;
  std::uint64_t memory_bytes = 0;
  std::size_t vms = 0;
};
using HostUses = std::map<HostId, HostUse>;
// What the placements on hosts take up; hosts without any are not in it.
HostUses host_uses(const core::State& state);

// `uses` of host_uses(), for lists; null: it is counted here.
Object host_view(const Services& services, const HostRecord& host, const HostUses* uses = nullptr);
Object ha_view(const Services& services, const HostRecord& host);
Object oobm_view(const Services& services, const HostRecord& host);
Object fence_device_view(const Services& services, const FenceDevice& device);
Object fence_drill_view(const Inventory& inventory, const DrillService& drills,
                        const core::DrillPath& path, Instant now);
// fencedrill* of a host's row; nothing for a host without any device.
void add_fence_drill(Object& row, const DrillService& drills, HostId host, Instant now);
// Sizes of all disks that are on the pool.
std::uint64_t promised_bytes(const core::State& state, PoolId pool);
// As clients know the place: address and path of the export, the Ceph pool, the volume group.
std::string pool_address(const Inventory& inventory, const PoolRecord& pool);
std::string pool_path(const PoolRecord& pool);
Object pool_view(const Services& services, const PoolRecord& pool);
Object offering_view(const ServiceOffering& offering);
Object template_view(const Services& services, const Template& tmpl);
Object vm_view(const Services& services, const VmRecord& vm);

// ---- states at the edge ----
std::string_view ha_state_name(core::HaState state);
std::string_view vm_state_name(const core::Vm& vm);
// "Up", "Alert", ...; `host` is the brain's, null when it does not know it (yet).
std::string_view host_state_name(const core::Host* host, const core::Policy& policy, Instant now);
// "On", "Off", "Unknown", "Disabled".
std::string_view power_state_name(core::PowerState state);
// "Disabled" while its out-of-band management is.
std::string_view power_state_name(const HostRecord& host, core::PowerState state);
// The link is up and the last beat is younger than suspect_after.
bool beats(const core::Host& host, const core::Policy& policy, Instant now);

const core::Host* core_host(const Services& services, HostId id);
const core::Vm* core_vm(const Services& services, VmId id);
core::PowerState power_state(const Services& services, const HostRecord& host);

HostUse use_of(const core::State& state, HostId host);

}  // namespace mold::manager::api
