#pragma once
// The truth about disks: which QEMU has which VM's disk open, and who can write to it. What the
// manager believes does not matter here. A QEMU that is able to write counts as writing, because a
// running guest always may.
#include <cstdint>
#include <vector>

#include "lib/base/ids.h"
#include "tests/sim/noise.h"

namespace mold::sim {

class World;

enum class QemuState : std::uint8_t { kPaused, kRunning, kDead };

struct Qemu {
  VmId vm;
  Generation generation;
  std::uint16_t host = 0;
  QemuState state = QemuState::kDead;
  std::uint32_t pools = 0;  // mask
  bool kill_sent = false;   // SIGKILL is on its way, or waits for hung storage
  bool in_d_state = false;  // hit by it while its I/O hung: gone only when the storage is back
  bool by_ladder = false;   // killed by mold-heartbeat
  bool in_io = false;       // was writing when the storage hung: that write may still land
};

struct DiskTruth {
  Generation newest_writer;   // newest generation that ever wrote
  Generation newest_ordered;  // newest generation that the manager ordered to start
  HostId ordered_host;
};

class Disks {
 public:
  void begin(World& world, std::size_t vms);
  // All QEMUs that were ever started in this run; dead ones stay, indices are stable.
  std::vector<Qemu> qemus;
  std::vector<DiskTruth> disks;  // by VM id - 1

  DiskTruth& disk(VmId vm);
  std::uint32_t start(const Qemu& qemu);
  [[nodiscard]] Qemu* find(std::size_t host, VmId vm);  // alive on that host, or null
  [[nodiscard]] bool able(const Qemu& qemu) const;

  // Truth changed so that this QEMU may write now: judge it.
  void now_able(const Qemu& qemu);
  // Everything that runs on that host is judged: it was thawed, or its storage came back.
  void rescan(std::size_t host);
  // The last write of a QEMU that hung in D state when it was killed.
  void last_write_lands(const Qemu& qemu);

 private:
  World* world_ = nullptr;
};

}  // namespace mold::sim
