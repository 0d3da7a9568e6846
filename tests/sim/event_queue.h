#pragma once
// What will happen next: a binary heap of small plain records, ordered by time; at the same
// millisecond by kind and host, and only then by number, so that the order does not depend on how
// long ago a thing was put in. No allocation once its vector has grown; a world keeps it from run
// to run. Payloads live in slabs (slab.h) and are named by index.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/sim/noise.h"

namespace mold::sim {

enum class Ev : std::uint8_t {
  // the schedule
  kLine,
  kLineEnd,
  kHeal,
  kProbe,
  kRepair,
  kOperator,
  // hardware
  kBoot,
  kWatchdog,
  // mold-heartbeat
  kHeartbeatUp,
  kRound,
  kBeatIo,
  // agentd
  kAgentUp,
  kAgentListed,
  kAgentBeat,
  kAgentTimer,
  kAgentRetry,
  kDomainEvent,
  // libvirt and QEMU
  kCallEffect,
  kCallAnswer,
  kQemuDies,
  // wires
  kUpArrives,
  kDownArrives,
  kBmcEffect,
  kBmcAnswer,
  // Ceph
  kCephEffect,
  kCephAnswer,
  kCephEntry,
  kClientsRead,
  kClientsTold,
  // the manager
  kCommitted,
  kManagerTimer,
  kManagerUp,
  kManagerWake,
};

struct SimEvent {
  Ms at = 0;
  std::uint64_t rank = 0;  // among those of one millisecond: kind, host, number
  Ev kind = Ev::kLine;
  std::uint16_t host = 0;
  std::uint32_t a = 0;  // usually: which run of the process it is for
  std::uint32_t b = 0;  // usually: index of the payload
};

class EventQueue {
 public:
  void clear() {
    heap_.clear();
    next_number_ = 0;
  }
  void push(Ms at, Ev kind, std::size_t host = 0, std::uint32_t a = 0, std::uint32_t b = 0) {
    const std::uint64_t rank = static_cast<std::uint64_t>(kind) << 56U |
                               static_cast<std::uint64_t>(host) << 40U | next_number_++;
    heap_.push_back({at, rank, kind, static_cast<std::uint16_t>(host), a, b});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] const SimEvent& top() const { return heap_.front(); }
  SimEvent pop() {
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    const SimEvent event = heap_.back();
    heap_.pop_back();
    return event;
  }
  // For the quiet skip only.
  [[nodiscard]] const std::vector<SimEvent>& all() const { return heap_; }
  template <class Keep>
  void shift(Ms by, Keep stays) {
    for (SimEvent& event : heap_) {
      if (!stays(event)) event.at += by;
    }
    std::make_heap(heap_.begin(), heap_.end(), Later{});
  }

 private:
  struct Later {
    bool operator()(const SimEvent& x, const SimEvent& y) const {
      return x.at != y.at ? x.at > y.at : x.rank > y.rank;
    }
  };
  std::vector<SimEvent> heap_;
  std::uint64_t next_number_ = 0;
};

}  // namespace mold::sim
