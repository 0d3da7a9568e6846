#include "tests/sim/fault.h"

#include <array>
#include <cstdio>

namespace mold::sim {

namespace {

// In the order of FaultKind.
constexpr std::array<std::string_view, kFaultKindCount> kNames = {
    "power-cut",     "psu-cut",       "reset",          "cluster-fence",   "freeze",
    "stun",          "isolate",       "agent-crash",    "heartbeat-crash", "libvirt-trouble",
    "net-cut",       "net-cut-up",    "net-cut-down",   "net-partition",   "net-bad",
    "pool-hang",     "pool-hang-all", "pool-gone",      "pool-slow",       "pool-stale",
    "beat-hang",     "bmc-dead",      "bmc-slow",       "bmc-lost-answer", "bmc-false-failure",
    "bmc-lying",     "bmc-password",  "bmc-echo",       "feed-dead",       "manager-crash",
    "manager-stall", "store-slow",    "store-restored", "guest-crash",     "deploy",
    "start",         "stop",          "force-stop",     "reboot",          "destroy",
    "fence-vm",      "move",          "ha-off",         "drain",           "confirm-dead",
    "api-power"};

}  // namespace

std::string_view to_string(FaultKind kind) {
  return kNames.at(static_cast<std::size_t>(kind));
}

bool aims_at_vm(FaultKind kind) {
  using enum FaultKind;
  return kind == kGuestCrash || kind == kDeploy || kind == kStart || kind == kStop ||
         kind == kForceStop || kind == kReboot || kind == kDestroy || kind == kFenceVm ||
         kind == kMove;
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
         kind == kBmcPassword || kind == kBmcEcho || kind == kFeedDead || kind == kHaOff ||
         kind == kDrain || kind == kMove || kind == kStoreRestored;
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
