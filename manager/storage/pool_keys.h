#pragma once
// A cephx user of its own for every host, `mold-host-<host uuid>`, on each Ceph cluster that the
// host's cluster has RBD pools on: so that one host's access can be taken away and nobody else's.
// Asked for in the background (port::CephStorage::grant), again and again until it is there; kept
// sealed in the store, so that a restart of the manager needs no Ceph; told to that host alone
// (AgentRegistry::pools_for). When the host or the last pool there is deleted, the user is removed
// (LeavingUsers).
//
// Never gives access to a host while something stands in the way (Options::taken: it is being
// isolated from a pool). Whoever isolates a host first waits until granting() is false: a grant
// that is under way would give back what was just taken.
//
// Loop thread only. Lives after engine, inventory and the port, dies before them.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/port/ceph_storage.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/engine.h"
#include "manager/inventory/host_key.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"
#include "manager/storage/leaving_users.h"
#include "manager/storage/retry.h"

namespace mold::manager {

// Why a host has no key for a pool, in words; empty text and has_key: it has one.
struct KeyState {
  bool has_key = false;
  std::string text;
};

// A user that a host has in Ceph, or had.
struct CephUser {
  PoolKeyRecord record;
  bool leaving = false;  // it is to be removed
  std::string text;      // why it is not removed yet
};

class PoolKeys {
 public:
  struct Options {
    Duration deadline{20'000};  // one grant, one removal
    Duration look_every{2'000};
    Duration retry_first{1'000};  // doubled with each failure
    Duration retry_last{300'000};
    std::size_t parallel = 4;  // grants at the same time
    // Why that host must not be given access to that pool now; empty: it may.
    std::function<std::string(HostId, PoolId)> taken;
  };
  using Given = std::function<void(port::CephAnswer)>;

  // `ceph` may be null: then nobody gets a key, and state_of() says so. `known` is the store's.
  PoolKeys(runtime::EventLoop& loop, Engine& engine, Inventory& inventory, const SecretBox& box,
           port::CephStorage* ceph, std::vector<PoolKeyRecord> known, Options options);
  ~PoolKeys();
  PoolKeys(const PoolKeys&) = delete;
  PoolKeys& operator=(const PoolKeys&) = delete;

  void start();
  // Asks for what is missing now: after a change of pools or hosts, else with the next look.
  void look();
  // Access was taken from this host and may be given back (an isolation ends): grants again, also
  // when the key is known. `done` comes on the loop, exactly once, never inside the call; what is
  // not confirmed may be asked for again.
  void give_back(HostId host, PoolId pool, Given done);
  // Without "client."; whether or not it was made yet.
  [[nodiscard]] static std::string user_of(const HostRecord& host);
  // The pool is about to be deleted: users that it may have been the last way to can still be
  // removed then.
  void before_removal(const PoolRecord& pool);
  [[nodiscard]] LeavingUsers& leaving() { return leaving_; }
  // All that may be there, those that leave last.
  [[nodiscard]] std::vector<CephUser> users() const;
  // A grant of this host is under way, or ended without an answer and may still be carried out: so
  // until the time that it was given is over.
  [[nodiscard]] bool granting(HostId host) const;

  // Empty while it has none for that pool, or its cluster asks for no keys.
  [[nodiscard]] HostKey key_of(const HostRecord& host, const PoolRecord& pool) const;
  [[nodiscard]] KeyState state_of(const HostRecord& host, const PoolRecord& pool) const;
  // As whom the manager goes to that pool. kCorrupt, kInvalid when it is no RBD pool.
  [[nodiscard]] Result<port::CephAccess> access_to(const PoolRecord& pool) const;

 private:
  using Place = LeavingUsers::Place;
  using Pools = std::vector<const PoolRecord*>;
  struct Asked {
    Place place;
    std::string user;
    std::vector<std::string> names;
    Given done;
    Instant until{};  // its deadline
  };

  [[nodiscard]] std::map<std::string, Pools> wanted(const HostRecord& host) const;
  [[nodiscard]] std::string taken(HostId host, PoolId pool) const;
  void let_go_of_the_gone();
  bool take_back(const Place& place);
  void look_at(const HostRecord& host, const std::string& fsid, const Pools& pools);
  void ask(const HostRecord& host, const std::string& fsid, const Pools& through,
           std::vector<std::string> names, Given done);
  void grant(const port::CephAccess& access, Asked asked);
  [[nodiscard]] bool under_way(const Place& place) const;
  void not_kept(const Asked& asked, const std::string& why);
  void take(const Place& place, const std::vector<std::string>& names,
            const port::CephStorage::Key& answer);
  void put_off(Retry& slot, std::string why);
  void answer_later(Given done, port::CephAnswer answer);

  runtime::EventLoop& loop_;
  Engine& engine_;
  Inventory& inventory_;
  const SecretBox& box_;
  port::CephStorage* ceph_;
  Options options_;
  std::map<Place, PoolKeyRecord> records_;
  std::map<Place, Retry> slots_;
  std::map<Place, Instant> may_land_;  // grants that ended as unknown, and until when
  LeavingUsers leaving_;
  std::size_t busy_ = 0;
  runtime::Timer timer_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
