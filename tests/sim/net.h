#pragma once
// Wires between agents and the manager: each direction of each host can be cut, lossy, late and
// duplicating. What is sent into a cut is lost, or held as TCP holds it and delivered, old, when
// the cut heals; orders are handed out until they are taken, as the manager's session queue does.
// Everyday trouble spares what comes again anyway (only the fault "net-bad" hits beats), so that in
// peace the rhythm of beats repeats and quiet stretches can be left out.
#include <cstdint>
#include <vector>

#include "core/engine/event.h"
#include "core/engine/order.h"
#include "tests/sim/noise.h"
#include "tests/sim/slab.h"

namespace mold::sim {

class World;

struct UpMessage {
  std::size_t host = 0;
  std::uint64_t tag = 0;          // wants an acknowledgement, or 0
  Epoch epoch;                    // of the sender's session: what a refusal is about
  std::uint32_t manager_run = 0;  // a connection dies with the manager that it led to
  bool routine = false;           // comes again anyway; everyday trouble spares it
  Ms sent_at = 0;                 // active time
  core::Event event;
};

enum class DownKind : std::uint8_t { kSessionOpened, kSessionRefused, kOrder, kAcknowledged };

struct DownMessage {
  DownKind kind = DownKind::kOrder;
  std::size_t host = 0;
  std::uint64_t number = 0;  // session or tag
  Epoch epoch;
  core::Order order;
  Ms sent_at = 0;
};

struct Wire {
  int cut = 0;
  std::vector<std::uint32_t> held;
};

class Net {
 public:
  void begin(World& world);

  std::uint32_t up_slot(std::size_t host);
  UpMessage& up(std::uint32_t slot) { return ups_[slot]; }
  void send_up(std::uint32_t slot);
  void give_up_slot(std::uint32_t slot) { ups_.give(slot); }

  std::uint32_t down_slot(std::size_t host, DownKind kind);
  DownMessage& down(std::uint32_t slot) { return downs_[slot]; }
  void send_down(std::uint32_t slot);
  void give_down_slot(std::uint32_t slot) { downs_.give(slot); }

  void cut(std::size_t host, bool up, bool down);
  void mend(std::size_t host, bool up, bool down);
  void set_bad(std::size_t host, int by, unsigned percent);
  void heal_all();
  [[nodiscard]] bool quiet() const;
  [[nodiscard]] bool all_well(std::size_t host) const;

 private:
  struct Trip {
    bool lost = false;
    bool twice = false;
    Ms takes = 0;
    Ms takes_second = 0;
  };
  [[nodiscard]] Trip trip(std::size_t host, std::uint64_t what, bool routine) const;
  [[nodiscard]] bool holds(std::size_t host, std::uint64_t what) const;
  void release_held(Wire& wire, bool up);

  World* world_ = nullptr;
  Slab<UpMessage> ups_;
  Slab<DownMessage> downs_;
  std::vector<Wire> up_wires_;
  std::vector<Wire> down_wires_;
  std::vector<int> bad_;
  std::vector<unsigned> bad_percent_;
};

}  // namespace mold::sim
