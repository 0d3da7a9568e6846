// The kernel's table of mounts and NFS sources: total; a source that is taken is no option of
// mount(8), and is read again from what it is written as.
#include <cstdlib>

#include "agentd/storage/mount_table.h"

namespace {

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mold::agentd;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mounts = parse_mountinfo(text);
  const auto source = parse_nfs_source(text);
  if (source) {
    check(!source->server.empty() && source->server.front() != '-');
    check(source->path.starts_with('/'));
    const std::string port = source->port.empty() ? "" : ":" + source->port;
    const auto again = parse_nfs_source("nfs://" + source->server + port + source->path);
    check(again && again->device() == source->device() && again->port == source->port);
  }
  for (const Mount& mount : mounts) {
    const Mount* const at = mounted_at(mounts, mount.path);
    if (source) (void)state_of(at, *source);
  }
  return 0;
}
