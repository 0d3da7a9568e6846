#pragma once
// What the manager knows about its agents beside the brain's view: sessions, what was refused and
// why, what they last told about pools and themselves, and the way in for new ones (enrolment).
// AgentLink (agent_link.h) feeds it; API and hactl read it. Loop thread only; lives as long as the
// engine. What is here is volatile but certificates and tokens (pki).
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/runtime/event_loop.h"
#include "lib/wire/messages.h"
#include "manager/engine/engine.h"
#include "manager/inventory/host_key.h"
#include "manager/inventory/inventory.h"
#include "manager/pki/authority.h"

namespace mold::manager {

// One agent as seen from here. For display only: what counts stands in the brain.
struct AgentView {
  bool connected = false;  // it beats, says the brain
  Epoch epoch;             // of its present session
  std::string address;     // it dialled from
  std::optional<Instant> last_beat;
  std::optional<WallTime> last_beat_wall;
  std::optional<WallTime> last_hello;
  std::uint64_t beats = 0;
  std::uint64_t refused = 0;  // requests refused with 403 or 409
  std::string last_refusal;
  std::uint64_t foreign_readings = 0;   // dropped: of pools or hosts that are not of its cluster
  std::vector<wire::PoolReport> pools;  // latest report
  std::vector<wire::OwnLease> leases;   // latest beat
  std::map<std::string, std::uint64_t> stats;  // latest report
};

// Hosts of a pool that are connected, and those of them that see it and hold their lease on it.
struct PoolHosts {
  std::size_t connected = 0;
  std::size_t ready = 0;
};

class AgentRegistry {
 public:
  // What hosts are told about beating on pools.
  struct LeaseOptions {
    Duration beat_interval{1'000};
    Duration self_fence_deadline{10'000};
    bool must_be_mountpoint = false;
  };
  AgentRegistry(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                Authority& authority, LeaseOptions lease);

  // ---- for the API ----
  [[nodiscard]] AgentView view(HostId host) const;
  // Free and total bytes of a pool as any connected host of its cluster told last.
  [[nodiscard]] std::optional<wire::PoolReport> pool_report(PoolId pool) const;
  [[nodiscard]] PoolHosts pool_hosts(const PoolRecord& pool) const;
  // A one-time token for this host, good for 24 h; older unused ones of the host die. To be
  // answered to the operator only when Engine::when_durable says so. kNotFound, kUnavailable.
  Result<Secret> make_enrol_token(HostId host);
  // Certificates of this host are not accepted from now on; its session ends at once. Part of what
  // deleteHost does, with Inventory::remove and core::HostRemoved.
  Status revoke(HostId host);
  // Requests of unknown, foreign or revoked agents since start.
  [[nodiscard]] std::uint64_t refused_total() const { return refused_total_; }

  // ---- for AgentLink ----
  // The live host of a verified certificate; kDenied with the reason otherwise (counted, noted).
  Result<HostId> admit(const std::string& common_name, const std::string& serial,
                       const std::string& address);
  void note_foreign_reading(HostId observer) { ++agents_[observer].foreign_readings; }
  void note_refusal(HostId host, const std::string& why);
  // A caller without an identity: counted, and an event at most once a minute per address.
  void refuse_stranger(const std::string& who, const std::string& why, const std::string& address);
  void on_hello(HostId host, const std::string& address);
  void on_session(HostId host, Epoch epoch);
  void on_beat(HostId host, const wire::BeatRequest& beat);
  void on_report(HostId host, const wire::ReportRequest& report);
  // Those of its cluster, but for other hosts' local ones and those in maintenance. Only here does
  // a host's key leave the manager, and to that host alone.
  [[nodiscard]] std::vector<wire::PoolInfo> pools_for(HostId host) const;
  // Before the first agent says hello.
  void set_host_keys(HostKeys keys) { host_keys_ = std::move(keys); }

 private:
  [[nodiscard]] bool must_be_mounted(core::PoolKind kind) const;

  runtime::EventLoop& loop_;
  Engine& engine_;
  Inventory& inventory_;
  Authority& authority_;
  LeaseOptions lease_;
  HostKeys host_keys_;
  std::map<HostId, AgentView> agents_;
  std::map<std::string, Instant> stranger_noted_;  // when an event was last made about whom
  std::uint64_t refused_total_ = 0;
};

}  // namespace mold::manager
