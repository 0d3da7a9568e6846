#include "lib/base/secret.h"

#include <cstring>
#include <utility>

namespace mold {

void wipe(std::string& text) {
  if (!text.empty()) explicit_bzero(text.data(), text.size());
  text.clear();
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

Secret::Secret(Secret&& other) noexcept : value_(other.value_) {
  wipe(other.value_);
}

Secret& Secret::operator=(Secret other) noexcept {
  std::swap(value_, other.value_);
  return *this;
}

Secret::~Secret() {
  wipe(value_);
}

bool operator==(const Secret& a, const Secret& b) {
  return equal_constant_time(a.value_, b.value_);
}

}  // namespace mold
