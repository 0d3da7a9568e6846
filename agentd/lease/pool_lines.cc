#include "agentd/lease/pool_lines.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "agentd/heartbeat/rados_settings.h"
#include "agentd/heartbeat/uuid.h"
#include "lib/base/check.h"
#include "lib/runtime/files.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kMaxSecretFile = 16 * 1024;

heartbeat::PoolPolicy beat_policy(core::PoolPolicy policy) {
  switch (policy) {
    case core::PoolPolicy::kKillVms:
      return heartbeat::PoolPolicy::kKillVms;
    case core::PoolPolicy::kPause:
      return heartbeat::PoolPolicy::kPause;
    case core::PoolPolicy::kResetHost:
      return heartbeat::PoolPolicy::kResetHost;
    case core::PoolPolicy::kLogOnly:
      return heartbeat::PoolPolicy::kLogOnly;
  }
  MOLD_UNREACHABLE();
}

std::string conf_name(const wire::PoolInfo& pool) {
  return pool.uuid + ".conf";
}
std::string keyring_name(const wire::PoolInfo& pool) {
  return pool.uuid + ".keyring";
}

// Where its beats go.
void set_medium(const wire::PoolInfo& pool, const std::string& ceph_dir,
                heartbeat::PoolEntry& entry) {
  switch (pool.kind) {
    case core::PoolKind::kDirectory:
    case core::PoolKind::kLocal:
      entry.must_be_mountpoint = pool.must_be_mountpoint;
      return;
    case core::PoolKind::kNfs:
      entry.type = heartbeat::PoolType::kNfs;
      entry.source = pool.source;
      return;
    case core::PoolKind::kRbd:
      entry.type = heartbeat::PoolType::kRados;
      entry.conf = ceph_dir + "/" + conf_name(pool);
      return;
    case core::PoolKind::kClvm:
      entry.type = heartbeat::PoolType::kBlock;
      entry.source = pool.source.empty() ? pool.path + "/" + std::string(kBeatVolume) : pool.source;
      return;
  }
  MOLD_UNREACHABLE();
}

Status add_ceph_files(const wire::PoolInfo& pool, const std::string& ceph_dir, PoolLines& lines) {
  MOLD_TRY(auto keyring, heartbeat::format_keyring(pool.user, pool.key));
  heartbeat::RadosSettings settings;
  settings.mon_host = pool.source;
  settings.user = pool.user;
  settings.keyring = ceph_dir + "/" + keyring_name(pool);
  MOLD_TRY(auto conf, heartbeat::format_rados_settings(settings));
  lines.files.push_back({keyring_name(pool), std::move(keyring)});
  lines.files.push_back({conf_name(pool), Secret(std::move(conf))});
  return {};
}

Status add_pool(const wire::PoolInfo& pool, const std::string& ceph_dir, PoolLines& lines) {
  heartbeat::PoolEntry entry;
  entry.uuid = heartbeat::Uuid::parse(pool.uuid).value_or(heartbeat::Uuid{});
  entry.beat_interval_ms = pool.beat_interval_ms;
  entry.deadline_ms = pool.self_fence_deadline_ms;
  entry.policy = beat_policy(pool.policy);
  entry.path = pool.path;
  set_medium(pool, ceph_dir, entry);
  // One wrong line would make mold-heartbeat refuse them all.
  const heartbeat::PoolsFile alone{lines.pools.cluster, {entry}};
  if (auto told = heartbeat::parse_pools(heartbeat::format_pools(alone)); !told) {
    return fail(told.error());
  }
  if (pool.kind == core::PoolKind::kRbd) MOLD_TRY_VOID(add_ceph_files(pool, ceph_dir, lines));
  lines.pools.pools.push_back(std::move(entry));
  return {};
}

// Its own mode from the start, whatever lay there: never readable for others, not for a moment.
Status write_secret(const std::string& path, const Secret& content) {
  struct stat info {};
  const bool right_mode = ::lstat(path.c_str(), &info) == 0 && (info.st_mode & 0777) == 0600;
  if (right_mode) {
    auto before = runtime::read_file(path, kMaxSecretFile);
    const bool same = before && equal_constant_time(*before, content.reveal());
    if (before) wipe(*before);
    if (same) return {};
  }
  return runtime::write_file_atomic(path, content.reveal(), 0600);
}

Status remove_others(const PoolLines& lines, const std::string& ceph_dir) {
  MOLD_TRY(const auto names, runtime::list_dir(ceph_dir));
  for (const std::string& name : names) {
    const bool wanted = std::any_of(lines.files.begin(), lines.files.end(),
                                    [&](const auto& file) { return file.name == name; });
    if (!wanted) MOLD_TRY_VOID(runtime::remove_file(ceph_dir + "/" + name));
  }
  return {};
}

}  // namespace

std::string ceph_files_beside(const std::string& board_path) {
  const auto slash = board_path.rfind('/');
  return (slash == std::string::npos ? "" : board_path.substr(0, slash + 1)) + "ceph";
}

PoolLines pool_lines(std::string_view cluster_uuid, const std::vector<wire::PoolInfo>& pools,
                     const std::string& ceph_dir) {
  PoolLines lines;
  lines.pools.cluster = heartbeat::Uuid::parse(cluster_uuid).value_or(heartbeat::Uuid{});
  for (const wire::PoolInfo& pool : pools) {
    if (!pool.heartbeat || pool.kind == core::PoolKind::kLocal) continue;
    if (const auto added = add_pool(pool, ceph_dir, lines); !added) {
      lines.left_out.push_back("pool " + pool.uuid + ": " + added.error().what);
    }
  }
  return lines;
}

Status write_pool_lines(const PoolLines& lines, const std::string& pools_path,
                        const std::string& ceph_dir) {
  if (!lines.files.empty()) {
    MOLD_TRY_VOID(runtime::make_dir(ceph_dir, 0700));
    // It may be older than this program.
    if (::chmod(ceph_dir.c_str(), 0700) != 0)
      return fail(errno_error(errno, "mode of " + ceph_dir));
  }
  for (const PoolLines::File& file : lines.files) {
    MOLD_TRY_VOID(write_secret(ceph_dir + "/" + file.name, file.content));
  }
  const auto before = heartbeat::load_pools(pools_path);
  if (!before || *before != lines.pools) {
    MOLD_TRY_VOID(heartbeat::save_pools(pools_path, lines.pools));
  }
  if (!runtime::file_exists(ceph_dir)) return {};
  return remove_others(lines, ceph_dir);
}

}  // namespace mold::agentd
