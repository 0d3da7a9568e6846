#include "tests/sim/fault.h"

#include <cstdio>

#include "lib/base/check.h"

namespace mold::sim {

std::string_view to_string(FaultKind kind) {
  using enum FaultKind;
  switch (kind) {
    case kPowerCut:
      return "power-cut";
    case kPsuCut:
      return "psu-cut";
    case kReset:
      return "reset";
    case kFreeze:
      return "freeze";
    case kStun:
      return "stun";
    case kIsolate:
      return "isolate";
    case kAgentCrash:
      return "agent-crash";
    case kHeartbeatCrash:
      return "heartbeat-crash";
    case kLibvirtTrouble:
      return "libvirt-trouble";
    case kNetCut:
      return "net-cut";
    case kNetCutUp:
      return "net-cut-up";
    case kNetCutDown:
      return "net-cut-down";
    case kNetPartition:
      return "net-partition";
    case kNetBad:
      return "net-bad";
    case kPoolHang:
      return "pool-hang";
    case kPoolHangAll:
      return "pool-hang-all";
    case kPoolGone:
      return "pool-gone";
    case kPoolSlow:
      return "pool-slow";
    case kPoolStale:
      return "pool-stale";
    case kBeatHang:
      return "beat-hang";
    case kBmcDead:
      return "bmc-dead";
    case kBmcSlow:
      return "bmc-slow";
    case kBmcLostAnswer:
      return "bmc-lost-answer";
    case kBmcFalseFailure:
      return "bmc-false-failure";
    case kBmcLying:
      return "bmc-lying";
    case kBmcPassword:
      return "bmc-password";
    case kBmcEcho:
      return "bmc-echo";
    case kManagerCrash:
      return "manager-crash";
    case kManagerStall:
      return "manager-stall";
    case kStoreSlow:
      return "store-slow";
    case kGuestCrash:
      return "guest-crash";
    case kDeploy:
      return "deploy";
    case kStart:
      return "start";
    case kStop:
      return "stop";
    case kForceStop:
      return "force-stop";
    case kReboot:
      return "reboot";
    case kDestroy:
      return "destroy";
    case kMove:
      return "move";
    case kHaOff:
      return "ha-off";
    case kDrain:
      return "drain";
    case kConfirmDead:
      return "confirm-dead";
    case kApiPower:
      return "api-power";
  }
  MOLD_UNREACHABLE();
}

bool aims_at_vm(FaultKind kind) {
  using enum FaultKind;
  return kind == kGuestCrash || kind == kDeploy || kind == kStart || kind == kStop ||
         kind == kForceStop || kind == kReboot || kind == kDestroy || kind == kMove;
}

bool aims_at_pool(FaultKind kind) {
  using enum FaultKind;
  return kind == kPoolHang || kind == kPoolHangAll || kind == kPoolGone || kind == kPoolSlow ||
         kind == kPoolStale;
}

bool lets_rest(FaultKind kind) {
  using enum FaultKind;
  return kind == kPowerCut || kind == kPsuCut || kind == kBmcDead || kind == kBmcSlow ||
         kind == kBmcLostAnswer || kind == kBmcFalseFailure || kind == kBmcLying ||
         kind == kBmcPassword || kind == kBmcEcho || kind == kHaOff || kind == kDrain ||
         kind == kMove;
}

std::string seconds(Ms time) {
  char text[32];
  std::snprintf(text, sizeof text, "%lld.%03lld", static_cast<long long>(time / 1000),
                static_cast<long long>(time % 1000));
  return text;
}

std::string describe(const FaultLine& line, std::size_t number) {
  char head[64];
  std::snprintf(head, sizeof head, "%3zu  t=%9s s  ", number, seconds(line.at).c_str());
  std::string text = head;
  text += to_string(line.kind);
  text += aims_at_vm(line.kind) ? " v" : " host ";
  text += std::to_string(line.target + 1);
  if (aims_at_pool(line.kind)) text += " pool " + std::to_string(line.pool + 1);
  if (line.lasts > 0) text += " for " + seconds(line.lasts) + " s";
  if (line.arg != 0) text += " (" + std::to_string(line.arg) + ")";
  return text;
}

}  // namespace mold::sim
