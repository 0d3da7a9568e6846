#pragma once
// The manager's pools as mold-heartbeat has to be told of them: lines of its pools file, and for
// Ceph pools the settings and keys of librados, in files of mode 0600 below a directory in memory
// that only root may enter. A pool that cannot be told is left out and named; the others are told.
//
// pool_lines() is pure. write_pool_lines() blocks for as long as small local files take: on a lane.
#include <string>
#include <string_view>
#include <vector>

#include "agentd/heartbeat/pools_file.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

// The logical volume of a shared volume group that beats go to. An admin makes it (1 MiB will do)
// and has it activated shared on every host; it must not bear our tag, whose volumes are
// deactivated.
inline constexpr std::string_view kBeatVolume = "mold-heartbeat";

// /run/mold/ceph for the board /run/mold/leases.
std::string ceph_files_beside(const std::string& board_path);

struct PoolLines {
  struct File {
    std::string name;  // below the directory
    Secret content;
  };
  heartbeat::PoolsFile pools;
  std::vector<File> files;            // keyrings and settings, each pool's keyring first
  std::vector<std::string> left_out;  // why, with the pool's UUID; never a secret
};

PoolLines pool_lines(std::string_view cluster_uuid, const std::vector<wire::PoolInfo>& pools,
                     const std::string& ceph_dir);

// The files first, then the pools file if it changed, then files of pools that are gone are
// removed.
Status write_pool_lines(const PoolLines& lines, const std::string& pools_path,
                        const std::string& ceph_dir);

}  // namespace mold::agentd
