#pragma once
// A UUID as sixteen bytes: fixed size for shared memory and for messages between processes, no
// allocation. Text form is always lower case 8-4-4-4-12. All zeros means "none". Any thread.
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mold::heartbeat {

inline constexpr std::size_t kUuidTextSize = 36;

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // Any letter case; nothing when the text is not exactly one UUID.
  static std::optional<Uuid> parse(std::string_view text);

  [[nodiscard]] bool is_none() const { return *this == Uuid{}; }
  // Writes exactly kUuidTextSize characters, no terminating zero; returns the end.
  char* write(char* out) const;
  [[nodiscard]] std::string text() const;

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace mold::heartbeat
