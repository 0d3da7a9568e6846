#pragma once
// The manager of the simulated cluster: the shell around the real Brain. It commits before it acts,
// gathers what arrives while it commits or hangs, and can crash before the commit, after it, or in
// the middle of its actions. A restart knows what was committed and nothing else; its clock starts
// anew.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/engine/brain.h"
#include "tests/sim/noise.h"

namespace mold::sim {

class World;

class Manager {
 public:
  void begin(World& world);
  void start();  // from what is stored
  void crash(Ms down_for);
  void crash_soon(std::uint32_t where, Ms down_for);
  void stall(Ms until);
  void back_up() { backup_ = stored_; }
  void restore_backup();  // crashes; comes back with the store of then
  void set_store_slow(int by) { store_slow_ += by; }
  void heal();

  // What happens to it. While it is down, messages are lost; while it is busy, they wait.
  void message(std::uint32_t slot);
  void isolation_answered(const core::IsolationAnswered& answer, std::uint32_t run);
  void power_answered(const core::PowerAnswered& answer, std::uint32_t run);
  void person(const core::Event& event);
  void timer(std::uint32_t run);
  void committed(std::uint32_t run);
  void wake(std::uint32_t run);

  [[nodiscard]] bool up() const { return brain_.has_value(); }
  [[nodiscard]] std::uint32_t run() const { return run_; }
  [[nodiscard]] const core::State& state() const { return brain_ ? brain_->state() : stored_; }
  [[nodiscard]] core::State& stored() { return stored_; }
  // Nothing under way. An ordered crash may still wait for its turn.
  [[nodiscard]] bool rests() const { return up() && !busy() && waiting_.empty(); }
  [[nodiscard]] bool idle() const { return rests() && crash_in_ == 0; }
  [[nodiscard]] Now now() const;

 private:
  [[nodiscard]] bool busy() const { return committing_ || stalled_; }
  // Who said it, for the acknowledgement or the refusal.
  struct Cause {
    bool wire = false;
    std::size_t host = 0;
    std::uint64_t tag = 0;
    std::uint64_t session = 0;
    Epoch epoch;
  };
  struct Waiting {
    core::Event event;
    Cause cause;
  };
  void take(const core::Event& event, const Cause& cause);
  [[nodiscard]] bool of_old_session(const core::Event& event, const Cause& cause) const;
  void refuse(const Cause& cause);
  void acknowledge();
  void turn(core::Turn&& turn);
  void store(const core::Changes& changes);
  void act(std::size_t first, std::size_t last);
  void act_one(const core::Action& action);
  void note(const core::Action& action);
  void drain();
  void set_timer();
  bool crash_here(const core::Turn& turn);

  World* world_ = nullptr;
  std::uint32_t run_ = 0;
  Ms clock_origin_ = 0;
  std::optional<core::Brain> brain_;
  core::State stored_;
  core::State backup_;
  OpId mark_;           // kept apart from the store: how far that was when it acted last
  core::Turn pending_;  // its commit is under way
  Cause cause_;         // of the turn in hand
  bool committing_ = false;
  bool stalled_ = false;
  Ms stalled_until_ = 0;  // active time
  int store_slow_ = 0;
  std::vector<Waiting> waiting_;
  std::vector<Waiting> draining_;
  Ms timer_at_ = 0;             // active time, or 0
  std::uint32_t crash_in_ = 0;  // turns with actions until an ordered crash, or 0
  std::uint32_t crash_where_ = 0;
  Ms crash_down_for_ = 0;
};

}  // namespace mold::sim
