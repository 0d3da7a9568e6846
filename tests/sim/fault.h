#pragma once
// One line of a schedule: a fault or something a person does, at a time, to somebody, for a while.
// A run is its seed's plan (policy, hosts, wiring) plus an explicit list of these lines; leaving
// some out is still a valid run, which is what minimizing does.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/noise.h"

namespace mold::sim {

enum class FaultKind : std::uint8_t {
  kPowerCut,      // the host loses power, its BMC does not
  kPsuCut,        // the BMC dies with it
  kReset,         // kernel panic, or somebody presses reset: a new boot
  kClusterFence,  // Pacemaker reboots or cuts it (arg), and its word comes at the end
  kFreeze,        // nothing runs on the host for a while; its clock and watchdog go on
  kStun,          // the same, short, and its clock stands still (a nested host, firmware)
  kIsolate,       // no network and no storage for one host, as when its switch dies
  kAgentCrash,
  kHeartbeatCrash,
  kLibvirtTrouble,  // calls fail or time out with unknown outcome
  kNetCut,          // host <-> manager
  kNetCutUp,        // host -> manager only
  kNetCutDown,      // manager -> host only
  kNetPartition,    // several hosts at once (arg is a bit mask)
  kNetBad,          // loss, duplicates, some messages seconds late (arg: percent)
  kPoolHang,        // I/O of one host on one pool blocks
  kPoolHangAll,     // I/O of all hosts on one pool blocks
  kPoolGone,        // I/O of one host on one pool fails at once
  kPoolSlow,
  kPoolStale,  // some observers (mask) read an old snapshot of the pool
  kBeatHang,   // only the heartbeat's own I/O blocks, QEMU's goes on
  kBmcDead,
  kBmcSlow,
  kBmcLostAnswer,    // does it, answers nothing
  kBmcFalseFailure,  // does it, says "failed"
  kBmcLying,         // says "accepted", does nothing; its status is true
  kBmcPassword,      // wrong credentials
  kBmcEcho,          // answers given meanwhile are delivered again at its end
  kFeedDead,         // a switched outlet (arg) of the host does not answer
  kManagerCrash,     // arg: where in a turn
  kManagerStall,
  kStoreSlow,
  kStoreRestored,  // at its end the manager starts anew with its store as it was at the beginning
  kGuestCrash,
  // -- people --
  kDeploy,
  kStart,
  kStop,
  kForceStop,
  kReboot,
  kDestroy,
  kFenceVm,      // alone, by its clients
  kMove,         // stops a VM by force, and starts it on host `arg` at the end
  kHaOff,        // HA of a host off, and on again at the end
  kDrain,        // host admits no VMs, and again at the end
  kConfirmDead,  // only when it is: the operator looked
  kApiPower,     // off/on/reset/status through the manager (arg)
};
inline constexpr int kFaultKindCount = 46;

struct FaultLine {
  Ms at = 0;
  FaultKind kind = FaultKind::kPowerCut;
  std::uint16_t target = 0;  // host index, or VM index for what is done to a VM
  std::uint16_t pool = 0;
  Ms lasts = 0;
  std::uint32_t arg = 0;
};

std::string_view to_string(FaultKind kind);
[[nodiscard]] bool aims_at_vm(FaultKind kind);
[[nodiscard]] bool aims_at_pool(FaultKind kind);
// While it lasts nothing need happen by itself: the world may rest in it.
[[nodiscard]] bool lets_rest(FaultKind kind);
// "  3  t=61.250 s  freeze host 2 for 8.100 s"
std::string describe(const FaultLine& line, std::size_t number);
// 61250 -> "61.250"
std::string seconds(Ms time);

}  // namespace mold::sim
