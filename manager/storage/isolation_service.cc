#include "manager/storage/isolation_service.h"

#include <algorithm>
#include <utility>

#include "core/isolation/isolation.h"

namespace mold::manager {
namespace {

constexpr Duration kGrantEnds{100};  // how often a grant under way is looked at

port::CephAnswer refusal(const Error& why) {
  port::CephAnswer answer;
  answer.outcome = core::Outcome::kFailed;
  answer.error = why.kind;
  answer.text = why.what;
  return answer;
}

}  // namespace

IsolationService::IsolationService(runtime::EventLoop& loop, const Engine& engine,
                                   const Inventory& inventory, PoolKeys& keys,
                                   port::CephStorage* ceph, Tell tell, Options options)
    : loop_(loop),
      engine_(engine),
      inventory_(inventory),
      keys_(keys),
      ceph_(ceph),
      tell_(std::move(tell)),
      options_(options),
      timer_(loop),
      waiting_timer_(loop),
      alive_(std::make_shared<bool>(true)) {}

IsolationService::~IsolationService() {
  *alive_ = false;
}

void IsolationService::start() {
  if (ceph_ != nullptr) timer_.start_periodic(options_.look_every, [this] { look(); });
}

// ---- what the brain wants -----------------------------------------------------------------------

void IsolationService::request(const core::RequestIsolation& wanted) {
  if (wanted.verb == core::IsolationVerb::kIsolate)
    return isolate(wanted, loop_.now() + wanted.deadline);
  const auto access = access_for(wanted);
  if (!access) return answer(wanted, refusal(access.error()));
  if (wanted.verb == core::IsolationVerb::kRenew || wanted.verb == core::IsolationVerb::kEvict)
    return ceph_->renew(*access, isolated_user(wanted), wanted.clients, wanted.expiry,
                        wanted.deadline,
                        [this, alive = alive_, wanted](const port::CephAnswer& said) {
                          if (*alive) answer(wanted, said);
                        });
  ceph_->lift(*access, wanted.clients, wanted.deadline,
              [this, alive = alive_, wanted](const port::CephAnswer& said) {
                if (!*alive) return;
                const bool access_too = wanted.verb == core::IsolationVerb::kLift &&
                                        said.outcome == core::Outcome::kConfirmed;
                access_too ? give_back(wanted) : answer(wanted, said);
              });
}

Result<port::CephAccess> IsolationService::access_for(const core::RequestIsolation& wanted) const {
  if (ceph_ == nullptr) return fail(ErrorKind::kUnsupported, "this manager has no access to Ceph");
  const PoolRecord* const pool = inventory_.pools().find(wanted.pool);
  if (pool == nullptr) return fail(ErrorKind::kNotFound, "the pool is not known any more");
  if (wanted.verb == core::IsolationVerb::kIsolate && !pool->cephx)
    return fail(ErrorKind::kUnsupported,
                "its Ceph cluster asks for no keys: nobody can be locked out");
  return keys_.access_to(*pool);
}

// Who must have no access; empty: nobody.
std::string IsolationService::isolated_user(const core::RequestIsolation& wanted) const {
  const HostRecord* const host = inventory_.hosts().find(wanted.host);
  const bool isolated = wanted.verb == core::IsolationVerb::kRenew && host != nullptr;
  return isolated ? PoolKeys::user_of(*host) : std::string{};
}

void IsolationService::isolate(const core::RequestIsolation& wanted, Instant until) {
  const HostRecord* const host = inventory_.hosts().find(wanted.host);
  if (host == nullptr)
    return answer(wanted, refusal({ErrorKind::kNotFound, "the host is not known any more"}));
  const auto access = access_for(wanted);
  if (!access) return answer(wanted, refusal(access.error()));
  const Duration left = until - loop_.now();
  if (keys_.granting(wanted.host) && left > kGrantEnds) {
    waiting_.push_back({wanted, until});
    waiting_timer_.start_after(kGrantEnds, [this] { look_at_waiting(); });
    return;
  }
  if (keys_.granting(wanted.host))
    return answer(wanted, refusal({ErrorKind::kBusy, "access is just being given to the host"}));
  port::IsolationOrder order;
  order.user = PoolKeys::user_of(*host);
  order.clients = wanted.clients;
  order.images = wanted.images;
  order.beat_object = "beat." + host->uuid;
  order.expiry = wanted.expiry;
  ceph_->isolate(*access, order, left,
                 [this, alive = alive_, wanted](const port::IsolationAnswer& said) {
                   if (*alive) answer(wanted, said, said.listed);
                 });
}

void IsolationService::look_at_waiting() {
  for (const Waiting& one : std::exchange(waiting_, {})) isolate(one.wanted, one.until);
}

void IsolationService::give_back(const core::RequestIsolation& wanted) {
  keys_.give_back(wanted.host, wanted.pool,
                  [this, alive = alive_, wanted](const port::CephAnswer& said) {
                    if (*alive) answer(wanted, said);
                  });
}

void IsolationService::answer(const core::RequestIsolation& wanted, const port::CephAnswer& said,
                              std::vector<std::string> listed) {
  core::IsolationAnswered event;
  event.op = wanted.op;
  event.host = wanted.host;
  event.pool = wanted.pool;
  event.vm = wanted.vm;
  event.outcome = said.outcome;
  core::add_clients(event.listed, listed);
  event.text = said.text;
  loop_.post([this, alive = alive_, event = std::move(event)] {
    if (*alive) tell_(event);
  });
}

// ---- who has the disks open ---------------------------------------------------------------------

void IsolationService::look() {
  const auto& vms = engine_.state().vms;
  std::erase_if(seen_, [&vms](const auto& entry) {
    const auto vm = vms.find(entry.first);
    return vm == vms.end() || vm->second.state != core::VmState::kRunning ||
           vm->second.generation != entry.second.generation;
  });
  std::erase_if(turns_, [this](const auto& entry) {
    return !entry.second.reading && !engine_.state().pools.contains(entry.first);
  });
  for (const auto& [id, pool] : engine_.state().pools) {
    if (pool.kind != core::PoolKind::kRbd) continue;
    Turn& turn = turns_[id];
    if (!turn.reading && loop_.now() >= turn.rests_until) read(id, turn);
  }
}

bool IsolationService::is_due(const core::Vm& vm, PoolId pool) const {
  if (vm.state != core::VmState::kRunning) return false;
  const auto seen = seen_.find(vm.id);
  if (seen == seen_.end() || seen->second.generation != vm.generation) return true;
  const auto sight = seen->second.on.find(pool);
  if (sight == seen->second.on.end()) return true;
  // The brain forgets clients together with a generation, or on its own.
  const bool forgotten = vm.clients.empty() && is_complete(vm, seen->second);
  return forgotten || loop_.now() - sight->second.at >= options_.read_again;
}

bool IsolationService::is_complete(const core::Vm& vm, const Seen& seen) const {
  for (const auto& [id, pool] : engine_.state().pools) {
    if (pool.kind == core::PoolKind::kRbd && !core::images_on(vm, pool).empty() &&
        !seen.on.contains(id))
      return false;
  }
  return true;
}

// In a ring, from the one after `last`.
std::vector<IsolationService::Wanted> IsolationService::next_of(const core::Pool& pool,
                                                                VmId last) const {
  std::vector<Wanted> wanted;
  std::size_t count = 0;
  const auto& vms = engine_.state().vms;
  auto at = vms.upper_bound(last);
  for (std::size_t i = 0; i < vms.size(); ++i, ++at) {
    if (at == vms.end()) at = vms.begin();
    const core::Vm& vm = at->second;
    if (!is_due(vm, pool.id)) continue;
    std::vector<std::string> images = core::images_on(vm, pool);
    if (images.empty()) continue;
    if (!wanted.empty() && count + images.size() > options_.images_at_once) break;
    count += images.size();
    wanted.push_back({vm.id, vm.generation, std::move(images)});
  }
  return wanted;
}

void IsolationService::read(PoolId pool, Turn& turn) {
  std::vector<Wanted> wanted = next_of(engine_.state().pools.at(pool), turn.last);
  const PoolRecord* const record = inventory_.pools().find(pool);
  if (wanted.empty() || record == nullptr) return;
  const auto access = keys_.access_to(*record);
  if (!access) return;
  turn.reading = true;
  turn.since = loop_.now();
  turn.last = wanted.back().vm;
  std::vector<std::string> names;
  for (const Wanted& one : wanted) names.insert(names.end(), one.images.begin(), one.images.end());
  ceph_->clients(
      *access, names, options_.read_deadline,
      [this, alive = alive_, pool, wanted = std::move(wanted)](const port::CephClients& said) {
        if (*alive) take(pool, wanted, said);
      });
}

void IsolationService::take(PoolId pool, const std::vector<Wanted>& wanted,
                            const port::CephClients& said) {
  Turn& turn = turns_[pool];
  turn.reading = false;
  if (said.outcome != core::Outcome::kConfirmed) {
    turn.rests_until = loop_.now() + (loop_.now() - turn.since);
    return;
  }
  auto image = said.images.begin();
  for (const Wanted& one : wanted) {
    Sight sight;
    sight.at = loop_.now();
    bool whole = true;
    for (const std::string& name : one.images) {
      whole = whole && image != said.images.end() && image->image == name &&
              image->problem.empty() && !image->clients.empty();
      if (whole) core::add_clients(sight.clients, image->clients);
      if (image != said.images.end()) ++image;
    }
    const auto vm = engine_.state().vms.find(one.vm);
    if (!whole || vm == engine_.state().vms.end() || vm->second.generation != one.generation)
      continue;
    Seen& seen = seen_[one.vm];
    if (seen.generation != one.generation) seen = {one.generation, {}};
    seen.on[pool] = std::move(sight);
    tell_if_complete(vm->second);
  }
}

void IsolationService::tell_if_complete(const core::Vm& vm) {
  const Seen& seen = seen_[vm.id];
  if (!is_complete(vm, seen)) return;
  core::ClientsSeen event{vm.id, vm.generation, {}};
  for (const auto& [pool, sight] : seen.on) core::add_clients(event.clients, sight.clients);
  tell_(event);
}

}  // namespace mold::manager
