#pragma once
// Everything that can happen to the manager's brain: a closed variant. Past tense. What agents,
// power drivers, API clients and the clock have to say enters here and nowhere else.
#include <string>
#include <variant>
#include <vector>

#include "core/engine/order.h"
#include "core/lease/lease.h"
#include "core/model/host.h"
#include "core/model/job.h"
#include "core/model/pool.h"
#include "core/model/vm.h"

namespace mold::core {

// ---- from agents --------------------------------------------------------------------------------
// A new session. The list is complete: a VM not in it does not run there. Answered with a new
// epoch (action SessionOpened), after it is committed.
struct HelloReceived {
  HostId host;
  BootId boot_id;
  std::uint64_t incarnation = 0;
  Capacity capacity;
  std::vector<VmReport> vms;
  std::uint64_t session = 0;  // correlates the answer
  // The host's present epoch, as the agent was last told by an answer to a hello; 0: not told yet.
  // Each hello that is believed makes a new epoch, so whatever was sent before it names another
  // one: a hello that was held up (its list is old, its boot may be over) is never believed.
  Epoch epoch;
};
struct BeatReceived {
  HostId host;
  Epoch epoch;
  std::uint64_t incarnation = 0;  // lost leases; a change voids the session
  Duration self_stall{0};
  std::vector<LeaseReading> readings;
  std::uint64_t sequence = 0;    // grows within the session; a late beat carries old readings
  std::vector<OwnLease> leases;  // empty: it cannot tell yet
};
struct ReportReceived {
  HostId host;
  Epoch epoch;
  std::vector<VmReport> vms;
};
struct OrderAnswered {
  HostId host;
  OrderResult result;
};
// ---- from the power executor --------------------------------------------------------------------
struct PowerAnswered {
  OpId op;
  HostId host;
  PowerVerb verb = PowerVerb::kStatus;
  Outcome outcome = Outcome::kUnknown;
  PowerState state = PowerState::kUnknown;  // read now, kUnknown if not read
  std::string text;                         // for a person, no secrets
  DeviceId device;                          // who answered; none: the host's BMC
};
// The settings of a device that can cut the host's power were changed, or it was disabled or
// removed: what it said before, and what it is still to answer to requests made before, is word of
// another device.
struct PowerSettingsChanged {
  HostId host;
  DeviceId device;  // none: the BMC
};
// ---- from the Ceph pools ------------------------------------------------------------------------
// Who has the disks of a running VM open. Told only when every RBD disk of it had somebody.
struct ClientsSeen {
  VmId vm;
  Generation generation;
  std::vector<std::string> clients;
};
struct IsolationAnswered {
  OpId op;
  HostId host;
  PoolId pool;
  // kConfirmed: read back. kFailed: certainly nothing was changed. kUnknown: anything else.
  Outcome outcome = Outcome::kUnknown;
  std::vector<std::string>
      listed;  // kIsolate: on the blocklist by now, also those found on the way
  std::string text;
  VmId vm = {};  // kEvict, kReadmit: whose clients
};
// Another fencer says that it fenced this host just now (Pacemaker). Told once, as it happens;
// history is never told: nobody could say whether the host came back since.
struct FencedElsewhere {
  HostId host;
  std::string by;    // "pacemaker"
  std::string text;  // who did what, for the ledger
  // A reading of OUR clock that is certainly not later than the fencing was heard of (agents hear
  // it with each beat's answer). A session opened after it may be the fenced machine come back.
  Instant heard_after;
};
// ---- from people (API, hactl) -------------------------------------------------------------------
struct HostAdded {
  Host host;  // id, cluster, name given; durable parts default
};
struct HostRemoved {
  HostId host;
  bool forced = false;
};
struct HostAdmissionSet {
  HostId host;
  bool admits_vms = true;
};
// The ladder of devices that may cut the host's power, the BMC aside (PowerControlSet is its
// switch; it belongs to level 1). Not durable here: told after each start and after each change.
struct FenceDevicesSet {
  HostId host;
  std::vector<FenceLevel> levels;  // ordered; ids unique
};
struct PowerControlSet {
  HostId host;
  bool enabled = false;
};
struct HaSet {
  HostId host;
  bool enabled = false;
};
struct DeathConfirmed {  // the operator's word
  HostId host;
  std::string who;
  std::string reason;
};
struct PowerRequested {  // by a person, through the API
  HostId host;
  PowerVerb verb = PowerVerb::kStatus;
  JobId job;
};
struct PoolAdded {
  Pool pool;
};
struct PoolRemoved {
  PoolId pool;
};
struct VmDeployed {
  Vm vm;  // id, cluster, spec, ha, pinned_host; disks to be made
  JobId job;
  bool start = true;
};
struct VmHaSet {
  VmId vm;
  bool ha = false;
};
enum class VmWish : std::uint8_t {
  kStart,
  kStop,
  kReboot,
  kDestroy,
  kFence,  // its clients are put off its disks, so that it can run elsewhere; its host lives on
};
struct VmRequested {
  VmId vm;
  VmWish wish = VmWish::kStart;
  bool forced = false;
  bool expunge = false;
  HostId pinned_host;
  JobId job;
};
// ---- from the clock -----------------------------------------------------------------------------
struct TimePassed {};

using Event = std::variant<HelloReceived, BeatReceived, ReportReceived, OrderAnswered, ClientsSeen,
                           IsolationAnswered, PowerAnswered, PowerSettingsChanged, FencedElsewhere,
                           FenceDevicesSet, HostAdded, HostRemoved, HostAdmissionSet,
                           PowerControlSet, HaSet, DeathConfirmed, PowerRequested, PoolAdded,
                           PoolRemoved, VmDeployed, VmHaSet, VmRequested, TimePassed>;

}  // namespace mold::core
