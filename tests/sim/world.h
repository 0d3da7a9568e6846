#pragma once
// The simulated cluster: true time, the queue of what happens next, and everybody who lives in it.
// One World runs many plans after each other and keeps its memory. run() is the only way in; the
// parts reach each other through it. One thread.
//
// Two phases: until plan.heal_at the lines of the plan rain (safety is checked throughout); then
// everything is healed and the cluster must converge (liveness) before plan.end_at.
#include <cstdint>
#include <string>
#include <vector>

#include "core/agent/agent_brain.h"
#include "core/engine/brain.h"
#include "tests/sim/bmc.h"
#include "tests/sim/ceph.h"
#include "tests/sim/checkers/job_end.h"
#include "tests/sim/checkers/restart_proof.h"
#include "tests/sim/checkers/single_writer.h"
#include "tests/sim/disk.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/feeds.h"
#include "tests/sim/host.h"
#include "tests/sim/hypervisor.h"
#include "tests/sim/injector.h"
#include "tests/sim/manager.h"
#include "tests/sim/net.h"
#include "tests/sim/plan.h"
#include "tests/sim/pool.h"
#include "tests/sim/story.h"

namespace mold::sim {

struct RunOptions {
  core::Mutation mutation = core::Mutation::kNone;
  core::AgentMutation agent_mutation = core::AgentMutation::kNone;
  bool skip_quiet = true;  // leave out stretches in which nothing happens (quiet.cc)
  bool listen = false;     // keep the story's lines
};

struct RunResult {
  bool ok = true;
  std::string checker;  // of the first violation
  std::string violation;
  Ms at = 0;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  Ms skipped = 0;
};

class World {
 public:
  RunResult run(const Plan& plan, const RunOptions& options);

  // ---- for the parts ----
  [[nodiscard]] const Plan& plan() const { return *plan_; }
  [[nodiscard]] const RunOptions& options() const { return options_; }
  // Time that was lived through; all clocks derive from it, so none of them sees a skip.
  [[nodiscard]] Ms active() const { return now - skipped_; }
  [[nodiscard]] Ms draw(Ms low, Ms high, Draw what, std::uint64_t who,
                        std::uint64_t extra = 0) const {
    return noise.between(low, high, what, now, who, extra);
  }
  [[nodiscard]] core::Capacity capacity() const;

  void violated(const char* checker, std::string what);
  void tell(std::string_view who, const std::string& what) {
    if (story.listens()) story.line(now, who, what);
  }
  void tell_host(std::size_t host, std::string_view what);
  void tell_qemu(const Qemu& qemu, std::string_view what);

  [[nodiscard]] core::VmReport report_of(const Qemu& qemu) const;
  void domain_event(const Qemu& qemu, core::GoneReason reason = core::GoneReason::kUnknown);
  void kill_pool_vms(std::size_t host, std::size_t pool);
  [[nodiscard]] std::uint32_t count_pool_vms(std::size_t host, std::size_t pool) const;
  void storage_returned(std::size_t host);

  Ms now = 0;
  bool healed = false;
  Noise noise;
  EventQueue queue;
  Story story;
  std::vector<SimHost> hosts;
  Pools pools;
  Disks disks;
  Hypervisor hypervisor;
  Net net;
  Bmcs bmcs;
  Ceph ceph;
  Feeds feeds;
  Manager manager;
  Injector injector;
  SingleWriter single_writer;
  RestartProof restart_proof;
  JobEnd job_end;

 private:
  void begin();
  void dispatch(const SimEvent& event);
  void to_hardware(const SimEvent& event);
  void to_host(const SimEvent& event);
  void to_agent(const SimEvent& event, Agent& agent);
  void deliver_down(std::uint32_t slot);
  void to_manager(const SimEvent& event);
  void drop(const SimEvent& event);
  void heal();
  void probe();
  void repair(const SimEvent& event);
  void maybe_skip();
  [[nodiscard]] bool in_rhythm(const SimEvent& event);
  [[nodiscard]] bool quiet() const;

  friend class SimHost;
  const Plan* plan_ = nullptr;
  RunOptions options_;
  RunResult result_;
  Ms skipped_ = 0;
  Ms next_skip_look_ = 0;
  bool over_ = false;
  Slab<core::VmReport> reports_;
};

}  // namespace mold::sim
