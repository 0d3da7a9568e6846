#include "manager/inventory/secret_box.h"

#include <utility>

#include "lib/runtime/crypto.h"

namespace mold::manager {
namespace {

std::string oobm_context(const std::string& host_uuid) {
  return "oobm-password:" + host_uuid;
}
std::string device_context(const std::string& device_uuid) {
  return "fence-device-password:" + device_uuid;
}
std::string pool_context(const std::string& pool_uuid) {
  return "pool-key:" + pool_uuid;
}
std::string host_key_context(const std::string& host_uuid, const std::string& fsid) {
  return "host-key:" + host_uuid + ":" + fsid;
}
std::string user_context(const std::string& user_uuid) {
  return "user-secret:" + user_uuid;
}

}  // namespace

Result<SecretBox> SecretBox::open(const std::string& state_dir) {
  MOLD_TRY(Secret key, runtime::load_or_make_seal_key(state_dir + "/seal.key"));
  return SecretBox(std::move(key));
}

Result<std::string> SecretBox::seal_oobm_password(const std::string& host_uuid,
                                                  const Secret& password) const {
  return runtime::seal(key_, password, oobm_context(host_uuid));
}

Result<Secret> SecretBox::open_oobm_password(const HostRecord& host) const {
  if (host.oobm.sealed_password.empty()) return Secret{};
  return runtime::open_sealed(key_, host.oobm.sealed_password, oobm_context(host.uuid));
}

Result<Secret> SecretBox::open_pending_password(const HostRecord& host) const {
  if (host.oobm.pending_password.empty()) return Secret{};
  return runtime::open_sealed(key_, host.oobm.pending_password, oobm_context(host.uuid));
}

Result<std::string> SecretBox::seal_device_password(const std::string& device_uuid,
                                                    const Secret& password) const {
  return runtime::seal(key_, password, device_context(device_uuid));
}

Result<Secret> SecretBox::open_device_password(const FenceDevice& device) const {
  if (device.sealed_password.empty()) return Secret{};
  return runtime::open_sealed(key_, device.sealed_password, device_context(device.uuid));
}

Result<std::string> SecretBox::seal_pool_key(const std::string& pool_uuid,
                                             const Secret& key) const {
  return runtime::seal(key_, key, pool_context(pool_uuid));
}

Result<Secret> SecretBox::open_pool_key(const PoolRecord& pool) const {
  if (pool.sealed_key.empty()) return Secret{};
  return runtime::open_sealed(key_, pool.sealed_key, pool_context(pool.uuid));
}

Result<std::string> SecretBox::seal_host_key(const std::string& host_uuid, const std::string& fsid,
                                             const Secret& key) const {
  return runtime::seal(key_, key, host_key_context(host_uuid, fsid));
}

Result<Secret> SecretBox::open_host_key(const std::string& host_uuid,
                                        const PoolKeyRecord& record) const {
  return runtime::open_sealed(key_, record.sealed_key, host_key_context(host_uuid, record.fsid));
}

Result<std::string> SecretBox::seal_user_secret(const std::string& user_uuid,
                                                const Secret& secret) const {
  return runtime::seal(key_, secret, user_context(user_uuid));
}

Result<Secret> SecretBox::open_user_secret(const User& user) const {
  if (user.sealed_secret.empty()) return Secret{};
  return runtime::open_sealed(key_, user.sealed_secret, user_context(user.uuid));
}

}  // namespace mold::manager
