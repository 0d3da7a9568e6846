#pragma once
// Which storage pool a new disk goes to: filter by state, tags, room and host, then shared before
// local, most room first, the oldest last. Pure and deterministic; the caller builds the candidates
// from what agents told.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/ids.h"

namespace mold::core {

// Disks are thin: what was promised may be this much of what is there.
inline constexpr std::uint64_t kThinPercent = 200;

struct PoolCandidate {
  PoolId id;
  HostId host;       // of a local pool; else none
  bool open = true;  // its state lets new disks in
  std::vector<std::string> tags;
  std::uint64_t total_bytes = 0;  // 0: nobody told yet; then room is not looked at
  std::uint64_t free_bytes = 0;
  std::uint64_t promised_bytes = 0;  // sizes of the disks that are on it
};

struct PoolWish {
  std::vector<std::string> tags;  // all of them must be the pool's
  std::uint64_t bytes = 0;        // 0: not known (as large as the template)
  HostId host;                    // the VM is to start there; none: anywhere
};

// A local pool is taken by those only who ask for it by a tag: a disk that dies with its host is
// nobody's surprise.
bool fits(const PoolCandidate& candidate, const PoolWish& wish);
std::optional<PoolId> choose_pool(const std::vector<PoolCandidate>& candidates,
                                  const PoolWish& wish);

}  // namespace mold::core
