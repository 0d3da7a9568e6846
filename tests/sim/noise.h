#pragma once
// Chance as a function: every draw of a run is a hash of (seed, what is drawn, when, for whom),
// never the next number of a stream. So leaving out a quiet hour (quiet.h), or one fault line while
// minimizing, does not shift what is drawn elsewhere. Pure, any thread.
#include <cstdint>

#include "lib/base/time.h"

namespace mold::sim {

// True time of the world, in milliseconds since it began. Nobody inside the world can read it.
using Ms = std::int64_t;

// What a draw is for; keeps draws at the same moment independent.
enum class Draw : std::uint64_t {
  kDelay = 1,
  kLoss,
  kDuplicate,
  kLate,
  kLateBy,
  kHold,
  kHoldBy,
  kCall,
  kCallTime,
  kCallEffect,
  kExists,
  kGuest,
  kKill,
  kBoot,
  kBmc,
  kBmcTime,
  kStorage,
  kCommit,
  kCrashPoint,
  kStart,
  kRepair,
  kCeph,
  kCephLag,
  kCephFate,
  kClients,
};

class Noise {
 public:
  explicit Noise(std::uint64_t seed = 0) : seed_(seed) {}

  [[nodiscard]] std::uint64_t bits(Draw what, Ms when, std::uint64_t who,
                                   std::uint64_t extra) const {
    std::uint64_t z = seed_ + static_cast<std::uint64_t>(what) * 0x9e3779b97f4a7c15ULL;
    z = mix(z ^ static_cast<std::uint64_t>(when) * 0xd6e8feb86659fd93ULL);
    return mix(z ^ (who * 0xa0761d6478bd642fULL + extra * 0xe7037ed1a0b428dbULL));
  }
  // Uniform in [low, high].
  [[nodiscard]] Ms between(Ms low, Ms high, Draw what, Ms when, std::uint64_t who,
                           std::uint64_t extra = 0) const {
    const auto span = static_cast<std::uint64_t>(high - low) + 1;
    return low + static_cast<Ms>(bits(what, when, who, extra) % span);
  }
  [[nodiscard]] bool chance(unsigned percent, Draw what, Ms when, std::uint64_t who,
                            std::uint64_t extra = 0) const {
    return percent != 0 && bits(what, when, who, extra) % 100 < percent;
  }

 private:
  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }
  std::uint64_t seed_;
};

}  // namespace mold::sim
