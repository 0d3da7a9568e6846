#pragma once
// What is mounted where, and what an NFS pool's source means. Pure functions, any thread. Reading
// the kernel's table touches no mount, so a hung server does not matter to it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/agent/mount_rules.h"
#include "lib/base/result.h"

namespace mold::agentd {

struct Mount {
  std::string path;
  std::string type;    // "nfs4"
  std::string source;  // "nas:/export"

  friend bool operator==(const Mount&, const Mount&) = default;
};
// /proc/self/mountinfo, in its order: of two on one path the later one covers the other. Lines that
// make no sense are left out.
std::vector<Mount> parse_mountinfo(std::string_view text);
// What one sees at that path, which is absolute and without a slash at its end.
const Mount* mounted_at(const std::vector<Mount>& mounts, std::string_view path);

// "nfs://server[:port]/export".
struct NfsSource {
  std::string server;  // IPv6 in brackets
  std::string port;    // empty: the usual one
  std::string path;    // "/export"

  // As mount(8) and the kernel's table write it.
  [[nodiscard]] std::string device() const { return server + ":" + path; }
};
Result<NfsSource> parse_nfs_source(std::string_view text);  // kInvalid

core::MountState state_of(const Mount* mount, const NfsSource& source);

}  // namespace mold::agentd
