#pragma once
// The only source of randomness of core and simulator: xoshiro256** seeded by splitmix64, so that a
// seed names a run on every machine. Not for secrets. One owner, one thread.
#include <cstdint>

namespace mold {

class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound); bound must not be 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high], both included.
  std::int64_t between(std::int64_t low, std::int64_t high);
  // True in `percent` of 100 cases.
  bool chance(unsigned percent);
  // An independent generator: what it draws does not shift what this one draws later.
  Rng fork();

 private:
  std::uint64_t state_[4];
};

}  // namespace mold
