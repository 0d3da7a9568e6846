#include "tests/sim/pool.h"

#include "tests/sim/world.h"

namespace mold::sim {

void Pools::begin(World& world, std::size_t pools, std::size_t hosts) {
  world_ = &world;
  records_.assign(pools, {});
  snapshots_.resize(hosts * kMaxPools);
  paths_.assign(hosts * kMaxPools, {});
}

bool Pools::all_reachable(std::size_t host, std::uint32_t mask) const {
  for (std::size_t p = 0; p < count(); ++p) {
    if ((mask >> p & 1U) == 0) continue;
    if (path(host, p).hung > 0 || path(host, p).gone > 0) return false;
  }
  return true;
}

bool Pools::any_hung(std::size_t host, std::uint32_t mask) const {
  for (std::size_t p = 0; p < count(); ++p) {
    if ((mask >> p & 1U) != 0 && path(host, p).hung > 0) return true;
  }
  return false;
}

bool Pools::quiet() const {
  for (const PoolPath& p : paths_) {
    if (p.hung + p.gone + p.slow + p.beat_hung + p.stale > 0) return false;
  }
  return true;
}

const Pools::Records& Pools::read(std::size_t pool, std::size_t host) const {
  return path(host, pool).stale > 0 ? snapshots_[host * kMaxPools + pool] : records_[pool];
}

void Pools::hang(std::size_t host, std::size_t pool) {
  // A guest that could write has a write under way; it hangs with the storage.
  for (Qemu& q : world_->disks.qemus) {
    if (q.host == host && (q.pools >> pool & 1U) != 0 && world_->disks.able(q)) q.in_io = true;
  }
  ++path(host, pool).hung;
}

void Pools::unhang(std::size_t host, std::size_t pool) {
  if (--path(host, pool).hung > 0) return;
  world_->storage_returned(host);
}

void Pools::regain(std::size_t host, std::size_t pool) {
  if (--path(host, pool).gone > 0) return;
  world_->disks.rescan(host);
}

void Pools::begin_stale(std::size_t host, std::size_t pool) {
  if (path(host, pool).stale++ == 0) snapshots_[host * kMaxPools + pool] = records_[pool];
}

void Pools::heal_all() {
  const std::size_t hosts = world_->hosts.size();
  for (PoolPath& p : paths_) p = {};
  for (std::size_t h = 0; h < hosts; ++h) {
    world_->storage_returned(h);
    world_->disks.rescan(h);
  }
}

}  // namespace mold::sim
