#pragma once
// A text that must not leak: wiped when it dies, never printable by accident (no conversion, no
// stream, no format), compared in constant time. One owner; moves wipe the source. Swap and core
// dumps are the business of the unit file (LimitCORE=0).
#include <string>
#include <string_view>

namespace mold {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret other) noexcept;
  ~Secret();

  // The only door to the text; grep for it in review.
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::string value_;
};

// Same time for equal and different texts of the same length.
bool equal_constant_time(std::string_view a, std::string_view b);
// Overwrites in a way the compiler may not drop.
void wipe(std::string& text);

}  // namespace mold
