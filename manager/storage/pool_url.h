#pragma once
// The URLs that clients write for storage pools, as CloudStack has them:
//
//   rbd://user:key@mon1[:port][,mon2..]/pool     NFS: nfs://server[:port]/export
//   SharedMountPoint://localhost/path            CLVM: clvm://localhost/volume-group
//   Filesystem://HOST/path (a host's uuid, name or address; also file://HOST/path)
//
// Keys come percent-encoded ('/' as %2F ..) or in the base64 form for URLs ('-' and '_'); both are
// understood, also with '/' and '=' left bare. Pure. Errors are kInvalid and never repeat the URL:
// there may be a key in it.
#include <string>
#include <string_view>

#include "core/model/pool.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"

namespace mold::manager {

struct PoolUrl {
  core::PoolKind kind = core::PoolKind::kDirectory;
  std::string path;    // core::Pool::path; empty for NFS, which is mounted where we say
  std::string source;  // wire::PoolInfo::source
  std::string host;    // kLocal: whose directory it is
  std::string user;    // kRbd; without "client."; empty when none was written
  Secret key;
  std::string shown;  // the URL without the key
};

Result<PoolUrl> parse_pool_url(std::string_view url);

}  // namespace mold::manager
