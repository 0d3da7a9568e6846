#pragma once
// How far the proving of one host's death has come. Values; core/fencing has the rules.
#include <optional>
#include <string>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/time.h"

namespace mold::core {

enum class PowerState : std::uint8_t { kOn, kOff, kUnknown };
enum class PowerVerb : std::uint8_t { kStatus, kOff, kOn, kReset, kCycle, kSoft };

// One level of the ladder: the host is off when every one of these devices is (two power feeds).
struct FenceLevel {
  int level = 1;  // 1 is tried first
  std::vector<DeviceId> devices;

  friend bool operator==(const FenceLevel&, const FenceLevel&) = default;
};

// One device of the ladder, as far as it was asked in this fencing.
struct Rung {
  int level = 1;
  DeviceId device;
  OpId op;  // request under way, or none
  PowerVerb verb = PowerVerb::kOff;
  bool outdated = false;          // that request was made with settings of before
  std::optional<Instant> off_at;  // read back off at that time
  Instant doubt_since;            // of may_hit
  bool may_hit = false;           // an off was answered "unknown" and nothing cleared that since
  int tries = 0;                  // that did not read back off
  Instant next_try;
  std::string last;  // what came of the latest one
};

struct Ladder {
  std::optional<Instant> began;  // first request of this fencing
  std::vector<Rung> rungs;       // by level, then device
};

// Progress of proving one host dead.
struct FenceTask {
  OpId op;                           // the reset of Recovering while under way, or none
  PowerVerb verb = PowerVerb::kOff;  // of that request
  bool off_sent = false;             // durable: an off may have reached a device in this fencing
  int attempts = 0;                  // requests that proved nothing
  Instant next_try;                  // volatile
  std::string last_outcome;          // for `ha explain`
  Ladder ladder;                     // volatile: asked anew after a restart
  bool storage_doubts = false;       // its beat moved although a device read off: silence must show
};

// Another fencer's word that it fenced the host, until it is believed or contradicted.
struct FencedClaim {
  std::string by;
  std::string text;
  Instant received;
};

}  // namespace mold::core
