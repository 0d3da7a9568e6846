#pragma once
// Turns the lines of a plan into what they mean for the world, and back when they end. A fault of a
// host's boot (a freeze) ends with that boot.
#include <cstdint>
#include <vector>

#include "core/engine/event.h"
#include "tests/sim/fault.h"

namespace mold::sim {

class World;

class Injector {
 public:
  void begin(World& world);
  void line(std::size_t index);
  void line_ends(std::size_t index);
  [[nodiscard]] bool quiet() const { return active_ == 0; }

 private:
  void power(const FaultLine& line, bool begins);
  void network(const FaultLine& line, bool begins);
  void storage(const FaultLine& line, bool begins);
  void bmc(const FaultLine& line, bool begins);
  void cluster_fence(const FaultLine& line, std::size_t index, bool begins);
  void freeze(const FaultLine& line, std::size_t index, bool begins);
  void process(const FaultLine& line, bool begins);
  void guest_crash(const FaultLine& line);
  void person(const FaultLine& line, bool begins);
  void api_power(const FaultLine& line, HostId host);
  void deploy();
  void wish(const FaultLine& line, core::VmWish wish, bool forced, bool expunge,
            HostId pinned = {});
  void confirm_dead(std::size_t host);
  void apply(const FaultLine& line, std::size_t index, bool begins);

  World* world_ = nullptr;
  int active_ = 0;
  std::uint64_t next_job_ = 1;
  std::uint64_t next_vm_ = 1;
  std::vector<std::uint32_t> boot_at_begin_;  // by line
};

}  // namespace mold::sim
