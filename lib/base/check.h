#pragma once
// Assertions that stay on in production: a broken invariant of an HA system must stop the process
// (systemd restarts it from its persisted state), not let it decide on nonsense. Any thread.
#include <string_view>

namespace mold {

[[noreturn]] void check_failed(std::string_view condition, std::string_view message,
                               const char* file, int line);

}  // namespace mold

#define MOLD_CHECK(condition, message)                                                 \
  do {                                                                                 \
    if (!(condition)) ::mold::check_failed(#condition, (message), __FILE__, __LINE__); \
  } while (false)
#define MOLD_UNREACHABLE() ::mold::check_failed("unreachable", "", __FILE__, __LINE__)
