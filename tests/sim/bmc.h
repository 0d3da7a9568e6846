#pragma once
// The BMCs of all hosts, with the power executor in front of them. A BMC may be unreachable, slow,
// lose its answer, call a success a failure, accept and do nothing, refuse the password, or die
// with its host. One rule holds: a status that it answers is true at the moment it was read. (A BMC
// that reads "off" while its machine runs is outside this model: the fence drill finds those.)
#include <cstdint>
#include <vector>

#include "core/engine/action.h"
#include "tests/sim/fault.h"
#include "tests/sim/slab.h"

namespace mold::sim {

class World;

struct BmcFaults {
  int dead = 0;
  int slow = 0;
  int lost_answer = 0;
  int false_failure = 0;
  int lying = 0;
  int password = 0;
  int echo = 0;
};

struct PowerCall {
  core::RequestPower what;
  std::uint32_t manager_run = 0;
  int events = 0;
  bool read_back = false;  // the state is read when the answer is made
  core::PowerAnswered answer;
};

class Bmcs {
 public:
  void begin(World& world);
  void request(const core::RequestPower& what, std::uint32_t manager_run);
  void effect(std::uint32_t slot);
  void answer(std::uint32_t slot);
  void release(std::uint32_t slot);
  // While it lasts, answers are remembered; when it ends, they come a second time.
  void echo(std::size_t host, bool begins);
  BmcFaults& faults(std::size_t host) { return faults_[host]; }
  void heal_all() { faults_.assign(faults_.size(), {}); }
  [[nodiscard]] std::size_t open_calls() const { return open_; }

 private:
  void expect(std::uint32_t slot, Ms after, bool effect);
  void reply(std::uint32_t slot, Ms after, core::Outcome outcome, bool read_back);
  void ask_outlet(std::uint32_t slot);
  bool refused(std::uint32_t slot, std::size_t host);
  void act(std::uint32_t slot, std::size_t host);

  World* world_ = nullptr;
  Slab<PowerCall> calls_;
  std::size_t open_ = 0;
  struct Echo {
    core::PowerAnswered answer;
    std::uint32_t manager_run = 0;
  };
  std::vector<Echo> echoes_;
  std::vector<BmcFaults> faults_;
};

}  // namespace mold::sim
