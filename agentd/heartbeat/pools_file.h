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
// The path is where the VMs have the pool, which is how they are found: a directory, /dev/<volume
// group>, or rbd:<Ceph pool>; the rest of the line (it may hold blanks). Where the beats go follows
// from the type: into that directory (file), or where `source` or `conf` among the options leads.
// `end` guards against a cut-off file. A file that is wrong anywhere is refused as a whole and the
// pools known before stay in force: a typing error must not take away anybody's lease. An empty
// list is written as a file without pool lines.
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

inline constexpr std::string_view kRbdPrefix = "rbd:";

// Numbers stand on the lease board: new ones go to the end.
enum class PoolType : std::uint8_t {
  kFile,   // a directory that is mounted on this host
  kRados,  // objects of a Ceph pool, written by a program that links to librados
  kNfs,    // files of an NFS export, from user space: a hung server never means a D state
  kBlock,  // sectors of a small shared LUN or logical volume
};
enum class PoolPolicy : std::uint8_t {
  kKillVms,    // the ladder: kill this pool's VMs, verify, else the watchdog
  kResetHost,  // straight to the watchdog, if a VM uses the pool
  kLogOnly,    // never acts; therefore never announces "armed"
  kPause,      // stops the VMs until beats are good again; a stopped VM may go on: never "armed"
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
  // Options `source=` and `conf=`, percent-encoded in the file. nfs: nfs://server[:port]/export;
  // block: the device. rados: a file like ceph.conf, see rados_settings.h.
  std::string source = {};
  std::string conf = {};
  std::string path = {};  // absolute, no trailing slash; of a Ceph pool rbd:<its name>

  friend bool operator==(const PoolEntry&, const PoolEntry&) = default;
};

struct PoolsFile {
  Uuid cluster;
  std::vector<PoolEntry> pools;

  friend bool operator==(const PoolsFile&, const PoolsFile&) = default;
};

// The Ceph pool of "rbd:<name>"; empty when the path is not of that form.
std::string_view ceph_pool_of(std::string_view path);

// kInvalid with the line number in the text.
Result<PoolsFile> parse_pools(std::string_view text);
std::string format_pools(const PoolsFile& file);

// kNotFound when there is no such file. Reads at most 64 KiB.
Result<PoolsFile> load_pools(const std::string& path);
// For agentd: creates the directory's file anew and renames it into place, synced.
Status save_pools(const std::string& path, const PoolsFile& file);

}  // namespace mold::heartbeat
