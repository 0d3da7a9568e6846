#pragma once
// The file by which agentd tells mold-heartbeat-rados how to reach a Ceph cluster: one like
// ceph.conf, read by librados itself, with a section of ours for the user, which is not a setting
// of Ceph's. The key is in a keyring file beside it. Pure; any thread.
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/secret.h"

namespace mold::heartbeat {

struct RadosSettings {
  std::string mon_host;  // as in ceph.conf
  std::string user;      // without "client."
  std::string keyring;   // absolute path
};

// kInvalid when a value could end its line, or begin another setting.
Result<std::string> format_rados_settings(const RadosSettings& settings);
// The user in such a file; "admin" in a ceph.conf that names none; nothing when it is no user's
// name.
std::optional<std::string> rados_user_of(std::string_view text);

// kInvalid as above. Holds the secret.
Result<Secret> format_keyring(const std::string& user, const Secret& key);

}  // namespace mold::heartbeat
