#include "manager/storage/pool_kind.h"

#include "lib/base/check.h"
#include "manager/store/names.h"

namespace mold::manager {
namespace {

constexpr std::string_view kRbdPrefix = "rbd:";

bool is_snapshot(const Template& tmpl) {
  return tmpl.path.starts_with(kRbdPrefix);
}

}  // namespace

std::string_view pool_type_name(core::PoolKind kind) {
  switch (kind) {
    case core::PoolKind::kDirectory:
      return "SharedMountPoint";
    case core::PoolKind::kNfs:
      return "NetworkFilesystem";
    case core::PoolKind::kRbd:
      return "RBD";
    case core::PoolKind::kClvm:
      return "CLVM";
    case core::PoolKind::kLocal:
      return "Filesystem";
  }
  MOLD_UNREACHABLE();
}

std::string_view pool_state_name(PoolState state) {
  return stored_name(state);
}

std::string ceph_pool_of(const PoolRecord& pool) {
  return pool.path.starts_with(kRbdPrefix) ? pool.path.substr(kRbdPrefix.size()) : std::string{};
}

bool asks_for_keys(const PoolRecord& pool) {
  return pool.kind == core::PoolKind::kRbd && pool.cephx && !pool.ceph_fsid.empty();
}

CephWay ceph_way_of(const PoolRecord& pool) {
  return {pool.uuid, pool.source, pool.path, pool.user, pool.sealed_key};
}

std::string nfs_mount_path(const std::string& pool_uuid) {
  return "/mnt/" + pool_uuid;
}

core::Pool core_pool(const PoolRecord& pool) {
  core::Pool made;
  made.id = pool.id;
  made.cluster = pool.cluster;
  made.uuid = pool.uuid;
  made.name = pool.name;
  made.path = pool.path;
  made.heartbeat = pool.heartbeat && pool.state != PoolState::kMaintenance;
  made.kind = pool.kind;
  made.policy = pool.policy;
  made.host = pool.host;
  made.ceph_fsid = pool.ceph_fsid;
  made.admits_vms = pool.state == PoolState::kUp || pool.state == PoolState::kDisabled;
  return made;
}

bool takes_disks(const PoolRecord& pool) {
  return pool.state == PoolState::kUp;
}

bool takes_template(const PoolRecord& pool, const Template& tmpl) {
  if (!is_snapshot(tmpl)) return true;
  return pool.kind == core::PoolKind::kRbd && tmpl.path.starts_with(pool.path + "/");
}

core::Disk new_disk(const PoolRecord& pool, const Template& tmpl, const std::string& name,
                    std::uint64_t bytes) {
  core::Disk disk;
  disk.pool = pool.id;
  disk.path = pool.path + "/" + name;
  disk.size_bytes = bytes != 0 ? bytes : tmpl.size_bytes;
  // Images and logical volumes are raw whatever they are made from; the host converts.
  const bool file = pool.kind != core::PoolKind::kRbd && pool.kind != core::PoolKind::kClvm;
  if (file) {
    disk.format = tmpl.format == "QCOW2" ? "qcow2" : "raw";
    disk.path += "." + disk.format;
  }
  disk.template_path = is_snapshot(tmpl) ? tmpl.path.substr(pool.path.size() + 1) : tmpl.path;
  return disk;
}

}  // namespace mold::manager
