#include "agentd/storage/disk_paths.h"

#include <algorithm>
#include <string_view>

#include "lib/base/text.h"

namespace mold::agentd {
namespace {

constexpr std::string_view kRbdStart = "rbd:";
// LVM allows 127; a disk that is being made has a longer name for a while.
constexpr std::size_t kMaxVolumeName = 90;

bool below_pool(const std::string& path, const wire::PoolInfo& pool) {
  if (pool.path.empty()) return false;
  const std::string start = pool.path.back() == '/' ? pool.path : pool.path + "/";
  if (path.size() <= start.size() || path.compare(0, start.size(), start) != 0) return false;
  for (const std::string& part : split(path, '/')) {
    if (part == "..") return false;
  }
  return true;
}

bool made_of(std::string_view name, std::string_view others) {
  return std::all_of(name.begin(), name.end(), [others](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
  });
}

bool is_image_name(std::string_view name) {
  return !name.empty() && name.front() != '-' && made_of(name, "._+-");
}

bool is_volume_name(std::string_view name) {
  return is_image_name(name) && name != "." && name != ".." && name.size() <= kMaxVolumeName;
}

bool is_snapshot(std::string_view name) {
  const auto at = name.find('@');
  return at != std::string_view::npos && is_image_name(name.substr(0, at)) &&
         is_image_name(name.substr(at + 1));
}

Status check_name(const core::Disk& disk, const wire::PoolInfo& pool) {
  const std::string name = name_in_pool(disk, pool);
  switch (pool.kind) {
    case core::PoolKind::kDirectory:
    case core::PoolKind::kNfs:
    case core::PoolKind::kLocal:
      return {};
    case core::PoolKind::kRbd:
      if (pool.path.starts_with(kRbdStart) && is_image_name(name)) break;
      return fail(ErrorKind::kInvalid, disk.path + " is no name of an RBD image");
    case core::PoolKind::kClvm:
      if (pool.path.starts_with("/dev/") && is_volume_name(volume_group(pool)) &&
          is_volume_name(name)) {
        break;
      }
      return fail(ErrorKind::kInvalid, disk.path + " is no name of a logical volume");
  }
  if (disk.format != "raw") return fail(ErrorKind::kInvalid, disk.path + ": must be raw");
  return {};
}

// A file elsewhere may be another one on each host, or be none that a start may wait for.
std::string bad_template(const std::string& from, const std::vector<wire::PoolInfo>& pools) {
  if (is_snapshot(from))
    return "the template " + from +
           " is a snapshot of a Ceph pool: only disks of that pool are made of it";
  std::string places;
  for (const wire::PoolInfo& pool : pools) {
    if (pool.kind == core::PoolKind::kRbd || pool.kind == core::PoolKind::kClvm) continue;
    places += (places.empty() ? "" : ", ") + pool.path;
  }
  return "the template " + from + " lies in no storage pool of this host" +
         (places.empty() ? ", and none of them holds files"
                         : "; copy it below " + places + ", and register it from there");
}

}  // namespace

Status check_disk_paths(const std::vector<wire::PoolInfo>& pools, const core::VmSpec& spec) {
  for (const core::Disk& disk : spec.disks) {
    const auto pool = std::find_if(pools.begin(), pools.end(),
                                   [&disk](const auto& p) { return p.id == disk.pool; });
    if (pool == pools.end()) {
      return fail(ErrorKind::kNotFound, disk.path + ": its pool is not known");
    }
    if (!below_pool(disk.path, *pool)) {
      return fail(ErrorKind::kInvalid, disk.path + " does not lie in " + pool->path);
    }
    MOLD_TRY_VOID(check_name(disk, *pool));
    const std::string& from = disk.template_path;
    if (from.empty() || (pool->kind == core::PoolKind::kRbd && is_snapshot(from))) continue;
    const bool known =
        from.front() == '/' && std::any_of(pools.begin(), pools.end(),
                                           [&from](const auto& p) { return below_pool(from, p); });
    if (!known) return fail(ErrorKind::kInvalid, bad_template(from, pools));
  }
  return {};
}

std::string name_in_pool(const core::Disk& disk, const wire::PoolInfo& pool) {
  const std::size_t start = pool.path.size() + (pool.path.ends_with('/') ? 0 : 1);
  return disk.path.size() > start ? disk.path.substr(start) : "";
}

port::CephAccess ceph_access(const wire::PoolInfo& pool) {
  port::CephAccess access;
  access.mon_host = pool.source;
  access.pool = pool.path.starts_with(kRbdStart) ? pool.path.substr(kRbdStart.size()) : "";
  access.user = pool.user;
  access.key = pool.key;
  return access;
}

std::string volume_group(const wire::PoolInfo& pool) {
  const std::string_view path = pool.path;
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace mold::agentd
