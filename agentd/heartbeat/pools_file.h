#pragma once
// The pools file: how agentd tells mold-heartbeat which pools to beat on. agentd replaces it
// atomically (tmp, fsync, rename); mold-heartbeat looks at it every second and on SIGHUP. It lies
// on the host's own disk, never on a pool.
//
//   mold-pools 1
//   cluster 6f1c...                                    the cluster's UUID
//   pool <uuid> file 1000 10000 kill-vms - /mnt/<uuid>  beat ms, deadline ms, policy, options, path
//   end
//
// Beat interval or deadline 0: the default of heartbeat.conf.
// The path is the rest of the line (it may hold blanks). `end` guards against a cut-off file. A
// file that is wrong anywhere is refused as a whole and the pools known before stay in force: a
// typing error must not take away anybody's lease. An empty list is written as a file without pool
// lines.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agentd/heartbeat/uuid.h"
#include "lib/base/result.h"

namespace mold::heartbeat {

inline constexpr std::size_t kMaxPools = 32;
inline constexpr std::size_t kMaxPoolPath = 511;
inline constexpr std::string_view kDefaultPoolsFile = "/var/lib/mold/heartbeat/pools";
inline constexpr std::uint32_t kDefaultBeatIntervalMs = 1000;
inline constexpr std::uint32_t kDefaultSelfFenceDeadlineMs = 10000;

enum class PoolType : std::uint8_t { kFile };  // kRados, kNfs, kBlock are to come
enum class PoolPolicy : std::uint8_t {
  kKillVms,    // the ladder: kill this pool's VMs, verify, else the watchdog
  kResetHost,  // straight to the watchdog, if a VM uses the pool
  kLogOnly,    // never acts; therefore never announces "armed"
};
std::string_view to_string(PoolType type);
std::string_view to_string(PoolPolicy policy);

struct PoolEntry {
  Uuid uuid;
  PoolType type = PoolType::kFile;
  std::uint32_t beat_interval_ms = 0;
  std::uint32_t deadline_ms = 0;
  PoolPolicy policy = PoolPolicy::kKillVms;
  // Option `mountpoint`: refuse to beat unless the path is a mount point, so that a missing mount
  // cannot pass for the pool. Option list `-` means none.
  bool must_be_mountpoint = false;
  std::string path;  // absolute, no trailing slash

  friend bool operator==(const PoolEntry&, const PoolEntry&) = default;
};

struct PoolsFile {
  Uuid cluster;
  std::vector<PoolEntry> pools;

  friend bool operator==(const PoolsFile&, const PoolsFile&) = default;
};

// kInvalid with the line number in the text.
Result<PoolsFile> parse_pools(std::string_view text);
std::string format_pools(const PoolsFile& file);

// kNotFound when there is no such file. Reads at most 64 KiB.
Result<PoolsFile> load_pools(const std::string& path);
// For agentd: creates the directory's file anew and renames it into place, synced.
Status save_pools(const std::string& path, const PoolsFile& file);

}  // namespace mold::heartbeat
