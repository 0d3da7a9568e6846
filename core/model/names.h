#pragma once
// One helper for all enum <-> text tables of core: parsing is the inverse of to_string, so the two
// can never drift apart.
#include <optional>
#include <string_view>

namespace mold::core {

template <class Enum>
std::optional<Enum> parse_enum(std::string_view text, int count) {
  for (int i = 0; i < count; ++i) {
    const auto value = static_cast<Enum>(i);
    if (to_string(value) == text) return value;
  }
  return std::nullopt;
}

}  // namespace mold::core
