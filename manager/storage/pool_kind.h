#pragma once
// What follows from the kind and the state of a pool: its name in the API, what the brain is told,
// where a new disk lies. Pure.
#include <string>
#include <string_view>

#include "core/model/pool.h"
#include "core/model/vm.h"
#include "manager/store/records.h"
#include "manager/store/rows.h"

namespace mold::manager {

// CloudStack's types: SharedMountPoint, NetworkFilesystem, RBD, CLVM, Filesystem.
std::string_view pool_type_name(core::PoolKind kind);
// Up, Disabled, PrepareForMaintenance, Maintenance, ErrorInMaintenance.
std::string_view pool_state_name(PoolState state);
// The Ceph pool of an RBD pool's path, "rbd:<pool>".
std::string ceph_pool_of(const PoolRecord& pool);
// Hosts need a cephx user of their own to use it.
bool asks_for_keys(const PoolRecord& pool);
CephWay ceph_way_of(const PoolRecord& pool);
// Where hosts mount the export of that pool.
std::string nfs_mount_path(const std::string& pool_uuid);

// As the brain is to know it. In maintenance no host has it: no beat is expected on it, nothing is
// started on it.
core::Pool core_pool(const PoolRecord& pool);
// New disks are made on it.
bool takes_disks(const PoolRecord& pool);
// A template that is a snapshot of a Ceph pool can be cloned in that pool only.
bool takes_template(const PoolRecord& pool, const Template& tmpl);
// The disk `name` (unique on the pool) of a new VM. `bytes` 0: as large as the template.
core::Disk new_disk(const PoolRecord& pool, const Template& tmpl, const std::string& name,
                    std::uint64_t bytes);

}  // namespace mold::manager
