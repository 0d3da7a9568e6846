#include "manager/storage/pool_keys.h"

#include <algorithm>

#include "lib/runtime/journal_log.h"
#include "manager/storage/pool_kind.h"

namespace mold::manager {
namespace {

std::vector<std::string> ceph_pools(const std::vector<const PoolRecord*>& pools) {
  std::vector<std::string> names;
  for (const PoolRecord* const pool : pools) names.push_back(ceph_pool_of(*pool));
  std::sort(names.begin(), names.end());
  return names;
}

LeavingUsers::Options removal_of(const PoolKeys::Options& options) {
  LeavingUsers::Options made;
  made.deadline = options.deadline;
  made.pauses = {options.retry_first, options.retry_last};
  return made;
}

port::CephAnswer not_given(ErrorKind kind, std::string text) {
  return {core::Outcome::kFailed, kind, std::move(text)};
}

}  // namespace

std::string PoolKeys::user_of(const HostRecord& host) {
  return "mold-host-" + host.uuid;
}

PoolKeys::PoolKeys(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                   const SecretBox& box, port::CephStorage* ceph, std::vector<PoolKeyRecord> known,
                   Options options)
    : loop_(loop),
      engine_(engine),
      inventory_(inventory),
      box_(box),
      ceph_(ceph),
      options_(std::move(options)),
      leaving_(
          loop, engine, inventory, ceph, [this](const PoolRecord& pool) { return access_to(pool); },
          removal_of(options_)),
      timer_(loop),
      alive_(std::make_shared<bool>(true)) {
  for (PoolKeyRecord& record : known) {
    const Place place{record.host, record.fsid};
    records_.insert_or_assign(place, std::move(record));
  }
}

PoolKeys::~PoolKeys() {
  *alive_ = false;
}

void PoolKeys::start() {
  timer_.start_periodic(options_.look_every, [this] { look(); });
  look();
}

std::string PoolKeys::taken(HostId host, PoolId pool) const {
  return options_.taken ? options_.taken(host, pool) : std::string{};
}

std::map<std::string, PoolKeys::Pools> PoolKeys::wanted(const HostRecord& host) const {
  std::map<std::string, Pools> by_cluster;
  for (const PoolRecord* const pool : inventory_.pools_of(host.cluster)) {
    if (asks_for_keys(*pool)) by_cluster[pool->ceph_fsid].push_back(pool);
  }
  return by_cluster;
}

void PoolKeys::look() {
  if (!engine_.admits()) return;  // a key that cannot be kept is not asked for
  std::erase_if(may_land_, [this](const auto& entry) { return loop_.now() >= entry.second; });
  let_go_of_the_gone();
  for (const auto& [id, host] : inventory_.hosts().all()) {
    if (!is_live(host)) continue;
    for (const auto& [fsid, pools] : wanted(host)) look_at(host, fsid, pools);
  }
  leaving_.look();
}

// Hosts and Ceph clusters that are not ours any more. A grant that is under way ends first: it
// would make the user anew.
void PoolKeys::let_go_of_the_gone() {
  for (auto it = records_.begin(); it != records_.end();) {
    const auto& [host_id, fsid] = it->first;
    const HostRecord* const host = inventory_.hosts().find_live(host_id);
    const auto slot = slots_.find(it->first);
    if ((host != nullptr && wanted(*host).contains(fsid)) || under_way(it->first)) {
      ++it;
      continue;
    }
    if (slot != slots_.end()) slots_.erase(slot);
    leaving_.add(std::move(it->second));
    it = records_.erase(it);
  }
}

// What was let go of is needed again. Whether the user is still there only a grant can tell.
bool PoolKeys::take_back(const Place& place) {
  auto record = leaving_.take_back(place);
  if (!record) return !leaving_.holds(place);
  record->sealed_key.clear();
  record->pools.clear();
  record->way = {};
  engine_.put(*record);
  records_.insert_or_assign(place, std::move(*record));
  return true;
}

void PoolKeys::before_removal(const PoolRecord& pool) {
  if (!asks_for_keys(pool)) return;
  for (const auto& [id, other] : inventory_.pools().all()) {
    if (id != pool.id && asks_for_keys(other) && other.ceph_fsid == pool.ceph_fsid) return;
  }
  leaving_.keep_way(pool);
  for (auto& [place, record] : records_) {
    if (place.second != pool.ceph_fsid) continue;
    record.way = ceph_way_of(pool);
    engine_.put(record);
  }
}

void PoolKeys::look_at(const HostRecord& host, const std::string& fsid, const Pools& pools) {
  std::vector<std::string> names = ceph_pools(pools);
  const Place place{host.id, fsid};
  const auto known = records_.find(place);
  if (known != records_.end() && known->second.pools == names) return;
  Retry& slot = slots_[place];
  if (under_way(place)) return;
  if (!take_back(place)) {
    slot.text = "its user of before is just being removed";
    return;
  }
  for (const PoolRecord* const pool : pools) {
    if (std::string why = taken(host.id, pool->id); !why.empty()) {
      slot.text = std::move(why);
      return;
    }
  }
  if (ceph_ == nullptr) {
    slot.text = "this manager cannot talk to Ceph";
    return;
  }
  if (loop_.now() < slot.next_try || busy_ >= options_.parallel) return;
  ask(host, fsid, pools, std::move(names), {});
}

// `through` are the pools whose user may ask: another one with each try.
void PoolKeys::ask(const HostRecord& host, const std::string& fsid, const Pools& through,
                   std::vector<std::string> names, Given done) {
  const Place place{host.id, fsid};
  Retry& slot = slots_[place];
  const PoolRecord& pool = *through[static_cast<std::size_t>(slot.tries) % through.size()];
  const Result<port::CephAccess> access = access_to(pool);
  if (!access) {
    put_off(slot, access.error().what);
    if (done) answer_later(std::move(done), not_given(access.error().kind, access.error().what));
    return;
  }
  slot.busy = true;
  ++busy_;
  Asked asked{place, PoolKeys::user_of(host), std::move(names), std::move(done)};
  if (records_.contains(place)) return grant(*access, asked);
  // Whatever comes of it, the user may be there from now on.
  PoolKeyRecord record;
  record.host = place.first;
  record.fsid = place.second;
  record.user = asked.user;
  record.granted = loop_.wall();
  engine_.put(record);
  records_.insert_or_assign(place, std::move(record));
  engine_.when_durable(
      [this, alive = alive_, access = *access, asked = std::move(asked)](const Status& kept) {
        if (!*alive) return;
        if (!kept) return not_kept(asked, kept.error().what);
        grant(access, asked);
      });
}

void PoolKeys::not_kept(const Asked& asked, const std::string& why) {
  --busy_;
  Retry& slot = slots_[asked.place];
  slot.busy = false;
  put_off(slot, "not asked for: " + why);
  if (asked.done) asked.done(not_given(ErrorKind::kUnavailable, slot.text));
}

void PoolKeys::grant(const port::CephAccess& access, Asked asked) {
  asked.until = loop_.now() + options_.deadline;
  ceph_->grant(access, asked.user, asked.names, options_.deadline,
               [this, alive = alive_, asked](const port::CephStorage::Key& answer) {
                 if (!*alive) return;
                 --busy_;
                 if (answer.outcome == core::Outcome::kUnknown)
                   may_land_[asked.place] = asked.until;
                 take(asked.place, asked.names, answer);
                 if (asked.done) asked.done(answer);
               });
}

void PoolKeys::take(const Place& place, const std::vector<std::string>& names,
                    const port::CephStorage::Key& answer) {
  Retry& slot = slots_[place];
  slot.busy = false;
  const HostRecord* const host = inventory_.hosts().find_live(place.first);
  if (host == nullptr) return;
  if (answer.outcome != core::Outcome::kConfirmed || answer.key.empty()) {
    put_off(slot, answer.text.empty() ? "Ceph gave no key" : answer.text);
    runtime::log_warning("host " + host->name + " has no Ceph key yet: " + slot.text);
    return;
  }
  const auto sealed = box_.seal_host_key(host->uuid, place.second, answer.key);
  if (!sealed) return put_off(slot, sealed.error().what);
  PoolKeyRecord& record = records_.at(place);  // written before it was asked for
  record.sealed_key = *sealed;
  record.pools = names;
  record.granted = loop_.wall();
  engine_.put(record);
  slots_.erase(place);
  inventory_.pools_changed();  // the host is told with its next beat
  runtime::log_info("host " + host->name + " has its Ceph key");
}

void PoolKeys::put_off(Retry& slot, std::string why) {
  slot.put_off(loop_.now(), {options_.retry_first, options_.retry_last}, std::move(why));
}

void PoolKeys::answer_later(Given done, port::CephAnswer answer) {
  loop_.post([done = std::move(done), answer = std::move(answer)] { done(answer); });
}

void PoolKeys::give_back(HostId host, PoolId pool, Given done) {
  const HostRecord* const record = inventory_.hosts().find_live(host);
  const PoolRecord* const about = inventory_.pools().find(pool);
  if (record == nullptr || about == nullptr || !asks_for_keys(*about)) {
    answer_later(std::move(done), not_given(ErrorKind::kNotFound, "no such host or RBD pool"));
    return;
  }
  if (ceph_ == nullptr || granting(host)) {
    answer_later(std::move(done), not_given(ErrorKind::kBusy, "another grant is under way"));
    return;
  }
  // One user is for all pools of that Ceph cluster: those that it is still kept from stay out.
  const Pools all = wanted(*record)[about->ceph_fsid];
  Pools open;
  for (const PoolRecord* const other : all) {
    if (other->id == pool || taken(host, other->id).empty()) open.push_back(other);
  }
  ask(*record, about->ceph_fsid, open, ceph_pools(open), std::move(done));
}

std::vector<CephUser> PoolKeys::users() const {
  std::vector<CephUser> all;
  for (const auto& [place, record] : records_) all.push_back({record, false, {}});
  for (LeavingUsers::Leaver& leaver : leaving_.list())
    all.push_back({std::move(leaver.record), true, std::move(leaver.text)});
  return all;
}

bool PoolKeys::under_way(const Place& place) const {
  const auto slot = slots_.find(place);
  if (slot != slots_.end() && slot->second.busy) return true;
  const auto landing = may_land_.find(place);
  return landing != may_land_.end() && loop_.now() < landing->second;
}

bool PoolKeys::granting(HostId host) const {
  const auto is = [this, host](const auto& entry) {
    return entry.first.first == host && under_way(entry.first);
  };
  return std::any_of(slots_.begin(), slots_.end(), is) ||
         std::any_of(may_land_.begin(), may_land_.end(), is);
}

HostKey PoolKeys::key_of(const HostRecord& host, const PoolRecord& pool) const {
  if (!asks_for_keys(pool)) return {};
  const auto known = records_.find(Place{host.id, pool.ceph_fsid});
  if (known == records_.end()) return {};
  const auto& granted = known->second.pools;
  if (!std::binary_search(granted.begin(), granted.end(), ceph_pool_of(pool))) return {};
  Result<Secret> key = box_.open_host_key(host.uuid, known->second);
  if (!key) {
    runtime::log_error("Ceph key of host " + host.name + ": " + key.error().text());
    return {};
  }
  return {known->second.user, std::move(*key)};
}

KeyState PoolKeys::state_of(const HostRecord& host, const PoolRecord& pool) const {
  if (!asks_for_keys(pool)) return {true, "no key is needed"};
  const Place place{host.id, pool.ceph_fsid};
  const auto known = records_.find(place);
  if (known != records_.end() &&
      std::binary_search(known->second.pools.begin(), known->second.pools.end(),
                         ceph_pool_of(pool))) {
    return {true, {}};
  }
  const auto slot = slots_.find(place);
  if (slot == slots_.end()) return {false, "not asked for yet"};
  if (slot->second.busy) return {false, "asked for"};
  return {false, slot->second.text.empty() ? "waits for its turn" : slot->second.text};
}

Result<port::CephAccess> PoolKeys::access_to(const PoolRecord& pool) const {
  if (pool.kind != core::PoolKind::kRbd)
    return fail(ErrorKind::kInvalid, pool.name + " is no RBD pool");
  port::CephAccess access;
  access.mon_host = pool.source;
  access.pool = ceph_pool_of(pool);
  access.user = pool.user;
  MOLD_TRY(access.key, box_.open_pool_key(pool));
  return access;
}

}  // namespace mold::manager
