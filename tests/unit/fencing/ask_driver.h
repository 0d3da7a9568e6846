#pragma once
// One request to a driver, waited for.
#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "lib/port/power_control.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {

inline port::PowerResult ask_driver(runtime::EventLoop& loop, port::PowerControl& driver,
                                    const port::PowerTarget& target, core::PowerVerb verb,
                                    Duration deadline = runtime::kPatience) {
  std::optional<port::PowerResult> result;
  driver.request(target, verb, deadline, [&](port::PowerResult r) { result = std::move(r); });
  EXPECT_TRUE(loop.run_until([&] { return result.has_value(); }, runtime::kPatience * 2));
  return result.value_or(port::PowerResult{});
}

}  // namespace mold::fencing
