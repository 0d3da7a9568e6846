#pragma once
// The manager's HA brain: one state, one step. Composed of the small pure brains beside it
// (host_ha, fencing, lease, vm_ha, placement, vm_power, job). No I/O, no clock, no threads, no
// randomness; the same object runs in the manager, in mold-sim and in golden tests.
//
// Contract with the shell:
//  - step() may be called at any time with non-decreasing now.mono. It mutates the state in place
//    and returns what changed and what to do. The shell commits `changes` in one store transaction
//    and only then carries out `actions` (persist before act). It may gather several turns into one
//    commit, never split one.
//  - The shell calls step(TimePassed) at deadline() at the latest.
//  - After a restart: load the durable state, construct, call resume() once. Every order still
//  under
//    way is derived again; receivers dedupe. Power is asked for anew once a host was silent for
//    dead_after again: an old suspicion cuts nobody off.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/engine/action.h"
#include "core/engine/event.h"
#include "core/fencing/fencing.h"
#include "core/isolation/isolation.h"
#include "core/lease/lease.h"
#include "core/model/host.h"
#include "core/model/job.h"
#include "core/model/policy.h"
#include "core/model/pool.h"
#include "core/model/vm.h"

namespace mold::core {

// The durable state. next_op is durable too: an OpId is never given out twice.
struct State {
  std::map<HostId, Host> hosts;
  std::map<VmId, Vm> vms;
  std::map<PoolId, Pool> pools;
  std::map<JobId, Job> jobs;  // pending ones; finished ones leave through FinishJob
  OpId next_op{1};
  Generation min_generation;  // of placements: above whatever a store may have forgotten
  // -- volatile --
  std::string older_because;  // evidence of the shell's that the store is older than the world
};

// Rows to be written (or deleted, when no longer in the state) with the actions of a turn.
struct Changes {
  std::set<HostId> hosts;
  std::set<VmId> vms;
  std::set<PoolId> pools;
  std::set<JobId> jobs;
  bool counters = false;

  [[nodiscard]] bool empty() const;
  void merge(const Changes& other);
};

struct Turn {
  Changes changes;
  std::vector<Action> actions;
};

// Planted safety bugs for the simulator's mutation tests (docs/TESTING.md): each makes one rule of
// the brain wrong. Production builds a Brain without any; the manager has no way to set one.
enum class Mutation : std::uint8_t {
  kNone,
  kUnknownIsOff,            // an unknown power outcome counts as off
  kFailedIsOff,             // a failed power outcome counts as off
  kAcceptedIsOff,           // "command accepted" counts without read-back
  kRestartBeforeProof,      // VMs are restarted when fencing starts
  kSuspicionIsProof,        // silence on the network alone is proof
  kIgnoreGeneration,        // reports and answers of any generation are taken as current
  kReuseGeneration,         // a new placement keeps the generation
  kAbsentIsGone,            // a VM absent from a report counts as gone
  kIgnoreEpoch,             // stale sessions' beats, reports and answers are accepted
  kLeaseWithoutArmed,       // lease expiry counts though the host was not armed
  kLeaseWithoutMargin,      // half the deadline is enough
  kLeaseFromStaleObserver,  // no live witness needed, stalled observers counted
  kStalePowerAnswer,        // a power answer of an earlier fencing counts
  kRebornBySameBoot,        // any hello counts as a reboot
  kHeldHello,               // a hello is believed whatever epoch it names
  kFailedStartIsGone,       // a start that failed or is unknown counts as gone
  kOneFeedIsOff,            // one device of a level is enough
  kStaleOffCounts,          // "off" of one feed counts for ever while the other is fought with
  kOldClaimCounts,          // another fencer's word counts whoever came back since
  kUnknownIsIsolated,       // an isolation that was not read back counts
  kUnseenIsIsolated,        // a VM whose clients nobody saw is covered
  kLiftedBySameBoot,        // any hello ends an isolation
  kNeverRenewed,            // blocklist entries are left to expire
  kOldStoreBelieved,        // a store that is older than the world is taken for the world
};
inline constexpr int kMutationCount = 25;
std::string_view to_string(Mutation mutation);
std::optional<Mutation> parse_mutation(std::string_view text);

class Brain {
 public:
  Brain(Policy policy, State state, Mutation mutation = Mutation::kNone);

  Turn step(const Event& event, Now now);
  // Once, after a restart: all clocks start anew, work under way is asked for again.
  Turn resume(Now now);
  // When step(TimePassed) is due at the latest; nothing if only events can change anything.
  [[nodiscard]] std::optional<Instant> deadline() const;

  [[nodiscard]] const State& state() const { return state_; }
  [[nodiscard]] const Policy& policy() const { return policy_; }
  [[nodiscard]] const LeaseBook& lease_book() const { return lease_book_; }

  // What a host's present state waits for, for `hactl ha explain`: readings with ages, the verdict,
  // the next try. One line each.
  [[nodiscard]] std::vector<std::string> explain(HostId host, Instant now) const;

 private:
  friend class Stepper;  // stepper.h: one turn's working context
  [[nodiscard]] std::optional<Instant> compute_deadline() const;

  Policy policy_;
  State state_;
  Mutation mutation_;
  PowerRules power_rules_;
  IsolationRules isolation_rules_;
  LeaseBook lease_book_;
  std::set<VmId> busy_;                     // VMs for which something is to be done or waited for
  std::map<ClusterId, Instant> braked_at_;  // when the mass-failure brake held last
  std::set<ClusterId> doubted_;  // of which hosts are awaited: the store is older than the world
  std::set<VmId> strangers_;     // that run and are unknown to a store that was older once
  Instant latest_;               // of the last turn
  std::optional<Instant> due_;   // deadline() as of the last turn: being called later is our stall
};

}  // namespace mold::core
