#pragma once
// Feeds the agent's brain (core/agent) and carries out what it says. Decides nothing: every event
// gets the present lease view and the present time, every action goes to the hypervisor, the disks
// or the link, and their completions come back as events. Loop thread only; what it refers to
// outlives it.
#include <cstddef>
#include <functional>

#include "agentd/lease/lease_watch.h"
#include "agentd/storage/vm_disks.h"
#include "core/agent/agent_brain.h"
#include "lib/port/hypervisor.h"
#include "lib/runtime/event_loop.h"

namespace mold::agentd {

class BrainShell {
 public:
  struct Hooks {
    std::function<void(core::OrderResult)> send_result;
    std::function<void()> send_report;
    std::function<void()> say_hello;
  };

  BrainShell(runtime::EventLoop& loop, port::Hypervisor& hypervisor, VmDisks& disks,
             LeaseWatch& leases);

  // Starts the hypervisor, too.
  void start(Hooks hooks);
  void feed(const core::AgentEvent& event);

  [[nodiscard]] const core::AgentBrain& brain() const { return brain_; }
  [[nodiscard]] std::size_t foreign_domains() const { return foreign_; }

 private:
  void carry_out(const core::AgentAction& action);
  void carry_out(const core::Hypervise& call);
  void carry_out(const core::ReadDisks& read);
  void refuse(const core::Hypervise& call, const Error& error);
  [[nodiscard]] port::Hypervisor::Done completion(std::uint64_t call);
  void observed(core::VmReport report);
  void set_timer();

  runtime::EventLoop& loop_;
  port::Hypervisor& hypervisor_;
  VmDisks& disks_;
  LeaseWatch& leases_;
  Hooks hooks_;
  core::AgentBrain brain_;
  std::size_t foreign_ = 0;
  runtime::Timer deadline_;
  runtime::Timer tick_;
};

}  // namespace mold::agentd
