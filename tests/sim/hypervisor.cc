#include "tests/sim/hypervisor.h"

#include "lib/base/check.h"
#include "tests/sim/world.h"

namespace mold::sim {
namespace {

using Verb = core::HypervisorVerb;
constexpr Ms kCallTimeout = 45'000;  // libvirt's keepalive and the agent's own deadline
constexpr Ms kPoll = 250;

bool touches_storage(Verb verb) {
  return verb == Verb::kCreatePaused || verb == Verb::kCreateDisk || verb == Verb::kDeleteDisk;
}

}  // namespace

void Hypervisor::begin(World& world) {
  world_ = &world;
  calls_.reset();
  open_ = 0;
  trouble_.assign(world.hosts.size(), 0);
}

Hypervisor::Fate Hypervisor::fate(const LibvirtCall& c, std::uint32_t slot) const {
  const Plan& plan = world_->plan();
  const bool trouble = trouble_[c.host] > 0;
  if (world_->healed) return Fate::kWorks;
  const unsigned fails = trouble ? 30 : plan.call_fails;
  const unsigned unknown = trouble ? 40 : plan.call_unknown;
  const Ms roll = world_->draw(0, 99, Draw::kCall, c.what.vm.value, slot);
  if (roll < static_cast<Ms>(fails)) return Fate::kFails;
  if (roll >= static_cast<Ms>(fails + unknown)) return Fate::kWorks;
  const bool lands =
      world_->noise.chance(70, Draw::kCallEffect, world_->now, c.what.vm.value, slot);
  return lands ? Fate::kUnknown : Fate::kUnknownAndNothing;
}

void Hypervisor::call(std::size_t host, std::uint32_t agent_run, const core::Hypervise& what) {
  const std::uint32_t slot = calls_.take();
  LibvirtCall& c = calls_[slot];
  ++open_;
  c.what = what;
  c.host = host;
  c.boot = world_->hosts[host].boot;
  c.agent_run = agent_run;
  c.pools = 0;
  for (const core::Disk& d : what.spec.disks) c.pools |= 1U << (d.pool.value - 1);
  c.began = world_->active();
  c.answered = false;
  c.events = 0;
  const bool slow = what.verb == Verb::kCreatePaused;
  const std::uint64_t vm = what.vm.value;
  Ms takes = world_->draw(slow ? 40 : 3, slow ? 2'500 : 60, Draw::kCallTime, vm, slot);
  if (slow && world_->noise.chance(world_->plan().slow_starts, Draw::kGuest, world_->now, vm)) {
    takes += world_->draw(1'000, 14'000, Draw::kGuest, vm, 1);
  }
  const Ms gives_up = world_->draw(500, 4'000, Draw::kLate, vm, slot);
  switch (fate(c, slot)) {
    case Fate::kWorks:
      expect(slot, Ev::kCallEffect, takes);
      break;
    case Fate::kFails:
      reply(slot, core::Outcome::kFailed, takes);
      break;
    case Fate::kUnknown:
      reply(slot, core::Outcome::kUnknown, gives_up);
      expect(slot, Ev::kCallEffect, world_->draw(0, 6'000, Draw::kCallEffect, what.vm.value, slot));
      break;
    case Fate::kUnknownAndNothing:
      reply(slot, core::Outcome::kUnknown, gives_up);
      break;
  }
}

void Hypervisor::reply(std::uint32_t slot, core::Outcome outcome, Ms after) {
  LibvirtCall& c = calls_[slot];
  if (c.answered) return;
  c.answered = true;
  c.answer = {};
  c.answer.call = c.what.call;
  c.answer.outcome = outcome;
  c.answer.error = outcome == core::Outcome::kUnknown ? ErrorKind::kUnknown : ErrorKind::kInternal;
  expect(slot, Ev::kCallAnswer, after);
}

// True while the call must wait for hung storage, or has failed on storage that is gone.
bool Hypervisor::storage_in_the_way(std::uint32_t slot) {
  LibvirtCall& c = calls_[slot];
  if (!touches_storage(c.what.verb)) return false;
  if (world_->pools.any_hung(c.host, c.pools)) {
    if (world_->active() - c.began > kCallTimeout) reply(slot, core::Outcome::kUnknown, 1);
    expect(slot, Ev::kCallEffect, kPoll);
    return true;
  }
  if (!world_->pools.all_reachable(c.host, c.pools)) {
    reply(slot, core::Outcome::kFailed, 5);
    return true;
  }
  return false;
}

void Hypervisor::effect(std::uint32_t slot) {
  if (storage_in_the_way(slot)) return;
  // A kill waits for the process; all else is done at once.
  if (calls_[slot].what.verb == Verb::kDestroy) {
    destroy(slot);
  } else {
    carry_out(slot);
  }
}

// As the adapter does: a call is for one generation and touches no other of the same name.
Qemu* Hypervisor::exactly(const LibvirtCall& c) const {
  Qemu* q = world_->disks.find(c.host, c.what.vm);
  return q != nullptr && q->generation == c.what.generation ? q : nullptr;
}

void Hypervisor::carry_out(std::uint32_t slot) {
  LibvirtCall& c = calls_[slot];
  Qemu* q = exactly(c);
  switch (c.what.verb) {
    case Verb::kCreatePaused:
      create(slot);
      return;
    case Verb::kCreateDisk:
    case Verb::kDeleteDisk:
    case Verb::kDestroy:
      break;
    case Verb::kResume:
      if (q == nullptr || q->kill_sent) return reply(slot, core::Outcome::kFailed, 2);
      q->state = QemuState::kRunning;
      world_->tell_qemu(*q, "resumed");
      world_->domain_event(*q);
      world_->disks.now_able(*q);
      break;
    case Verb::kReboot:
    case Verb::kReset:
      if (q == nullptr) return reply(slot, core::Outcome::kFailed, 2);
      break;
    case Verb::kShutdown: {
      if (q == nullptr) return reply(slot, core::Outcome::kFailed, 2);
      const unsigned deaf = world_->healed ? 0 : world_->plan().guest_ignores_acpi;
      if (!world_->noise.chance(deaf, Draw::kGuest, world_->now, c.what.vm.value)) {
        const auto index = static_cast<std::uint32_t>(q - world_->disks.qemus.data());
        world_->queue.push(
            world_->now + world_->draw(300, 12'000, Draw::kGuest, c.what.vm.value, 1),
            Ev::kQemuDies, c.host, c.boot, index);
      }
      break;
    }
  }
  reply(slot, core::Outcome::kConfirmed, 2);
}

void Hypervisor::create(std::uint32_t slot) {
  LibvirtCall& c = calls_[slot];
  if (world_->disks.find(c.host, c.what.vm) != nullptr) {
    return reply(slot, core::Outcome::kFailed, 2);  // a domain of that name exists
  }
  // A handle that was open when access was taken away goes on: the image is opened with it later.
  if (!world_->ceph.lets_in(c.host, c.pools) &&
      !world_->noise.chance(20, Draw::kCeph, world_->now, c.what.vm.value, slot)) {
    return reply(slot, core::Outcome::kFailed, 2);
  }
  Qemu q;
  q.vm = c.what.vm;
  q.generation = c.what.generation;
  q.host = static_cast<std::uint16_t>(c.host);
  q.state = QemuState::kPaused;
  q.pools = c.pools;
  world_->disks.start(q);
  world_->tell_qemu(q, "created, paused");
  world_->domain_event(q);
  reply(slot, core::Outcome::kConfirmed, 2);
}

void Hypervisor::destroy(std::uint32_t slot) {
  LibvirtCall& c = calls_[slot];
  Qemu* q = exactly(c);
  if (q == nullptr) return reply(slot, core::Outcome::kConfirmed, 2);
  kill(*q, static_cast<std::uint32_t>(q - world_->disks.qemus.data()));
  if (world_->active() - c.began > kCallTimeout) {
    // "failed to terminate process: device or resource busy"
    return reply(slot, core::Outcome::kUnknown, 2);
  }
  expect(slot, Ev::kCallEffect, 50);
}

void Hypervisor::answer(std::uint32_t slot) {
  LibvirtCall& c = calls_[slot];
  SimHost& host = world_->hosts[c.host];
  const bool this_one = c.what.verb == Verb::kDestroy;
  c.answer.exists = (this_one ? exactly(c) : world_->disks.find(c.host, c.what.vm)) != nullptr;
  if (c.answer.outcome == core::Outcome::kUnknown) {
    // Whoever could not finish the call cannot tell this either; "no" is the dangerous guess.
    c.answer.exists = world_->noise.chance(50, Draw::kExists, world_->now, c.what.vm.value, slot);
  }
  if (host.agent.up() && host.agent.run() == c.agent_run) {
    host.agent.call_answered(c.answer, c.what.vm);
  }
}

void Hypervisor::expect(std::uint32_t slot, Ev kind, Ms after) {
  LibvirtCall& c = calls_[slot];
  ++c.events;
  world_->queue.push(world_->now + after, kind, c.host, c.boot, slot);
}

// An event of this call was handled or dropped; with its last one the call is over.
void Hypervisor::release(std::uint32_t slot) {
  if (--calls_[slot].events > 0) return;
  --open_;
  calls_.give(slot);
}

void Hypervisor::kill(Qemu& q, std::uint32_t index) {
  if (q.kill_sent || q.state == QemuState::kDead) return;
  q.kill_sent = true;
  world_->queue.push(world_->now + world_->draw(3, 250, Draw::kKill, q.vm.value, q.host),
                     Ev::kQemuDies, q.host, world_->hosts[q.host].boot, index);
}

void Hypervisor::qemu_dies(std::uint32_t index) {
  Qemu& q = world_->disks.qemus[index];
  if (q.state == QemuState::kDead) return;
  if (world_->pools.any_hung(q.host, q.pools)) {
    if (q.kill_sent) q.in_d_state = true;  // gone when the storage is back, not before
    return;
  }
  ended(q, q.by_ladder   ? core::GoneReason::kSelfFenced
           : q.kill_sent ? core::GoneReason::kKilled
                         : core::GoneReason::kShutdown);
}

void Hypervisor::ended(Qemu& q, core::GoneReason reason) {
  q.state = QemuState::kDead;
  world_->tell_qemu(q, "ended");
  world_->domain_event(q, reason);
}

}  // namespace mold::sim
