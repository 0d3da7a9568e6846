#pragma once
// Inside of lib/wire: parts that several messages have in common.
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "core/engine/order.h"
#include "lib/wire/json_fields.h"
#include "lib/wire/messages.h"

namespace mold::wire {

nlohmann::json write_vms(const std::vector<core::VmReport>& vms);
std::vector<core::VmReport> read_vms(const Fields& fields);  // field "vms"

nlohmann::json write_pools(const std::vector<PoolInfo>& pools);
std::vector<PoolInfo> read_pools(const Fields& fields);  // field "pools"

}  // namespace mold::wire
