#pragma once
// What a seed stands for: the shape of the cluster, every tunable (each drawn from its valid
// range), the wiring of each host, and the list of fault lines. Swarm style: a run turns on a
// random subset of the fault kinds with a random intensity, so that each combination gets its turn.
// Pure.
#include <cstdint>
#include <vector>

#include "agentd/heartbeat/ladder.h"
#include "core/model/policy.h"
#include "tests/sim/fault.h"

namespace mold::sim {

inline constexpr std::size_t kMaxHosts = 32;
inline constexpr std::size_t kMaxPools = 2;

struct Shape {
  int hosts = 0;     // 0: drawn, 3..5
  int vms = 0;       // 0: drawn, 6..20
  int minutes = 30;  // virtual; the last third is for healing
};

struct HostPlan {
  Ms clock_offset = 0;
  int clock_ppm = 0;
  bool watchdog = true;  // without one its beats never say "armed"
  bool power_control = true;
  bool ha = true;
  int feeds = 0;  // switched outlets, level 2 of its ladder
};

struct VmPlan {
  std::uint16_t pool = 0;
  bool both_pools = false;
  bool ha = true;
  bool running = true;  // at the beginning
  std::uint16_t host = 0;
};

struct Plan {
  std::uint64_t seed = 0;
  Shape shape;  // as resolved
  int pools = 1;
  std::uint32_t rbd_pools = 0;  // mask
  core::Policy policy;
  heartbeat::LadderPolicy ladder;
  std::vector<HostPlan> hosts;
  std::vector<VmPlan> vms;
  std::vector<FaultLine> lines;  // sorted by time
  Ms heal_at = 0;
  Ms end_at = 0;
  Ms repair_after = 0;          // a host found off is switched on by somebody after about this long
  std::uint64_t host_gib = 64;  // memory of a host; VMs take 4
  // everyday trouble, in percent, all through the faulty phase
  unsigned call_fails = 0;
  unsigned call_unknown = 0;
  unsigned slow_starts = 0;
  unsigned guest_ignores_acpi = 0;
  unsigned ceph_trouble = 0;
  unsigned message_loss = 0;
  unsigned message_duplicate = 0;
  unsigned message_late = 0;

  // The rhythm of everything periodic: a quiet stretch may be left out in multiples of it.
  [[nodiscard]] Ms rhythm() const;
};

// Draws into `plan`, reusing its memory.
void draw_plan(std::uint64_t seed, const Shape& shape, Plan& plan);

}  // namespace mold::sim
