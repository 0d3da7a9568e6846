#pragma once
// One machine: power, freezing, boots, its boot-time clock, and what runs on it. A boot number
// stamps everything that is meant for one boot; what arrives for an older one is dropped.
#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/agent.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/heartbeat.h"

namespace mold::sim {

class World;

enum class Power : std::uint8_t { kOff, kBooting, kOn };

class SimHost {
 public:
  void begin(World& world, std::size_t index);

  // This boot's CLOCK_BOOTTIME.
  [[nodiscard]] Instant local() const;  // cheap: asked for at every event
  [[nodiscard]] bool runs() const { return power == Power::kOn && !frozen; }
  [[nodiscard]] BootId boot_id() const;

  void boot_at_once();  // the world begins with everybody up
  void power_on();      // nothing if on, or without electricity
  void power_off(const char* why);
  void reset(const char* why);  // off and on again
  void booted();

  void freeze(bool clock_stops);
  void thaw(bool clock_stops);
  void thaw_for_good();
  // Keeps what happens to a frozen host for its thaw.
  void defer(const SimEvent& event) { deferred_.push_back(event); }

  Power power = Power::kOff;
  bool frozen = false;
  std::uint32_t boot = 0;
  std::uint32_t times_off = 0;
  int no_electricity = 0;    // active power cuts
  Ms last_domain_event = 0;  // libvirt tells events in their order
  Ms hands_off_until = 0;    // the operator who confirmed its death leaves it off
  Heartbeat heartbeat;
  Agent agent;

 private:
  void runs_again();
  void die(const char* why);
  void start_booting();

  World* world_ = nullptr;
  std::size_t index_ = 0;
  Ms offset_ = 0;
  Ms ppm_ = 0;
  Ms lost_ = 0;  // time that its clock did not see
  Ms stun_began_ = 0;
  int freezes_ = 0;
  int stuns_ = 0;
  std::vector<SimEvent> deferred_;
};

}  // namespace mold::sim
