#include "tests/sim/volatile.h"

namespace mold::sim {

void forget_volatile(core::State& state) {
  const core::Host new_host;
  for (auto& [id, h] : state.hosts) {
    h.fence.next_try = new_host.fence.next_try;
    h.fence.ladder = {};
    for (core::PoolIsolation& isolation : h.isolations) {
      isolation.op = {};
      isolation.verb = {};
      isolation.tries = 0;
      isolation.next_try = {};
      isolation.last.clear();
    }
    h.more_levels.clear();
    h.claim.reset();
    h.session_since = new_host.session_since;
    h.power_cut_at.reset();
    h.link_up = new_host.link_up;
    h.last_beat = new_host.last_beat;
    h.ha_since = new_host.ha_since;
    h.good_beats = new_host.good_beats;
    h.self_stall = new_host.self_stall;
    h.power = new_host.power;
    h.status_op = new_host.status_op;
    h.doubted_boot.clear();
    h.beat_sequence = new_host.beat_sequence;
  }
  for (auto& [id, v] : state.vms) {
    v.next_try = {};
    v.op_sent = {};
    v.avoid.clear();
    v.ran_since = {};
    v.held_back_until = {};
    v.io_paused = false;
    v.resumes = 0;
    v.next_resume = {};
  }
  for (auto& [id, j] : state.jobs) j.started = {};
}

}  // namespace mold::sim
