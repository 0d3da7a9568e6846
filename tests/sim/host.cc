#include "tests/sim/host.h"

#include "tests/sim/world.h"

namespace mold::sim {

void SimHost::begin(World& world, std::size_t index) {
  world_ = &world;
  index_ = index;
  power = Power::kOff;
  frozen = false;
  boot = times_off = 0;
  no_electricity = 0;
  hands_off_until = last_domain_event = 0;
  offset_ = world.plan().hosts[index].clock_offset;
  ppm_ = world.plan().hosts[index].clock_ppm;
  lost_ = stun_began_ = 0;
  freezes_ = stuns_ = 0;
  deferred_.clear();
  heartbeat.begin(world, index);
  agent.begin(world, index);
}

Instant SimHost::local() const {
  Ms seen = world_->active() - lost_;
  if (stuns_ > 0) seen -= world_->active() - stun_began_;
  return Instant{offset_ + seen + seen * ppm_ / 1'000'000};
}

BootId SimHost::boot_id() const {
  return "b" + std::to_string(index_ + 1) + "-" + std::to_string(boot);
}

void SimHost::boot_at_once() {
  ++boot;
  power = Power::kOn;
  heartbeat.start(true);
  world_->queue.push(world_->now + world_->draw(50, 1500, Draw::kStart, index_), Ev::kAgentUp,
                     index_, agent.run());
}

void SimHost::power_on() {
  if (power != Power::kOff || no_electricity > 0) return;
  start_booting();
}

void SimHost::start_booting() {
  power = Power::kBooting;
  world_->queue.push(world_->now + world_->draw(15'000, 60'000, Draw::kBoot, index_), Ev::kBoot,
                     index_, ++boot);
}

void SimHost::booted() {
  power = Power::kOn;
  // A new boot, a new clock: its readings have nothing to do with those of the last one.
  offset_ = world_->draw(1'000, 1'000'000'000, Draw::kBoot, index_, 1);
  lost_ = 0;
  world_->tell_host(index_, "is up, boot " + std::to_string(boot));
  world_->queue.push(world_->now + world_->draw(200, 2'000, Draw::kStart, index_, 2),
                     Ev::kHeartbeatUp, index_, heartbeat.run());
  world_->queue.push(world_->now + world_->draw(200, 4'000, Draw::kStart, index_), Ev::kAgentUp,
                     index_, agent.run());
}

void SimHost::die(const char* why) {
  world_->tell_host(index_, why);
  world_->story.step(world_->now, 20, index_, boot);
  for (Qemu& q : world_->disks.qemus) {
    if (q.host == index_) q.state = QemuState::kDead;
  }
  ++boot;
  frozen = false;
  freezes_ = stuns_ = 0;
  for (const SimEvent& e : deferred_) world_->drop(e);
  deferred_.clear();
  heartbeat.host_died();
  agent.host_died();
}

void SimHost::power_off(const char* why) {
  if (power == Power::kOff) return;
  die(why);
  power = Power::kOff;
  ++times_off;
  world_->queue.push(
      world_->now + world_->plan().repair_after + world_->draw(0, 20'000, Draw::kRepair, index_),
      Ev::kRepair, index_, times_off);
}

void SimHost::reset(const char* why) {
  if (power == Power::kOff) return;
  die(why);
  start_booting();
}

void SimHost::freeze(bool clock_stops) {
  if (clock_stops && stuns_++ == 0) stun_began_ = world_->active();
  if (!clock_stops) ++freezes_;
  frozen = true;
}

void SimHost::thaw(bool clock_stops) {
  if (clock_stops && --stuns_ == 0) lost_ += world_->active() - stun_began_;
  if (!clock_stops) --freezes_;
  if (freezes_ + stuns_ == 0) runs_again();
}

void SimHost::thaw_for_good() {
  if (!frozen) return;
  if (stuns_ > 0) lost_ += world_->active() - stun_began_;
  freezes_ = stuns_ = 0;
  runs_again();
}

void SimHost::runs_again() {
  frozen = false;
  for (const SimEvent& e : deferred_) world_->queue.push(world_->now, e.kind, e.host, e.a, e.b);
  deferred_.clear();
  world_->storage_returned(index_);
  world_->disks.rescan(index_);
}

}  // namespace mold::sim
