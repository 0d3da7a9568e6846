#pragma once
// Where QEMU finds a disk, told by the kind of its pool. Pure functions, any thread. Holds a
// secret: the key goes to libvirt as the value of a secret object and nowhere else.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/vm.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

struct MonitorAddress {
  std::string host;  // IPv6 without brackets
  std::string port;

  friend bool operator==(const MonitorAddress&, const MonitorAddress&) = default;
};

// The key of a Ceph user, as libvirt is to keep it: one secret object per user of a cluster.
struct CephAuth {
  std::string user;         // without "client."
  std::string secret_uuid;  // made of user and monitors: the same in every life of this program
  Secret key;               // base64
};

struct DiskSource {
  enum class Type : std::uint8_t { kFile, kBlock, kRbd };
  Type type = Type::kFile;
  std::vector<MonitorAddress> monitors;  // kRbd
  std::optional<CephAuth> auth;          // kRbd; none where the cluster asks for no key
};

// kInvalid: the disk does not lie in that pool, or its monitors cannot be understood.
Result<DiskSource> source_of(const core::Disk& disk, const wire::PoolInfo& pool);

// mon_host of ceph.conf as addresses for QEMU: of each "[v2:..,v1:..]" the first, and both of
// Ceph's ports where none is given, as Ceph itself does. kInvalid.
Result<std::vector<MonitorAddress>> parse_mon_host(std::string_view text);

}  // namespace mold::agentd
