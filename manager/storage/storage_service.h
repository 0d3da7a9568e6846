#pragma once
// What the API needs of storage: the keys of hosts, maintenance, and a look at a Ceph pool before
// it is taken. Loop thread only; lives after engine, inventory and the port, dies before them.
#include <functional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/port/ceph_storage.h"
#include "manager/storage/isolation_service.h"
#include "manager/storage/pool_keys.h"
#include "manager/storage/pool_maintenance.h"

namespace mold::manager {

class StorageService {
 public:
  struct Options {
    port::CephStorage* ceph = nullptr;  // null: RBD pools are refused
    std::vector<PoolKeyRecord> keys;    // of the store
    Duration probe_deadline{20'000};
    PoolKeys::Options pool_keys;
    PoolMaintenance::Options maintenance;
    IsolationService::Options isolation;
  };
  StorageService(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                 const SecretBox& box, Options options);

  void start();
  // Whether that pool is there and may be fenced by that user. kUnsupported: no Ceph here;
  // kUnavailable: not reached; kDenied: the user may not fence, and the text is what an admin has
  // to run. `done` comes on the loop, once, never inside the call.
  using Probed = std::function<void(Result<port::CephPoolFacts>)>;
  void probe(const port::CephAccess& access, Probed done);
  Result<std::string> seal_key(const std::string& pool_uuid, const Secret& key) const;

  [[nodiscard]] PoolKeys& keys() { return keys_; }
  [[nodiscard]] const PoolKeys& keys() const { return keys_; }
  [[nodiscard]] PoolMaintenance& maintenance() { return maintenance_; }
  [[nodiscard]] IsolationService& isolation() { return isolation_; }

 private:
  runtime::EventLoop& loop_;
  const SecretBox& box_;
  port::CephStorage* ceph_;
  Duration probe_deadline_;
  PoolKeys keys_;
  PoolMaintenance maintenance_;
  IsolationService isolation_;
};

}  // namespace mold::manager
