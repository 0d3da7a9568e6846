#pragma once
// libvirt and QEMU of all simulated hosts: calls take time, fail, or end with nobody knowing what
// they did (and the domain appears later). libvirtd carries a call out although the agent that
// asked for it has crashed. A QEMU on hung storage does not die of SIGKILL.
#include <cstdint>
#include <vector>

#include "core/agent/agent_brain.h"
#include "tests/sim/disk.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/slab.h"

namespace mold::sim {

class World;

struct LibvirtCall {
  core::Hypervise what;
  std::size_t host = 0;
  std::uint32_t boot = 0;
  std::uint32_t agent_run = 0;
  std::uint32_t pools = 0;
  Ms began = 0;  // active time
  bool answered = false;
  int events = 0;  // of this call in the queue
  core::HypervisorAnswered answer;
};

class Hypervisor {
 public:
  void begin(World& world);
  void call(std::size_t host, std::uint32_t agent_run, const core::Hypervise& what);
  void effect(std::uint32_t slot);
  void answer(std::uint32_t slot);
  // After each of its events, also when it was dropped with its host.
  void release(std::uint32_t slot);
  void set_trouble(std::size_t host, int by) { trouble_[host] += by; }
  void heal_all() { trouble_.assign(trouble_.size(), 0); }
  [[nodiscard]] std::size_t open_calls() const { return open_; }

  void kill(Qemu& qemu, std::uint32_t index);
  void qemu_dies(std::uint32_t index);
  void ended(Qemu& qemu, core::GoneReason reason);

 private:
  enum class Fate : std::uint8_t { kWorks, kFails, kUnknown, kUnknownAndNothing };
  [[nodiscard]] Fate fate(const LibvirtCall& c, std::uint32_t slot) const;
  void reply(std::uint32_t slot, core::Outcome outcome, Ms after);
  [[nodiscard]] Qemu* exactly(const LibvirtCall& c) const;
  void carry_out(std::uint32_t slot);
  void create(std::uint32_t slot);
  void destroy(std::uint32_t slot);
  bool storage_in_the_way(std::uint32_t slot);
  void expect(std::uint32_t slot, Ev kind, Ms after);

  World* world_ = nullptr;
  Slab<LibvirtCall> calls_;
  std::size_t open_ = 0;
  std::vector<int> trouble_;
};

}  // namespace mold::sim
