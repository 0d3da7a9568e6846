#include "manager/storage/leaving_users.h"

#include <algorithm>

#include "lib/runtime/journal_log.h"
#include "manager/storage/pool_keys.h"
#include "manager/storage/pool_kind.h"

namespace mold::manager {

LeavingUsers::LeavingUsers(runtime::EventLoop& loop, Engine& engine, const Inventory& inventory,
                           port::CephStorage* ceph, Access access, Options options)
    : loop_(loop),
      engine_(engine),
      inventory_(inventory),
      ceph_(ceph),
      access_(std::move(access)),
      options_(options),
      alive_(std::make_shared<bool>(true)) {}

LeavingUsers::~LeavingUsers() {
  *alive_ = false;
}

void LeavingUsers::add(PoolKeyRecord record) {
  const Place place{record.host, record.fsid};
  leavers_.insert_or_assign(place, Entry{std::move(record), {}});
}

std::optional<PoolKeyRecord> LeavingUsers::take_back(const Place& place) {
  const auto found = leavers_.find(place);
  if (found == leavers_.end() || found->second.retry.busy) return std::nullopt;
  PoolKeyRecord record = std::move(found->second.record);
  leavers_.erase(found);
  return record;
}

void LeavingUsers::keep_way(const PoolRecord& pool) {
  for (auto& [place, entry] : leavers_) {
    if (place.second != pool.ceph_fsid) continue;
    entry.record.way = ceph_way_of(pool);
    engine_.put(entry.record);
  }
}

void LeavingUsers::look() {
  for (auto& [place, entry] : leavers_) {
    if (busy_ >= options_.parallel) return;
    if (!entry.retry.busy && loop_.now() >= entry.retry.next_try) remove(place, entry);
  }
}

// By any pool that is there, another one with each try; else as by the last one.
Result<port::CephAccess> LeavingUsers::access_to(const PoolKeyRecord& record, int tries) const {
  std::vector<const PoolRecord*> through;
  for (const auto& [id, pool] : inventory_.pools().all()) {
    if (asks_for_keys(pool) && pool.ceph_fsid == record.fsid) through.push_back(&pool);
  }
  if (!through.empty()) return access_(*through[static_cast<std::size_t>(tries) % through.size()]);
  if (record.way.pool_uuid.empty())
    return fail(ErrorKind::kNotFound, "there is no pool of its Ceph cluster any more");
  PoolRecord last;
  last.kind = core::PoolKind::kRbd;
  last.uuid = record.way.pool_uuid;
  last.source = record.way.source;
  last.path = record.way.path;
  last.user = record.way.user;
  last.sealed_key = record.way.sealed_key;
  return access_(last);
}

void LeavingUsers::remove(const Place& place, Entry& entry) {
  const HostRecord* const host = inventory_.hosts().find(place.first);
  if (host == nullptr || entry.record.user != PoolKeys::user_of(*host))
    return failed(entry, "its name is none that we give");
  if (ceph_ == nullptr) return failed(entry, "this manager cannot talk to Ceph");
  const auto access = access_to(entry.record, entry.retry.tries);
  if (!access) return failed(entry, access.error().what);
  entry.retry.busy = true;
  ++busy_;
  ceph_->remove_user(*access, entry.record.user, options_.deadline,
                     [this, alive = alive_, place](const port::CephAnswer& answer) {
                       if (*alive) take(place, answer);
                     });
}

void LeavingUsers::take(const Place& place, const port::CephAnswer& answer) {
  --busy_;
  Entry& entry = leavers_.at(place);  // nothing takes it away while it is busy
  entry.retry.busy = false;
  if (answer.outcome != core::Outcome::kConfirmed) return failed(entry, answer.text);
  engine_.put(PoolKeyRemoved{place.first, place.second});
  runtime::log_info("client." + entry.record.user + " is removed from Ceph");
  if (!entry.retry.text.empty()) tell(entry.record, true, "is gone");
  leavers_.erase(place);
}

void LeavingUsers::failed(Entry& entry, const std::string& why) {
  const bool first = entry.retry.text.empty();
  entry.retry.put_off(loop_.now(), options_.pauses, why);
  runtime::log_warning("client." + entry.record.user + " stays in Ceph for now: " + why);
  if (first) tell(entry.record, false, "stays there for now, to be removed later: " + why);
}

// One event for a user that cannot be removed, and one when it could.
void LeavingUsers::tell(const PoolKeyRecord& record, bool gone, const std::string& text) {
  NewEvent event;
  event.type = gone ? "CEPH.USER.REMOVED" : "CEPH.USER.REMOVAL.FAILED";
  event.level = gone ? EventLevel::kInfo : EventLevel::kWarn;
  event.resource_type = "Host";
  if (const HostRecord* const host = inventory_.hosts().find(record.host))
    event.resource_uuid = host->uuid;
  event.description = "client." + record.user + " of Ceph " + record.fsid + " " + text;
  engine_.note_event(std::move(event));
}

Status LeavingUsers::forget(const std::string& user, const std::string& fsid) {
  const auto found = std::find_if(leavers_.begin(), leavers_.end(), [&](const auto& entry) {
    return entry.first.second == fsid && entry.second.record.user == user;
  });
  if (found == leavers_.end())
    return fail(ErrorKind::kNotFound, "no such user is to be removed there");
  if (found->second.retry.busy) return fail(ErrorKind::kBusy, "it is just being removed");
  engine_.put(PoolKeyRemoved{found->first.first, found->first.second});
  leavers_.erase(found);
  return {};
}

std::vector<LeavingUsers::Leaver> LeavingUsers::list() const {
  std::vector<Leaver> all;
  for (const auto& [place, entry] : leavers_) all.push_back({entry.record, entry.retry.text});
  return all;
}

}  // namespace mold::manager
