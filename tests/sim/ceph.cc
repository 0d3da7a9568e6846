#include "tests/sim/ceph.h"

#include <algorithm>

#include "core/isolation/isolation.h"
#include "tests/sim/cluster.h"
#include "tests/sim/world.h"

namespace mold::sim {
namespace {

using core::IsolationVerb;
using core::Outcome;

}  // namespace

std::string client_name(const Qemu& q, std::size_t index) {
  return "10.0.0." + std::to_string(q.host + 1) + ":0/" + std::to_string(index + 1);
}

void Ceph::begin(World& world) {
  world_ = &world;
  mask_ = world.plan().rbd_pools;
  entries_.clear();
  stripped_.assign(world.hosts.size(), false);
  calls_.reset();
  readings_.reset();
  open_ = 0;
}

void Ceph::expect(std::uint32_t slot, Ms after, bool effect) {
  ++calls_[slot].events;
  world_->queue.push(world_->now + after, effect ? Ev::kCephEffect : Ev::kCephAnswer,
                     calls_[slot].what.host.value - 1, 0, slot);
}

void Ceph::request(const core::RequestIsolation& what, std::uint32_t manager_run) {
  const std::uint32_t slot = calls_.take();
  ++open_;
  Call& c = calls_[slot];
  c.what = what;
  c.manager_run = manager_run;
  c.events = 0;
  c.answer = {};
  c.answer.op = what.op;
  c.answer.host = what.host;
  c.answer.pool = what.pool;
  c.answer.vm = what.vm;
  const std::uint64_t op = what.op.value;
  const Ms takes = world_->draw(30, 900, Draw::kCeph, what.host.value, op);
  c.lag = world_->draw(0, 1'500, Draw::kCephLag, what.host.value, op);
  const auto roll = static_cast<unsigned>(world_->draw(0, 99, Draw::kCephFate, op));
  const unsigned trouble = world_->healed ? 0 : world_->plan().ceph_trouble;
  if (roll < trouble) {  // not reached, or not let in
    c.answer.outcome = Outcome::kFailed;
    return expect(slot, takes, false);
  }
  if (roll < 3 * trouble) {
    c.answer.outcome = Outcome::kUnknown;
    if (roll < 2 * trouble) expect(slot, world_->draw(0, 6'000, Draw::kCephLag, op, 1), true);
    return expect(slot, what.deadline.count(), false);
  }
  c.answer.outcome = Outcome::kConfirmed;
  expect(slot, takes, true);
  expect(slot, takes + c.lag + 1, false);  // the map barrier
}

void Ceph::list(std::size_t host, const std::string& client, Ms from, Ms until) {
  Entry& entry = entries_[client];
  entry.from = entry.until > world_->active() ? std::min(entry.from, from) : from;
  entry.until = until;
  const Ms turns = world_->now + (until - world_->active()) + 1;
  if (turns < world_->plan().end_at) world_->queue.push(turns, Ev::kCephEntry, host);
}

void Ceph::isolate(Call& c) {
  const std::size_t host = c.what.host.value - 1;
  stripped_[host] = true;
  std::vector<std::string> all = c.what.clients;
  const Ms now = world_->active();
  for (std::size_t i = 0; i < world_->disks.qemus.size(); ++i) {
    const Qemu& q = world_->disks.qemus[i];
    if (q.state == QemuState::kDead || (q.pools & mask_) == 0) continue;
    // Whoever watches one of the images that it was given, of whichever host it is.
    const bool asked =
        std::any_of(c.what.images.begin(), c.what.images.end(),
                    [&q](const std::string& image) { return image == vm_name(q.vm.value); });
    const bool watched =
        world_->hosts[q.host].power == Power::kOn && world_->pools.all_reachable(q.host, q.pools);
    if (!asked || !watched) continue;
    core::add_clients(all, {client_name(q, i)});
    if (q.host != host) list(q.host, client_name(q, i), now + c.lag, now + c.what.expiry.count());
  }
  for (const std::string& client : all)
    list(host, client, now + c.lag, now + c.what.expiry.count());
  c.answer.listed = std::move(all);
}

void Ceph::effect(std::uint32_t slot) {
  Call& c = calls_[slot];
  const std::size_t host = c.what.host.value - 1;
  const Ms now = world_->active();
  switch (c.what.verb) {
    case IsolationVerb::kIsolate:
      return isolate(c);
    case IsolationVerb::kRenew:
      for (const std::string& client : c.what.clients)
        list(host, client, now + c.lag, now + c.what.expiry.count());
      return;
    case IsolationVerb::kEvict:
      for (const std::string& client : c.what.clients)
        list(host, client, now + c.lag,
             std::max(now + c.what.expiry.count(), entries_[client].until));
      return;
    case IsolationVerb::kReadmit:
      for (const std::string& client : c.what.clients) entries_.erase(client);
      return entry_turned(host);
    case IsolationVerb::kLift:
      stripped_[host] = false;
      for (const std::string& client : c.what.clients) entries_.erase(client);
      return entry_turned(host);
  }
}

void Ceph::answer(std::uint32_t slot) {
  const Call& c = calls_[slot];
  core::IsolationAnswered told = c.answer;
  // Who timed out knows only sometimes how far it came.
  if (told.outcome == Outcome::kUnknown && world_->draw(0, 1, Draw::kCeph, told.op.value, 1) == 0)
    told.listed.clear();
  world_->manager.isolation_answered(told, c.manager_run);
  if (told.outcome == Outcome::kConfirmed && c.what.verb == IsolationVerb::kIsolate)
    call_operator(c.what.host.value - 1);
}

void Ceph::call_operator(std::size_t host) {
  const Ms after = world_->draw(20'000, 120'000, Draw::kRepair, host, 7);
  world_->queue.push(world_->now + after, Ev::kOperator, host);
}

// Boots a host anew that lives but is cut off from its disks, as its reason asks for.
void Ceph::operator_looks(std::size_t host) {
  if (!world_->manager.up()) return call_operator(host);
  const core::Host& known = world_->manager.state().hosts.at(HostId{host + 1});
  const bool waits = std::any_of(
      known.isolations.begin(), known.isolations.end(),
      [](const core::PoolIsolation& isolation) { return isolation.proven && !isolation.lifting; });
  if (!waits) return;
  if (known.link_up && world_->hosts[host].runs())
    world_->hosts[host].reset("is booted anew by an operator");
  call_operator(host);
}

void Ceph::release(std::uint32_t slot) {
  if (--calls_[slot].events > 0) return;
  --open_;
  calls_.give(slot);
}

void Ceph::entry_turned(std::size_t host) {
  world_->disks.rescan(host);
}

bool Ceph::is_cut_off(const Qemu& q) const {
  if ((q.pools & mask_) == 0 || entries_.empty()) return false;
  const auto index = static_cast<std::size_t>(&q - world_->disks.qemus.data());
  const auto entry = entries_.find(client_name(q, index));
  if (entry == entries_.end()) return false;
  const Ms now = world_->active();
  return now >= entry->second.from && now < entry->second.until;
}

void Ceph::look_at_clients(VmId vm, Ms after) {
  if (mask_ == 0) return;
  const std::uint32_t slot = readings_.take();
  readings_[slot].seen = {};
  readings_[slot].seen.vm = vm;
  world_->queue.push(world_->now + after, Ev::kClientsRead, 0, 0, slot);
}

// The manager asks who has the disks of a VM open that runs; the answer takes its time.
void Ceph::clients_read(std::uint32_t slot) {
  core::ClientsSeen seen = readings_[slot].seen;
  const Ms again = world_->draw(4'000, 12'000, Draw::kClients, seen.vm.value, 2);
  if (!world_->manager.up()) return look_at_clients(seen.vm, again);
  const core::State& state = world_->manager.state();
  const auto vm = state.vms.find(seen.vm);
  if (vm == state.vms.end() || vm->second.state != core::VmState::kRunning) return;
  if (world_->draw(0, 99, Draw::kClients, seen.vm.value) < 10)
    return look_at_clients(seen.vm, again);
  seen.generation = vm->second.generation;
  for (std::size_t i = 0; i < world_->disks.qemus.size(); ++i) {
    const Qemu& q = world_->disks.qemus[i];
    if (q.vm != seen.vm || q.state == QemuState::kDead) continue;
    const SimHost& h = world_->hosts[q.host];
    if (h.power == Power::kOn && world_->pools.all_reachable(q.host, q.pools))
      core::add_clients(seen.clients, {client_name(q, i)});
  }
  if (seen.clients.empty()) return look_at_clients(seen.vm, again);
  const std::uint32_t told = readings_.take();
  readings_[told].seen = seen;
  world_->queue.push(world_->now + world_->draw(20, 2'000, Draw::kClients, seen.vm.value, 1),
                     Ev::kClientsTold, 0, world_->manager.run(), told);
}

void Ceph::clients_told(std::uint32_t slot) {
  world_->manager.person(readings_[slot].seen);
}

}  // namespace mold::sim
