#pragma once
// A tiny, fully scripted cluster around one core::Brain, for golden tests: hosts beat on network
// and storage by the clock, BMCs and agents answer as the script says. Nothing is random and
// nothing is judged here; the story that comes out is compared with `expect`.
#include <cstdint>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "core/engine/brain.h"

namespace mold::golden {

class World {
 public:
  // One line of `given`: "policy NAME=MS", "hosts h1 h2 ...", "no-power h1", "unarmed h1",
  // "vm NAME on HOST [ha]", "end SECONDS".
  void give(const std::string& line);
  // One line of `script`: "SECONDS WHAT ...", see do_line().
  void script(const std::string& line);
  // Plays it all and returns the story, one line per transition, action and ledger entry.
  std::string play();

 private:
  struct Machine {
    HostId id;
    std::string name;
    bool network = true;  // its beats reach the manager
    bool storage = true;  // its storage counter moves
    bool reads = true;    // it can read the others' records
    bool armed = true;
    bool session = false;  // it beats only under one
    bool power_control = true;
    std::string bmc = "prompt";  // prompt | dead | lying | off
    std::uint64_t counter = 1;
    std::uint64_t incarnation = 0;
    Epoch epoch;             // of its session
    std::uint64_t said = 0;  // sequence of its beats
    Instant changed;         // when the counter moved last
    std::string boot = "boot-1";
    std::map<VmId, Generation> running;
  };
  struct Line {
    Instant at;
    std::vector<std::string> words;
  };

  void begin();
  void tick();
  void do_line(const Line& line);
  void restore_backup();
  void hello(Machine& machine);
  core::HelloReceived hello_of(Machine& machine);
  void beat(Machine& machine);
  void feed(const core::Event& event);
  void carry_out(const core::Action& action);
  void tell(const std::string& text);
  void on_order(const core::Order& order);
  void on_power(const core::RequestPower& request);
  void on_isolation(const core::RequestIsolation& request);
  void see_clients();
  Machine& machine(const std::string& name);
  Machine& machine(HostId id);

  core::Policy policy_;
  bool rbd_ = false;             // the pool is one of Ceph
  std::string ceph_ = "prompt";  // prompt | hung
  std::vector<Machine> machines_;
  struct GivenVm {
    std::string name;
    std::string host;
    bool ha = false;
  };
  std::vector<GivenVm> given_vms_;
  std::vector<Line> script_;
  std::vector<std::pair<Instant, core::Event>> pending_;  // answers on their way
  std::unique_ptr<core::Brain> brain_;
  core::State backup_;  // of the store
  Instant now_;
  Instant end_{30'000};
  std::ostringstream story_;
};

}  // namespace mold::golden
