#pragma once
// What happened, in one form for three uses: a hash that names the run, a readable line per step
// for people, and the tail that is printed with a violation. Lines are only built when somebody
// listens; the hash covers the same steps either way.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/fault.h"

namespace mold::sim {

class Story {
 public:
  void begin(bool listen) {
    listen_ = listen;
    hash_ = 1469598103934665603ULL;
    lines_.clear();
  }
  [[nodiscard]] bool listens() const { return listen_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 1099511628211ULL; }
  void mix(std::string_view text) {
    for (const char c : text) mix(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  // Counted in the hash: when, what sort of step, its two arguments.
  void step(Ms at, std::uint64_t sort, std::uint64_t a, std::uint64_t b = 0) {
    mix(static_cast<std::uint64_t>(at));
    mix(sort);
    mix(a * 0x9e3779b97f4a7c15ULL + b);
  }
  // "  61.250  host  h2  Suspect -> Checking (...)": call only if listens().
  void line(Ms at, std::string_view who, const std::string& text);

 private:
  bool listen_ = false;
  std::uint64_t hash_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace mold::sim
