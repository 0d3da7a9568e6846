#include "tests/sim/net.h"

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

constexpr Ms kHeldFor = 60'000;  // older than this a transport has given up

}  // namespace

void Net::begin(World& world) {
  world_ = &world;
  ups_.reset();
  downs_.reset();
  const std::size_t hosts = world.hosts.size();
  up_wires_.resize(hosts);
  down_wires_.resize(hosts);
  for (std::size_t h = 0; h < hosts; ++h) {
    up_wires_[h].cut = down_wires_[h].cut = 0;
    up_wires_[h].held.clear();
    down_wires_[h].held.clear();
  }
  bad_.assign(hosts, 0);
  bad_percent_.assign(hosts, 0);
}

std::uint32_t Net::up_slot(std::size_t host) {
  const std::uint32_t slot = ups_.take();
  UpMessage& m = ups_[slot];
  m.host = host;
  m.tag = 0;
  m.epoch = Epoch{};
  m.manager_run = world_->manager.run();
  m.routine = false;
  m.sent_at = world_->active();
  return slot;
}

std::uint32_t Net::down_slot(std::size_t host, DownKind kind) {
  const std::uint32_t slot = downs_.take();
  DownMessage& m = downs_[slot];
  m.kind = kind;
  m.host = host;
  m.number = 0;
  m.epoch = Epoch{};
  m.order.op = OpId{};
  m.sent_at = world_->active();
  return slot;
}

Net::Trip Net::trip(std::size_t host, std::uint64_t what, bool routine) const {
  Trip t;
  t.takes = world_->draw(1, 9, Draw::kDelay, host, what);
  if (world_->healed) return t;
  const Plan& plan = world_->plan();
  const unsigned bad = bad_[host] > 0 ? bad_percent_[host] : 0;
  const Noise& noise = world_->noise;
  const Ms now = world_->now;
  const unsigned loss = routine ? 0 : plan.message_loss;
  const unsigned late = routine ? 0 : plan.message_late;
  const unsigned twice = routine ? 0 : plan.message_duplicate;
  t.lost = noise.chance(loss + bad, Draw::kLoss, now, host, what);
  if (noise.chance(late + bad / 2, Draw::kLate, now, host, what)) {
    t.takes += world_->draw(50, 12'000, Draw::kLateBy, host, what);
  }
  t.twice = noise.chance(twice + bad / 2, Draw::kDuplicate, now, host, what);
  if (t.twice) t.takes_second = world_->draw(1, 15'000, Draw::kLateBy, host, what + 1);
  return t;
}

bool Net::holds(std::size_t host, std::uint64_t what) const {
  return world_->noise.chance(40, Draw::kHold, world_->now, host, what);
}

void Net::send_up(std::uint32_t slot) {
  const std::size_t host = ups_[slot].host;
  const std::uint64_t what = ups_[slot].event.index() + 16 * ups_[slot].tag;
  if (up_wires_[host].cut > 0) {
    if (holds(host, what)) return up_wires_[host].held.push_back(slot);
    return ups_.give(slot);
  }
  const Trip t = trip(host, what, ups_[slot].routine);
  if (t.twice) {
    const std::uint32_t copy = ups_.take();
    ups_[copy] = ups_[slot];
    world_->queue.push(world_->now + t.takes_second, Ev::kUpArrives, host, 0, copy);
  }
  if (t.lost) return ups_.give(slot);
  world_->queue.push(world_->now + t.takes, Ev::kUpArrives, host, 0, slot);
}

void Net::send_down(std::uint32_t slot) {
  const DownMessage& m = downs_[slot];
  const std::size_t host = m.host;
  const std::uint64_t what =
      100 + static_cast<std::uint64_t>(m.kind) + 16 * (m.number + 97 * m.order.op.value);
  const bool order = m.kind == DownKind::kOrder;
  if (down_wires_[host].cut > 0) {
    if (order || holds(host, what)) return down_wires_[host].held.push_back(slot);
    return downs_.give(slot);
  }
  Trip t = trip(host, what, false);
  if (order && t.lost) {  // handed out again
    t.lost = false;
    t.takes += world_->draw(2'000, 6'000, Draw::kLateBy, host, what + 2);
  }
  if (t.twice) {
    const std::uint32_t copy = downs_.take();
    downs_[copy] = downs_[slot];
    world_->queue.push(world_->now + t.takes_second, Ev::kDownArrives, host, 0, copy);
  }
  if (t.lost) return downs_.give(slot);
  world_->queue.push(world_->now + t.takes, Ev::kDownArrives, host, 0, slot);
}

void Net::cut(std::size_t host, bool up, bool down) {
  if (up) ++up_wires_[host].cut;
  if (down) ++down_wires_[host].cut;
}

void Net::mend(std::size_t host, bool up, bool down) {
  if (up && --up_wires_[host].cut == 0) release_held(up_wires_[host], true);
  if (down && --down_wires_[host].cut == 0) release_held(down_wires_[host], false);
}

void Net::release_held(Wire& wire, bool up) {
  std::uint64_t number = 0;
  for (const std::uint32_t slot : wire.held) {
    const std::size_t host = up ? ups_[slot].host : downs_[slot].host;
    const Ms age = world_->active() - (up ? ups_[slot].sent_at : downs_[slot].sent_at);
    const Ms after = world_->draw(1, 1'500, Draw::kHoldBy, host, ++number);
    if (age > kHeldFor) {
      up ? ups_.give(slot) : downs_.give(slot);
    } else {
      world_->queue.push(world_->now + after, up ? Ev::kUpArrives : Ev::kDownArrives, host, 0,
                         slot);
    }
  }
  wire.held.clear();
}

void Net::set_bad(std::size_t host, int by, unsigned percent) {
  bad_[host] += by;
  if (by > 0) bad_percent_[host] = percent;
}

void Net::heal_all() {
  for (std::size_t h = 0; h < up_wires_.size(); ++h) {
    up_wires_[h].cut = down_wires_[h].cut = 0;
    release_held(up_wires_[h], true);
    release_held(down_wires_[h], false);
    bad_[h] = 0;
  }
}

bool Net::all_well(std::size_t host) const {
  return up_wires_[host].cut == 0 && down_wires_[host].cut == 0 && bad_[host] == 0;
}

bool Net::quiet() const {
  for (std::size_t h = 0; h < up_wires_.size(); ++h) {
    if (!all_well(h) || !up_wires_[h].held.empty() || !down_wires_[h].held.empty()) return false;
  }
  return true;
}

}  // namespace mold::sim
