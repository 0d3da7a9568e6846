#pragma once
// A storage pool that VMs live on and hosts beat on.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/ids.h"

namespace mold::core {

enum class PoolKind : std::uint8_t {
  kDirectory,  // a shared directory that somebody else mounts: GFS2, CephFS, NFS
  kNfs,        // an NFS export that agentd mounts
  kRbd,        // a Ceph pool: disks are RBD images
  kClvm,       // a shared LVM volume group: disks are logical volumes
  kLocal,      // a directory of one host: no heartbeat, its VMs live and die with the host
};

// What a host does with the VMs of a pool whose lease it lost (docs/HEARTBEAT_FORMAT.md).
enum class PoolPolicy : std::uint8_t { kKillVms, kPause, kResetHost, kLogOnly };

struct Pool {
  PoolId id;
  ClusterId cluster;  // every host of the cluster has it at `path`, but for kLocal
  std::string uuid;
  std::string name;
  // Absolute directory; of RBD "rbd:<Ceph pool>". A disk's path is this, a slash, and its own name.
  std::string path;
  bool heartbeat = true;
  PoolKind kind = PoolKind::kDirectory;
  PoolPolicy policy = PoolPolicy::kKillVms;
  HostId host;             // kLocal: the one host that has it; else none
  bool admits_vms = true;  // false (maintenance): nothing that uses it is started
  std::string ceph_fsid;   // kRbd: its Ceph cluster; a host has one user for all of its pools
};

std::string_view to_string(PoolKind kind);
std::optional<PoolKind> parse_pool_kind(std::string_view text);
std::string_view to_string(PoolPolicy policy);
std::optional<PoolPolicy> parse_pool_policy(std::string_view text);

}  // namespace mold::core
