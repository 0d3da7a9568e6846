#pragma once
// What a person typed at mold-fence: which driver, which device, what to do. Passwords are never
// taken from here, only where to find them. Pure.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "lib/port/power_control.h"

namespace mold::fencing {

enum class HandAction : std::uint8_t {
  kStatus,
  kOn,
  kOff,
  kCycle,
  kReset,
  kSoft,
  kIdentify,
  kChangePassword,
  kDrill,
};
std::string_view to_string(HandAction action);

// Where a secret is; both empty: asked for on the terminal.
struct SecretPlace {
  std::string file;
  std::string environment;

  [[nodiscard]] bool named() const { return !file.empty() || !environment.empty(); }
};

struct HandCommand {
  port::PowerTarget target;  // without its password
  HandAction action = HandAction::kStatus;
  Duration timeout{0};
  SecretPlace password;
  SecretPlace fresh;          // change-password
  std::string expect_uuid;    // identify, drill: of the machine that is meant
  std::string expect_serial;  // the same
  bool json = false;
  bool help = false;  // nothing else is set then
};

// kInvalid: what is wrong, for a person.
Result<HandCommand> parse_hand_command(const std::vector<std::string>& words);
std::string hand_help();

}  // namespace mold::fencing
