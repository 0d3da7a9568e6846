#pragma once
// Table rows that several commands share: hosts and VMs at a glance, what is wrong with pools.
// Pure.
#include <string>
#include <vector>

#include "hactl/json.h"
#include "hactl/output.h"

namespace mold::hactl {

std::vector<std::string> host_head();
std::vector<std::vector<Cell>> host_rows(const std::vector<Json>& hosts);
// What is wrong with hosts that run well; one line each.
std::vector<std::string> host_warnings(const std::vector<Json>& hosts);
std::vector<std::string> vm_head();
std::vector<std::vector<Cell>> vm_rows(const std::vector<Json>& vms);

// Of a host's row.
std::string ha_state_of(const Json& host);
std::string power_state_of(const Json& host);

// A line for each host that cannot use a pool, and each user that cannot be removed from Ceph.
std::vector<std::string> pool_warnings(const std::vector<Json>& pools,
                                       const std::vector<Json>& users);

}  // namespace mold::hactl
