#include "tests/sim/disk.h"

#include "tests/sim/world.h"

namespace mold::sim {

void Disks::begin(World& world, std::size_t vms) {
  world_ = &world;
  qemus.clear();
  disks.assign(vms, {});
}

DiskTruth& Disks::disk(VmId vm) {
  if (vm.value > disks.size()) disks.resize(vm.value);
  return disks[vm.value - 1];
}

std::uint32_t Disks::start(const Qemu& qemu) {
  qemus.push_back(qemu);
  if (qemu.state == QemuState::kRunning) now_able(qemus.back());
  return static_cast<std::uint32_t>(qemus.size() - 1);
}

Qemu* Disks::find(std::size_t host, VmId vm) {
  for (Qemu& q : qemus) {
    if (q.host == host && q.vm == vm && q.state != QemuState::kDead) return &q;
  }
  return nullptr;
}

bool Disks::able(const Qemu& q) const {
  if (q.state != QemuState::kRunning || q.in_d_state) return false;
  const SimHost& host = world_->hosts[q.host];
  if (host.power != Power::kOn || host.frozen) return false;
  return world_->pools.all_reachable(q.host, q.pools) && !world_->ceph.is_cut_off(q);
}

void Disks::now_able(const Qemu& q) {
  if (able(q)) world_->single_writer.wrote(q, disk(q.vm));
}

void Disks::rescan(std::size_t host) {
  for (const Qemu& q : qemus) {
    if (q.host == host && q.state == QemuState::kRunning) now_able(q);
  }
}

void Disks::last_write_lands(const Qemu& q) {
  if (world_->ceph.is_cut_off(q)) return;
  world_->single_writer.wrote(q, disk(q.vm));
}

}  // namespace mold::sim
