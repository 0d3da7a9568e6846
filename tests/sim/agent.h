#pragma once
// agentd of one simulated host: the shell around the real AgentBrain. Says hello, beats, reports,
// answers; repeats what was not acknowledged; can crash between any two steps and comes back with
// nothing but what libvirt and the lease board tell it.
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/agent/agent_brain.h"
#include "core/engine/event.h"
#include "tests/sim/noise.h"

namespace mold::sim {

class World;

class Agent {
 public:
  void begin(World& world, std::size_t host);
  void start();
  void crash();
  void host_died() { crash(); }

  // ---- what happens to it ----
  void libvirt_listed();
  void beat(Ms planned);
  void timer();
  void retry();
  void session_opened(std::uint64_t session, Epoch epoch);
  void session_refused(std::uint64_t session, Epoch epoch);
  void order(const core::Order& order);
  void acknowledged(std::uint64_t tag);
  void domain_event(const core::VmReport& report);
  void call_answered(const core::HypervisorAnswered& answer, VmId vm);

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] std::uint32_t run() const { return run_; }
  [[nodiscard]] bool settled() const;  // in session, nothing unacknowledged
  [[nodiscard]] std::optional<Epoch> epoch() const;

 private:
  struct Unacknowledged {
    std::uint64_t tag = 0;
    core::OrderResult result;
  };
  void step(const core::AgentEvent& event);
  void result(const core::OrderResult& result);
  void say_hello();
  void send_report();
  void send_routine_report();
  void send_result(const Unacknowledged& item);
  void want_retry();
  void want_relist();
  [[nodiscard]] bool knows_all(const core::DomainsListed& listed) const;
  void set_timer();

  World* world_ = nullptr;
  std::size_t host_ = 0;
  bool up_ = false;
  std::uint32_t run_ = 0;
  std::optional<core::AgentBrain> brain_;
  std::uint64_t session_ = 0;  // of the latest hello; grows for ever
  std::uint64_t hello_incarnation_ = 0;
  Epoch told_;  // the host's present epoch, as the manager told it
  std::uint64_t beats_ = 0;
  bool awaiting_ = false;
  std::uint64_t next_tag_ = 1;
  std::uint64_t report_tag_ = 0;  // not acknowledged, or 0
  std::vector<Unacknowledged> results_;
  std::map<VmId, core::OrderResult> starts_;  // what an unclear start answers meanwhile
  bool retry_set_ = false;
  bool relist_set_ = false;
  Ms timer_at_ = 0;  // active time of the timer that is set, or 0
  core::LeaseView view_;
};

}  // namespace mold::sim
