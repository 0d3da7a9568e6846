#pragma once
// What monitors answer to commands, as text of theirs: read without trust, for it comes over the
// network and differs between versions. Whatever bytes there are give a value or kCorrupt; nothing
// is thrown. Values; any thread.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fencing/ceph/caps.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::ceph {

// Client (client_name()), and until when. Whole hosts and nets are none of our business.
using Blocklist = std::map<std::string, WallTime>;

struct KnownUser {
  Caps caps;
  Secret key;
};

struct PoolSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

Result<Blocklist> parse_blocklist(std::string_view text);                      // osd blocklist ls
Result<KnownUser> parse_user(std::string_view text, const std::string& user);  // auth get
// df. Zeros: not known (no mgr has counted yet).
Result<PoolSpace> parse_space(std::string_view text, const std::string& pool);

// When an entry counts as lasting: at least half of the time asked for is left. `now` is this
// machine's clock, which may be off from that of the monitors by an hour, or a quarter of the time
// asked for if that is less: taking an entry off that would have done is worse than leaving one.
[[nodiscard]] bool lasts(WallTime until, WallTime now, Duration expiry);

}  // namespace mold::ceph
