#pragma once
// The blocklist of a cluster: single clients put on it and taken from it, and always read back.
//
// An entry cannot be prolonged: the monitors answer "until" the new time, and the map keeps the old
// one (16.2.15). Taking it away and listing it anew would let a client write in between that was
// asleep until now. So clients are listed for kListedFor, whatever time is asked for, and an entry
// is left alone while half of that time is left (lasts(), mon_answers.h); only one that would end
// earlier (librbd lists for an hour) is made anew.
// An entry of a client that is gone harms nobody, and lift() takes it away.
//
// Commands of one call go out at once, so that the monitors decide on them together: one after the
// other each would wait for a decision of its own, up to a second. Blocking.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "fencing/ceph/mon_answers.h"
#include "fencing/ceph/program/cluster.h"

namespace mold::ceph {

inline constexpr Duration kListedFor{std::int64_t{365} * 24 * 3'600'000};

Result<Blocklist> read_blocklist(Cluster& cluster);

// Every client is listed, with an entry that lasts for `expiry`; `before` is the list as it is now.
// `listed` is told each that is, in the thread that did it.
Status list_clients(Cluster& cluster, const std::set<std::string>& clients, const Blocklist& before,
                    Duration expiry, const std::function<void(const std::string& client)>& listed);
// kUnknown names the first that is not on it, or not for that long.
Status check_listed(Cluster& cluster, const std::set<std::string>& clients, Duration expiry);

// The verbs of the port.
port::CephAnswer renew(Cluster& cluster, const CephRequest& request);
port::CephAnswer lift(Cluster& cluster, const CephRequest& request);

}  // namespace mold::ceph
