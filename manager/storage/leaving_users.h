#pragma once
// Users of hosts in Ceph that are not needed any more, because their host or the last pool of that
// Ceph cluster was deleted: removed there, tried again and again until Ceph says that they are
// gone. Their records stay in the store that long, each with the way to its cluster when there is
// no pool of it any more. Only names that we gave (`mold-host-<host uuid>`) are ever removed.
//
// Loop thread only; a part of PoolKeys.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/ceph_storage.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/storage/retry.h"

namespace mold::manager {

class LeavingUsers {
 public:
  struct Options {
    Duration deadline{20'000};  // one removal
    RetryPauses pauses;
    std::size_t parallel = 2;
  };
  using Place = std::pair<HostId, std::string>;  // a host on one Ceph cluster
  // As whom the manager goes to that pool.
  using Access = std::function<Result<port::CephAccess>(const PoolRecord&)>;
  struct Leaver {
    PoolKeyRecord record;
    std::string text;  // why it is still there; empty: not refused yet
  };

  // `ceph` may be null: then they stay, and the list says so.
  LeavingUsers(runtime::EventLoop& loop, Engine& engine, const Inventory& inventory,
               port::CephStorage* ceph, Access access, Options options);
  ~LeavingUsers();
  LeavingUsers(const LeavingUsers&) = delete;
  LeavingUsers& operator=(const LeavingUsers&) = delete;

  void look();
  void add(PoolKeyRecord record);
  // It is needed again: nothing while a removal is under way, or when it is none of these.
  std::optional<PoolKeyRecord> take_back(const Place& place);
  [[nodiscard]] bool holds(const Place& place) const { return leavers_.contains(place); }
  // This pool is about to be deleted, and no other one leads to that Ceph cluster.
  void keep_way(const PoolRecord& pool);
  // The word of a person that nobody has to remove it: Ceph is gone, or it was done by hand.
  // kNotFound; kBusy: a removal is under way.
  Status forget(const std::string& user, const std::string& fsid);
  [[nodiscard]] std::vector<Leaver> list() const;

 private:
  struct Entry {
    PoolKeyRecord record;
    Retry retry;
  };
  [[nodiscard]] Result<port::CephAccess> access_to(const PoolKeyRecord& record, int tries) const;
  void remove(const Place& place, Entry& entry);
  void take(const Place& place, const port::CephAnswer& answer);
  void failed(Entry& entry, const std::string& why);
  void tell(const PoolKeyRecord& record, bool gone, const std::string& text);

  runtime::EventLoop& loop_;
  Engine& engine_;
  const Inventory& inventory_;
  port::CephStorage* ceph_;
  Access access_;
  Options options_;
  std::map<Place, Entry> leavers_;
  std::size_t busy_ = 0;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
