#pragma once
// Answers that are held back: `wait=<seconds>` of our long polls. One timer per waiting call, freed
// with its answer, or when the client goes away or the server stops. Loop thread only.
#include <functional>

#include "manager/api/call.h"

namespace mold::manager::api {

inline constexpr std::int64_t kMaxWaitSeconds = 60;

extern const ParamSpec kWaitParam;
// 0 when not given; 431 when out of range.
ApiResult<Duration> read_wait(const Params& params);

// Calls `look` every `period` until it says that it answered; when `limit` is over, `give_up`.
void poll_until(const CallPtr& call, Duration period, Duration limit,
                std::function<bool(const CallPtr&)> look,
                std::function<void(const CallPtr&)> give_up);

}  // namespace mold::manager::api
