#pragma once
// Dates as clients write them. UTC unless a zone is given. Pure.
#include <optional>
#include <string_view>

#include "lib/base/time.h"

namespace mold::manager::api {

// "2024-05-22T09:00:00+0900", "...Z", "...+09:00", with or without ".123" before the zone.
std::optional<WallTime> parse_zoned_time(std::string_view text);
// Parameters: the above, or "2024-05-22", "2024-05-22 09:00:00", "2024-05-22T09:00:00" (UTC).
// A bare date as the end of a range means its last millisecond.
std::optional<WallTime> parse_date(std::string_view text, bool end_of_day);

}  // namespace mold::manager::api
