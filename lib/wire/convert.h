#pragma once
// Between the brain's orders (pools by number) and those on the wire (pools by UUID). Pure.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/engine/order.h"
#include "lib/base/result.h"
#include "lib/wire/messages.h"

namespace mold::wire {

// Manager: a pool that `uuid_of` does not know gets an empty UUID, which an agent will refuse.
Order to_wire(const core::Order& order, const std::function<std::string(PoolId)>& uuid_of);

// Agent: `pool_of` finds the number by UUID (lower case). An unknown pool becomes PoolId{0}, for
// which no lease can be held: the agent's brain then refuses a start and says why.
core::Order to_core(const Order& order,
                    const std::function<std::optional<PoolId>(std::string_view)>& pool_of);

}  // namespace mold::wire
