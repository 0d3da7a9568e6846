#include "tests/sim/bmc.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace mold::sim {
namespace {

using core::Outcome;
using core::PowerVerb;

}  // namespace

void Bmcs::begin(World& world) {
  world_ = &world;
  calls_.reset();
  open_ = 0;
  echoes_.clear();
  faults_.assign(world.hosts.size(), {});
}

void Bmcs::expect(std::uint32_t slot, Ms after, bool effect) {
  ++calls_[slot].events;
  world_->queue.push(world_->now + after, effect ? Ev::kBmcEffect : Ev::kBmcAnswer,
                     calls_[slot].what.host.value - 1, 0, slot);
}

void Bmcs::reply(std::uint32_t slot, Ms after, Outcome outcome, bool read_back) {
  PowerCall& c = calls_[slot];
  c.answer.op = c.what.op;
  c.answer.host = c.what.host;
  c.answer.verb = c.what.verb;
  c.answer.device = c.what.device;
  c.answer.outcome = outcome;
  c.answer.state = core::PowerState::kUnknown;
  c.read_back = read_back;
  expect(slot, after, false);
  // Delivery is at least once, as everywhere.
  const Plan& plan = world_->plan();
  if (!world_->healed && world_->noise.chance(10 * plan.message_duplicate, Draw::kDuplicate,
                                              world_->now, c.what.host.value, c.what.op.value)) {
    expect(slot, after + world_->draw(100, 150'000, Draw::kLateBy, c.what.op.value), false);
  }
}

void Bmcs::request(const core::RequestPower& what, std::uint32_t manager_run) {
  const std::size_t host = what.host.value - 1;
  const std::uint32_t slot = calls_.take();
  ++open_;
  PowerCall& c = calls_[slot];
  c.what = what;
  c.manager_run = manager_run;
  c.events = 0;
  c.answer = {};
  if (what.device) return ask_outlet(slot);
  if (refused(slot, host)) return;
  const SimHost& h = world_->hosts[host];
  const bool already = (what.verb == PowerVerb::kOff && h.power == Power::kOff) ||
                       (what.verb == PowerVerb::kOn && h.power != Power::kOff);
  if (what.verb == PowerVerb::kStatus || already) {
    const bool slow = faults_[host].slow > 0;
    return reply(
        slot,
        world_->draw(slow ? 1'000 : 30, slow ? 6'000 : 900, Draw::kBmcTime, host, what.op.value),
        Outcome::kConfirmed, true);
  }
  act(slot, host);
}

// A switched outlet: plain, but it may not answer.
void Bmcs::ask_outlet(std::uint32_t slot) {
  const core::RequestPower& what = calls_[slot].what;
  const std::size_t host = what.host.value - 1;
  const Ms takes = world_->draw(100, 2'500, Draw::kBmcTime, host, what.op.value);
  if (world_->feeds.dead(what.device)) {
    const bool refuses = world_->draw(0, 9, Draw::kBmc, host, what.op.value) < 5;
    return reply(slot, refuses ? 200 : std::max<Ms>(1'000, what.deadline.count()),
                 refuses ? Outcome::kFailed : Outcome::kUnknown, false);
  }
  if (what.verb == PowerVerb::kOff) expect(slot, takes, true);
  reply(slot, takes + 100, Outcome::kConfirmed, true);
}

// Unreachable or not let in: true if the request ends there.
bool Bmcs::refused(std::uint32_t slot, std::size_t host) {
  const BmcFaults& f = faults_[host];
  const PowerCall& c = calls_[slot];
  const Ms deadline = std::max<Ms>(1'000, c.what.deadline.count());
  if (f.dead > 0 || world_->feeds.all_off(host)) {
    // Nothing listens (certainly not carried out), or nothing answers (who knows).
    const bool refuses = world_->draw(0, 9, Draw::kBmc, host, c.what.op.value) < 3;
    reply(slot, refuses ? 200 : deadline, refuses ? Outcome::kFailed : Outcome::kUnknown, false);
    return true;
  }
  if (f.password > 0) {
    reply(slot, 500, Outcome::kFailed, false);
    return true;
  }
  if (f.lying > 0 && c.what.verb != PowerVerb::kStatus) {
    // A driver that trusts the return code says "confirmed"; the state read back says otherwise.
    const Ms roll = world_->draw(0, 3, Draw::kBmc, host, c.what.op.value);
    const Outcome outcome = roll <= 1   ? Outcome::kConfirmed
                            : roll == 2 ? Outcome::kFailed
                                        : Outcome::kUnknown;
    reply(slot, roll <= 1 ? 700 : deadline, outcome, true);
    return true;
  }
  return false;
}

void Bmcs::act(std::uint32_t slot, std::size_t host) {
  const BmcFaults& f = faults_[host];
  PowerCall& c = calls_[slot];
  const std::uint64_t op = c.what.op.value;
  const Ms deadline = std::max<Ms>(1'000, c.what.deadline.count());
  Ms takes = f.slow > 0 ? world_->draw(2'000, 25'000, Draw::kBmcTime, host, op)
                        : world_->draw(100, 2'500, Draw::kBmcTime, host, op);
  if (c.what.verb == PowerVerb::kSoft) takes += world_->draw(2'000, 15'000, Draw::kGuest, host, op);
  expect(slot, takes, true);
  if (f.lost_answer > 0) {
    reply(slot, deadline, Outcome::kUnknown, false);
  } else if (f.false_failure > 0) {
    reply(slot, takes + 100, Outcome::kFailed, false);
  } else if (takes + 100 > deadline) {
    reply(slot, deadline, Outcome::kUnknown, world_->draw(0, 1, Draw::kBmc, host, op) == 0);
  } else {
    reply(slot, takes + 100, Outcome::kConfirmed, true);
  }
}

void Bmcs::effect(std::uint32_t slot) {
  const core::RequestPower& what = calls_[slot].what;
  if (what.device) return world_->feeds.switch_off(what.device);
  SimHost& host = world_->hosts[what.host.value - 1];
  if (world_->feeds.all_off(what.host.value - 1)) return;
  switch (what.verb) {
    case PowerVerb::kStatus:
      break;
    case PowerVerb::kOff:
    case PowerVerb::kSoft:
      host.power_off("is switched off by its BMC");
      break;
    case PowerVerb::kOn:
      host.power_on();
      break;
    case PowerVerb::kReset:
    case PowerVerb::kCycle:
      host.reset("is reset by its BMC");
      break;
  }
}

void Bmcs::answer(std::uint32_t slot) {
  PowerCall& c = calls_[slot];
  core::PowerAnswered& a = c.answer;
  if (c.read_back) {
    const bool off = c.what.device ? world_->feeds.read_off(c.what.device)
                                   : world_->hosts[c.what.host.value - 1].power == Power::kOff;
    a.state = off ? core::PowerState::kOff : core::PowerState::kOn;
  }
  if (faults_[c.what.host.value - 1].echo > 0) echoes_.push_back({a, c.manager_run});
  c.read_back = false;  // a repeated answer is the old answer
  world_->manager.power_answered(a, c.manager_run);
}

void Bmcs::echo(std::size_t host, bool begins) {
  faults_[host].echo += begins ? 1 : -1;
  if (begins) return;
  for (const Echo& e : echoes_) {
    if (e.answer.host.value == host + 1) world_->manager.power_answered(e.answer, e.manager_run);
  }
}

void Bmcs::release(std::uint32_t slot) {
  if (--calls_[slot].events > 0) return;
  --open_;
  calls_.give(slot);
}

}  // namespace mold::sim
