#pragma once
// Time as a value. Instant is a reading of the boot-time clock (CLOCK_BOOTTIME: goes on while the
// machine is suspended, never jumps) of ONE machine: instants of two machines, or of two boots,
// must never be compared, so an Instant is never persisted and never sent. WallTime is for people
// and logs only: no decision may depend on it. There is no now() here: core gets its time as a
// parameter, rooms ask the Clock port.
#include <chrono>
#include <compare>
#include <cstdint>

namespace mold {

using Duration = std::chrono::milliseconds;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;

struct Instant {
  std::int64_t ms = 0;

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Duration d) { return {t.ms + d.count()}; }
  friend constexpr Instant operator-(Instant t, Duration d) { return {t.ms - d.count()}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return Duration{a.ms - b.ms}; }
};

struct WallTime {
  std::int64_t ms = 0;  // since 1970-01-01T00:00:00Z

  friend constexpr auto operator<=>(WallTime, WallTime) = default;
};

// What a step of the core is told about time.
struct Now {
  Instant mono;
  WallTime wall;
};

}  // namespace mold
