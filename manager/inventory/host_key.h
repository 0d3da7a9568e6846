#pragma once
// What a host needs to go to an RBD pool: a cephx user of its own, so that its access alone can be
// taken away. Made by manager/storage, told by manager/agents. A value.
#include <functional>
#include <string>

#include "lib/base/secret.h"
#include "manager/store/records.h"

namespace mold::manager {

struct HostKey {
  std::string user;  // without "client."; empty: it has none (yet)
  Secret key;
};
using HostKeys = std::function<HostKey(const HostRecord& host, const PoolRecord& pool)>;

}  // namespace mold::manager
