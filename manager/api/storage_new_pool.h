#pragma once
// createStoragePool: from a URL to a pool; and what updateStoragePool shares with it. An RBD pool
// is looked at first (StorageService::probe), so these answer later. Loop thread only.
#include <optional>

#include "core/model/pool.h"
#include "manager/api/call.h"

namespace mold::manager::api {

// policy= or details[0].policy=; nothing when neither is given. Other details are refused: none is
// known, and one that has no effect is not taken silently.
ApiResult<std::optional<core::PoolPolicy>> read_policy(const Params& params);
// "a, b" -> "a,b".
std::string joined_tags(const std::vector<std::string>& tags);

void create_pool(const CallPtr& call);
// New monitors, user or key of an RBD pool: `pool` as it is to be but for these.
void move_pool(const CallPtr& call, PoolRecord pool);

}  // namespace mold::manager::api
