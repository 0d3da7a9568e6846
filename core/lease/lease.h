#pragma once
// Judging a host by its storage beats. Observers (agents of the same cluster) report what they read
// of each other's beat records, with ages on THEIR OWN monotonic clock; nothing here ever compares
// clocks of two machines. Pure; called by the brain on its one thread.
//
// Rules:
//  - No usable observer is Unknown, never Silent. A reading counts only if it is recent, was read
//    without error, and its observer did not itself stall.
//  - Among observers of one pool the highest counter wins: who is behind reads stale data and is
//    discounted.
//  - A lease is expired (a proof) only if the record says "armed", every counted observer saw no
//    change for deadline + margin, and at least one of them saw ANOTHER host's counter move lately
//    on the same pool (so its reads were live while the subject was silent).
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/policy.h"
#include "core/model/proof.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

// One observer's view of one host's record on one pool, as carried by a network beat.
struct LeaseReading {
  PoolId pool;
  HostId subject;
  bool readable = false;  // false: torn, foreign, missing or not read lately: unknown
  std::uint64_t counter = 0;
  std::uint64_t incarnation = 0;
  bool armed = false;    // "I stop my VMs within deadline, a watchdog sees to it"
  Duration deadline{0};  // self-fence deadline that the subject wrote
  // Observer's latest good read minus its first sight of this counter, its own clock.
  Duration unchanged{0};

  friend bool operator==(const LeaseReading&, const LeaseReading&) = default;
};

// What a host says of its own lease on a pool. No proof rests on it.
struct OwnLease {
  PoolId pool;
  bool counted = false;  // it beats there, or did
  bool armed = false;    // as it announces
};

// What one observer said last.
struct Observation {
  HostId observer;
  LeaseReading reading;
  Instant received;  // manager's clock
  Duration observer_stall{0};
};

struct PoolVerdict {
  PoolId pool;
  Liveness liveness = Liveness::kUnknown;
  Duration silent_for{0};  // least of the counted observers, as of their reports
  Duration age{0};         // the same as of now: the counter moved at least this long ago
  bool expired = false;    // lease proof stands
  std::string why;         // for the ledger; filled only on request (see judge_pool)
};

// What a lease proof demands. Production uses the defaults; only the simulator's planted bugs relax
// one of them (engine/brain.h, Mutation).
struct LeaseRules {
  bool armed = true;           // the record must say so
  bool live_witness = true;    // the observer must have seen another host move
  bool fresh_observer = true;  // stalled observers and old readings are discounted
  int deadline_percent = 100;  // of the announced deadline, margin included
};

// All observations of a cluster, newest per (pool, subject, observer). Volatile by nature.
class LeaseBook {
 public:
  explicit LeaseBook(LeaseRules rules = {}) : rules_(rules) {}

  void record(HostId observer, const std::vector<LeaseReading>& readings, Duration observer_stall,
              Instant now);
  // Everything this observer said is forgotten: it lost its session.
  void forget_observer(HostId observer);
  // What others said about it is forgotten: it is back under a new epoch.
  void forget_subject(HostId subject);
  void clear();

  [[nodiscard]] PoolVerdict judge_pool(const Policy& policy, PoolId pool, HostId subject,
                                       Instant now, bool explain = false) const;

 private:
  using Key = std::pair<PoolId, HostId>;  // pool, subject
  [[nodiscard]] bool usable(const Policy& policy, const Observation& o, Instant now) const;
  // Did this observer see any other host's counter move lately on the pool?
  [[nodiscard]] bool has_live_witness(const Policy& policy, PoolId pool, HostId subject,
                                      HostId observer, Instant now) const;

  // Did any whose reading counts?
  [[nodiscard]] bool witnessed(const Policy& policy, const Key& key,
                               const std::vector<Observation>& observations, std::uint64_t newest,
                               Instant now) const;

  LeaseRules rules_;
  std::map<Key, std::vector<Observation>> by_subject_;  // one of each observer
};

// Taken together over the pools that the host should beat on: alive on any is Alive; silent on
// every one is Silent; anything else is Unknown (a pool that nobody can read may be where its VMs
// live on). silent_for is the least over the pools.
struct StorageVerdict {
  Liveness liveness = Liveness::kUnknown;
  Duration silent_for{0};
  Duration age{0};              // since the latest movement on any pool; with kAlive
  std::vector<PoolId> expired;  // sorted
  bool all_expired = false;     // every pool of the host: whole-host proof
  std::vector<PoolId> unknown;  // that no witness can tell of; sorted
};
StorageVerdict judge_storage(const Policy& policy, const LeaseBook& book,
                             const std::vector<PoolId>& pools, HostId subject, Instant now);

}  // namespace mold::core
