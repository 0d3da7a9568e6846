#pragma once
// The switched outlets of hosts that have two power feeds or one behind a switch: the devices of
// their fencing ladder besides the BMC. A reading is always true of its own outlet; an outlet may
// not answer, and somebody may switch one on again, though never within the time that a reading of
// "off" counts (core::Policy::fence_reading_fresh): nobody could know.
#include <cstdint>
#include <vector>

#include "core/engine/action.h"
#include "tests/sim/fault.h"

namespace mold::sim {

class World;

class Feeds {
 public:
  void begin(World& world);
  // The ladder as the manager is told it.
  [[nodiscard]] std::vector<core::FenceLevel> levels(std::size_t host) const;
  [[nodiscard]] static std::size_t host_of(DeviceId device) { return device.value / 10 - 1; }

  void set_dead(std::size_t host, std::size_t feed, int by);
  [[nodiscard]] bool dead(DeviceId device) const;
  [[nodiscard]] bool read_off(DeviceId device);  // and remembers that it was read
  void switch_off(DeviceId device);
  void switch_on(std::size_t host);  // all of them: somebody brings the host back
  void heal_all();
  [[nodiscard]] bool all_off(std::size_t host) const;

 private:
  struct Outlet {
    Ms off_at = 0;  // 0: on
    Ms back_after = 0;
    Ms read_at = 0;
    int dead = 0;
  };
  [[nodiscard]] bool is_off(const Outlet& outlet) const;
  Outlet& outlet(DeviceId device) { return outlets_[host_of(device)][device.value % 10]; }
  [[nodiscard]] const Outlet& outlet(DeviceId device) const {
    return outlets_[host_of(device)][device.value % 10];
  }

  World* world_ = nullptr;
  std::vector<std::vector<Outlet>> outlets_;  // by host
};

}  // namespace mold::sim
