#pragma once
// The agent's brain: which orders a host may carry out. Pure twin of the manager's brain, run by
// agentd and by the simulator. It is the door that keeps a late, duplicated or superseded order
// from starting a VM, whatever the network did to it.
//
// An order is admitted only if
//  - a session is open and the order carries its epoch,
//  - no lease was lost since the session's hello (else a new hello is due first),
//  - for starts: the lease of every pool of the VM is held and lasts start_guard longer (as long as
//    the manager said when it opened the session), the generation was not closed in this session,
//    and no other generation of the VM runs here.
// A start creates the domain PAUSED, is admitted a second time, and only then resumed: a
// hypervisor that took its time cannot slip a VM past a lost lease. Where the storage can tell who
// has a disk open, it is asked before the creation and before the resume (disk_clients.h), and the
// leases are looked at after its answer: the answer, too, may take its time.
//
// A VM that QEMU paused because a disk did not take a write is resumed by the order that started
// it, after the same checks; what they refuse stays paused, with all that its guest has in memory.
#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "core/agent/disk_clients.h"
#include "core/engine/order.h"
#include "core/model/policy.h"

namespace mold::core {

// What mold-heartbeat says about this host's own leases, read from its board at each decision.
struct LeaseView {
  bool valid = false;             // false: no heartbeat process, or its board is stale
  std::uint64_t incarnation = 0;  // lost leases since boot
  // One entry per pool that the manager told of; a pool without heartbeat is held for ever.
  struct PoolLease {
    PoolId pool;
    bool held = false;
    Instant valid_until;  // this host's boot-time clock
  };
  std::vector<PoolLease> pools;
};

// ---- what happened ----
struct SessionAccepted {  // the manager's answer to our hello
  Epoch epoch;
  std::uint64_t incarnation = 0;  // what the hello said
  Duration start_guard = Policy{}.start_guard;
};
struct SessionRefused {};  // the manager does not know this epoch: hello again
struct OrderArrived {
  Order order;
};
enum class HypervisorVerb : std::uint8_t {
  kCreatePaused,
  kResume,
  kShutdown,
  kDestroy,
  kReboot,  // the guest is asked
  kReset,   // it is not
  kCreateDisk,
  kDeleteDisk,
};
struct HypervisorAnswered {  // completion of a Hypervise action
  std::uint64_t call = 0;
  Outcome outcome = Outcome::kUnknown;
  bool exists = false;  // a domain of that VM exists after the call
  ErrorKind error = ErrorKind::kInternal;
  std::string text;
};
struct DisksRead {  // completion of a ReadDisks action
  std::uint64_t call = 0;
  DiskReading reading;
};
// A domain appeared, changed or ended, by libvirt event or by listing it.
struct DomainObserved {
  VmReport report;
};
// The complete list of our domains, from libvirt. Domains not in it are gone.
struct DomainsListed {
  std::vector<VmReport> domains;
};
struct AgentTimePassed {};

using AgentEvent = std::variant<SessionAccepted, SessionRefused, OrderArrived, HypervisorAnswered,
                                DisksRead, DomainObserved, DomainsListed, AgentTimePassed>;

// ---- what to do ----
struct Hypervise {
  std::uint64_t call = 0;
  HypervisorVerb verb = HypervisorVerb::kCreatePaused;
  VmId vm;
  Generation generation;
  VmSpec spec;
};
// Makes the disks of a VM usable here, and reads who has them open.
struct ReadDisks {
  std::uint64_t call = 0;
  VmId vm;
  Generation generation;
  VmSpec spec;
};
struct SendResult {
  OrderResult result;
};
struct SendReport {};  // something changed: send the VM list now
struct SayHello {};    // session is void

using AgentAction = std::variant<Hypervise, ReadDisks, SendResult, SendReport, SayHello>;

struct AgentDomain {
  std::string uuid;
  Generation generation;
  DomainPower power = DomainPower::kRunning;
  GoneReason gone_reason = GoneReason::kUnknown;
  Instant gone_at;        // gone entries are told again and again, then dropped
  bool io_error = false;  // see VmReport
};

enum class AgentMutation : std::uint8_t {
  kNone,
  kIgnoreOrderEpoch,        // orders of any epoch are admitted
  kIgnoreClosedGeneration,  // an order for a closed generation is admitted
  kStartWithoutLease,       // starts are admitted whatever the lease says
  kResumeWithoutRecheck,    // the second admission is skipped
  kKillIsGone,              // a kill that was only sent counts as gone
};
inline constexpr int kAgentMutationCount = 6;
std::string_view to_string(AgentMutation mutation);

class AgentBrain {
 public:
  explicit AgentBrain(AgentMutation mutation = AgentMutation::kNone);

