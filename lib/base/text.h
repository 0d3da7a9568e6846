#pragma once
// Small text helpers that never throw and never allocate more than their result.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/time.h"

namespace mold {

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string to_lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);

// The whole text as a decimal number, or nothing: no sign tricks, no trailing rest, no overflow.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, value);
  if (ec != std::errc{} || ptr != end || text.empty()) return std::nullopt;
  return value;
}

std::string hex_encode(std::string_view bytes);
std::optional<std::string> hex_decode(std::string_view text);

// "4.2 s", cut, not rounded; what is over already is "0.0 s".
std::string seconds_text(Duration time);

// 8-4-4-4-12 hexadecimal digits, any letter case.
bool is_uuid(std::string_view text);

}  // namespace mold
