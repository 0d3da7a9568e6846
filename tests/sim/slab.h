#pragma once
// Payloads of events: slots that are taken, named by index and given back. A slot's strings and
// vectors keep their memory, so a world that has run once allocates little in its later runs.
#include <cstdint>
#include <memory>
#include <vector>

namespace mold::sim {

template <class T>
class Slab {
 public:
  std::uint32_t take() {
    if (free_.empty()) {
      items_.push_back(std::make_unique<T>());
      return static_cast<std::uint32_t>(items_.size() - 1);
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give(std::uint32_t index) { free_.push_back(index); }
  T& operator[](std::uint32_t index) { return *items_[index]; }
  const T& operator[](std::uint32_t index) const { return *items_[index]; }
  // All slots are free again; memory stays.
  void reset() {
    free_.clear();
    for (std::size_t i = items_.size(); i > 0; --i)
      free_.push_back(static_cast<std::uint32_t>(i - 1));
  }

 private:
  std::vector<std::unique_ptr<T>> items_;  // references stay valid while others are taken
  std::vector<std::uint32_t> free_;
};

}  // namespace mold::sim
