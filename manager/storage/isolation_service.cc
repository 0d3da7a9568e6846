#include "manager/storage/isolation_service.h"

#include <algorithm>
#include <utility>

#include "core/isolation/isolation.h"

namespace mold::manager {
namespace {

constexpr Duration kGrantEnds{100};  // how often a grant under way is looked at

port::CephAnswer refusal(const std::string& why) {
  port::CephAnswer answer;
  answer.outcome = core::Outcome::kFailed;
  answer.error = ErrorKind::kUnsupported;
  answer.text = why;
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
  const PoolRecord* const pool = inventory_.pools().find(wanted.pool);
  if (ceph_ == nullptr) return answer(wanted, refusal("this manager has no access to Ceph"));
  if (pool == nullptr) return answer(wanted, refusal("the pool is not known any more"));
  const auto access = keys_.access_to(*pool);
  if (!access) return answer(wanted, refusal(access.error().text()));
  const bool locks_out = wanted.verb == core::IsolationVerb::kIsolate;
  if (locks_out && !pool->cephx)
    return answer(wanted, refusal("its Ceph cluster asks for no keys: nobody can be locked out"));
  switch (wanted.verb) {
    case core::IsolationVerb::kIsolate:
      return isolate(wanted, loop_.now() + wanted.deadline);
    case core::IsolationVerb::kRenew:
    case core::IsolationVerb::kEvict:
      return ceph_->renew(*access, wanted.clients, wanted.expiry, wanted.deadline,
                          [this, alive = alive_, wanted](const port::CephAnswer& said) {
                            if (*alive) answer(wanted, said);
                          });
    case core::IsolationVerb::kLift:
      return ceph_->lift(*access, wanted.clients, wanted.deadline,
                         [this, alive = alive_, wanted](const port::CephAnswer& said) {
                           if (!*alive) return;
                           if (said.outcome != core::Outcome::kConfirmed)
                             return answer(wanted, said);
                           give_back(wanted);
                         });
    case core::IsolationVerb::kReadmit:
      return ceph_->lift(*access, wanted.clients, wanted.deadline,
                         [this, alive = alive_, wanted](const port::CephAnswer& said) {
                           if (*alive) answer(wanted, said);
                         });
  }
}

void IsolationService::isolate(const core::RequestIsolation& wanted, Instant until) {
  const HostRecord* const host = inventory_.hosts().find(wanted.host);
  const PoolRecord* const pool = inventory_.pools().find(wanted.pool);
  if (host == nullptr || pool == nullptr)
    return answer(wanted, refusal("the host or the pool is not known any more"));
  const Duration left = until - loop_.now();
  if (keys_.granting(wanted.host) && left > kGrantEnds) {
    waiting_.push_back({wanted, until});
    waiting_timer_.start_after(kGrantEnds, [this] { look_at_waiting(); });
    return;
  }
  if (keys_.granting(wanted.host))
    return answer(wanted, refusal("access is just being given to the host"));
  const auto access = keys_.access_to(*pool);
  if (!access) return answer(wanted, refusal(access.error().text()));
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
  std::erase_if(read_at_, [this](const auto& entry) {
    return engine_.state().vms.find(entry.first) == engine_.state().vms.end();
  });
  if (reading_) return;
  const auto round = std::make_shared<Round>();
  std::map<PoolId, std::vector<std::pair<VmId, std::string>>> images;
  std::size_t count = 0;
  for (const auto& [id, vm] : engine_.state().vms) {
    if (vm.state != core::VmState::kRunning || count >= options_.images_at_once) continue;
    const auto read = read_at_.find(id);
    const bool known =
        !vm.clients.empty() && read != read_at_.end() && read->second.first == vm.generation;
    if (known && loop_.now() - read->second.second < options_.read_again) continue;
    for (const auto& [pool_id, pool] : engine_.state().pools) {
      if (pool.kind != core::PoolKind::kRbd) continue;
      for (std::string& image : core::images_on(vm, pool)) {
        round->vms[id] = vm.generation;
        images[pool_id].emplace_back(id, std::move(image));
        ++count;
      }
    }
  }
  if (images.empty()) return;
  reading_ = true;
  round->waits_for = images.size();
  for (auto& [pool_id, of_pool] : images) {
    const PoolRecord* const pool = inventory_.pools().find(pool_id);
    if (pool != nullptr) {
      read(round, *pool, std::move(of_pool));
      continue;
    }
    for (const auto& [vm, image] : of_pool) round->incomplete.insert(vm);
    --round->waits_for;
  }
  if (round->waits_for == 0) end(*round);
}

void IsolationService::read(const std::shared_ptr<Round>& round, const PoolRecord& pool,
                            std::vector<std::pair<VmId, std::string>> images) {
  const auto access = keys_.access_to(pool);
  if (!access) {
    for (const auto& [vm, image] : images) round->incomplete.insert(vm);
    --round->waits_for;
    return;
  }
  std::vector<std::string> names;
  names.reserve(images.size());
  for (const auto& [vm, image] : images) names.push_back(image);
  ceph_->clients(
      *access, names, options_.read_deadline,
      [this, alive = alive_, round, images = std::move(images)](const port::CephClients& said) {
        if (!*alive) return;
        for (std::size_t i = 0; i < images.size(); ++i) {
          const bool seen = said.outcome == core::Outcome::kConfirmed && i < said.images.size() &&
                            said.images[i].image == images[i].second &&
                            !said.images[i].clients.empty();
          const VmId vm = images[i].first;
          if (seen) {
            core::add_clients(round->clients[vm], said.images[i].clients);
          } else {
            round->incomplete.insert(vm);
          }
        }
        if (--round->waits_for == 0) end(*round);
      });
}

void IsolationService::end(const Round& round) {
  reading_ = false;
  for (const auto& [vm, generation] : round.vms) {
    if (round.incomplete.contains(vm)) continue;
    const auto seen = round.clients.find(vm);
    if (seen == round.clients.end()) continue;
    read_at_[vm] = {generation, loop_.now()};
    tell_(core::ClientsSeen{vm, generation, seen->second});
  }
}

}  // namespace mold::manager
