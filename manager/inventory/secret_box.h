#pragma once
// Secrets at rest: BMC passwords, Ceph keys and API secret keys are sealed with the key file of
// this manager (state.dir/seal.key, mode 0600), each bound to the row it belongs to, so that a
// database alone, or a swapped row, gives nothing away. Loop thread; a value like object.
#include <string>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "manager/store/records.h"
#include "manager/store/rows.h"

namespace mold::manager {

class SecretBox {
 public:
  // Makes the key file when it is not there. kDenied: others may read it.
  static Result<SecretBox> open(const std::string& state_dir);

  Result<std::string> seal_oobm_password(const std::string& host_uuid,
                                         const Secret& password) const;
  // Empty when none is set. kCorrupt: sealed with another key or for another host.
  [[nodiscard]] Result<Secret> open_oobm_password(const HostRecord& host) const;
  // The other one of a change that is not settled; empty when there is none.
  [[nodiscard]] Result<Secret> open_pending_password(const HostRecord& host) const;
  Result<std::string> seal_device_password(const std::string& device_uuid,
                                           const Secret& password) const;
  [[nodiscard]] Result<Secret> open_device_password(const FenceDevice& device) const;
  // Ceph keys: of the manager on one pool, of a host on one Ceph cluster.
  Result<std::string> seal_pool_key(const std::string& pool_uuid, const Secret& key) const;
  [[nodiscard]] Result<Secret> open_pool_key(const PoolRecord& pool) const;
  Result<std::string> seal_host_key(const std::string& host_uuid, const std::string& fsid,
                                    const Secret& key) const;
  [[nodiscard]] Result<Secret> open_host_key(const std::string& host_uuid,
                                             const PoolKeyRecord& record) const;
  Result<std::string> seal_user_secret(const std::string& user_uuid, const Secret& secret) const;
  [[nodiscard]] Result<Secret> open_user_secret(const User& user) const;

 private:
  explicit SecretBox(Secret key) : key_(std::move(key)) {}
  Secret key_;
};

}  // namespace mold::manager
