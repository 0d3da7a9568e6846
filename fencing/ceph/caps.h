#pragma once
// What users of Ceph may do, as Ceph's own text: hosts, isolated hosts, and who fences them
// (docs/adr/0014). Pure; any thread. Names are checked before (check_request).
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/port/ceph_storage.h"

namespace mold::ceph {

// Users of hosts begin with this, so that who fences can be held to them.
inline constexpr std::string_view kHostUserPrefix = "mold-host-";
// Where hosts beat, in each pool.
inline constexpr std::string_view kBeatNamespace = "mold-ha";

// "mon" and "osd", each with its text.
using Caps = std::map<std::string, std::string>;

// A host's: RBD and, in every namespace, beats in these pools. "profile rbd" also for monitors:
// without it librbd cannot take the lock of an image over from a client that died, and a VM whose
// QEMU was killed would never write again.
Caps host_caps(const std::vector<std::string>& pools);
// An isolated host's: it may look at the monitors, and at no object.
Caps no_access_caps();
// Of `user`, which fences: it can give hosts' users these two kinds of caps and no others, so that
// whoever steals its key is not the admin of the cluster. `host_user`: one that does not begin with
// the prefix, or empty.
Caps fencer_caps(const std::string& user, const std::vector<std::string>& pools,
                 const std::string& host_user);

// "ceph auth caps client.U mon '...' osd '...'", for a shell.
std::string caps_line(const std::string& user, const Caps& caps);
// The pools named in "profile rbd pool=..." of such a text, in order.
std::vector<std::string> pools_in(std::string_view osd_caps);

// What a person has to do so that `access.user` may fence; `osd_caps`: what it has now, if known.
std::string permitting_line(const port::CephAccess& access, std::string_view osd_caps,
                            const std::string& host_user);

}  // namespace mold::ceph