  std::vector<AgentAction> step(const AgentEvent& event, const LeaseView& lease, Instant now);
  [[nodiscard]] std::optional<Instant> deadline() const;

  // For hello and report: everything that runs, may run or just ended here. Orders that are being
  // carried out are in it as running.
  [[nodiscard]] std::vector<VmReport> vms() const;
  [[nodiscard]] std::optional<Epoch> epoch() const { return epoch_; }
  // True while a hello may be sent: the domain list was read at least once.
  [[nodiscard]] bool ready() const { return listed_; }

 private:
  struct Task {  // an admitted order being carried out
    Order order;
    std::uint64_t call = 0;  // the hypervisor call under way, or none
    HypervisorVerb verb = HypervisorVerb::kCreatePaused;
    std::optional<Instant> force_at;  // end of a shutdown's grace, or next try of a kill
    std::optional<Instant> ask_at;    // a shutdown that could not be delivered: ask again
    std::string why;                  // why a start is being undone
    bool ran = false;                 // a start that resumes what ran before: never undone
    // The storage is asked before this step; nothing: a call of the hypervisor is under way.
    std::optional<StartStep> asking;
  };
  struct Turn {  // what the parts of one step share
    const LeaseView& lease;
    Instant now;
    std::vector<AgentAction> out;
  };

  void on(const SessionAccepted& event, Turn& turn);
  void on(const SessionRefused& event, Turn& turn);
  void on(const OrderArrived& event, Turn& turn);
  void on(const HypervisorAnswered& event, Turn& turn);
  void on(const DisksRead& event, Turn& turn);
  void on(const DomainObserved& event, Turn& turn);
  void on(const DomainsListed& event, Turn& turn);
  void on(const AgentTimePassed& event, Turn& turn);

  void hasten(const Order& order, Turn& turn);
  void take_start(const Order& order, Turn& turn);
  void take_stop(const Order& order, Turn& turn);
  void take_other(const Order& order, HypervisorVerb verb, Turn& turn);
  // Why this start must not go on, or nothing.
  [[nodiscard]] std::optional<std::string> refusal(const Order& order, const Turn& turn) const;
  void refuse_start(const Order& order, ErrorKind kind, const std::string& why, Turn& turn);
  void after_create(Task task, const HypervisorAnswered& answer, Turn& turn);
  void after_resume(Task task, const HypervisorAnswered& answer, Turn& turn);
  void after_shutdown(Task task, const HypervisorAnswered& answer, Turn& turn);
  void after_destroy(Task task, const HypervisorAnswered& answer, Turn& turn);
  void after_other(const Task& task, const HypervisorAnswered& answer, Turn& turn);
  void undo_start(Task task, const std::string& why, Turn& turn);
  void leave_paused(const Task& task, const std::string& why, Turn& turn);
  void call(Task task, HypervisorVerb verb, Turn& turn);
  // On with a start that was just admitted: asks the storage first where that can tell.
  void go_on(Task task, StartStep step, Turn& turn);
  void answer_gone(const Task& task, Turn& turn);
  void void_session(Turn& turn);
  void look_at_seen(Turn& turn);
  void domain_gone(VmId vm, GoneReason reason, Turn& turn);
  void close_generation(VmId vm, Generation generation);
  [[nodiscard]] bool closed(VmId vm, Generation generation) const;
  [[nodiscard]] bool in_task(VmId vm) const;

  AgentMutation mutation_;
  bool listed_ = false;
  std::optional<Epoch> epoch_;
  Duration start_guard_ = Policy{}.start_guard;
  std::uint64_t session_incarnation_ = 0;
  std::map<VmId, AgentDomain> domains_;      // last known, gone ones until the next hello
  std::map<VmId, Generation> closed_;        // highest generation that must not start again
  std::vector<Task> tasks_;                  // at most one per VM
  std::map<VmId, VmReport> seen_meanwhile_;  // other generations that showed up during a task
  std::map<VmId, OrderResult> reboots_;      // the latest, so that none is carried out twice
  std::map<VmId, std::vector<std::string>> clients_;  // of our own QEMUs, as the storage names them
  std::uint64_t next_call_ = 1;
};

}  // namespace mold::core
