#pragma once
// What mold-fence tells at the end: the steps with their times, one line of verdict, advice, and
// the exit code that scripts go by. Pure; as lines for a person or as JSON.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fencing/by_hand/command_line.h"

namespace mold::fencing {

// Numbers, once released, keep their meaning; they are in --help and mold-fence(8).
enum class HandExit : int {
  kDone = 0,  // of status: on
  kFailed = 1,
  kOff = 2,  // of status only
  kDenied = 3,
  kUnreachable = 4,
  kUnknown = 5,
  kUsage = 64,
};

struct HandStep {
  std::int64_t ms = -1;  // since the part began; -1: not told
  std::string text;
};

// One thing that was asked of a driver.
struct HandPart {
  std::string title;  // "off", or of a drill: "state", "identity"
  core::Outcome outcome = core::Outcome::kUnknown;
  core::PowerState state = core::PowerState::kUnknown;
  ErrorKind error = ErrorKind::kUnknown;
  std::vector<HandStep> steps;
};

struct HandAccount {
  HandAction action = HandAction::kStatus;
  std::string device;  // "ipmitool 10.0.0.7, user ADMIN"
  std::vector<HandPart> parts;
  port::MachineIdentity identity;
  bool identity_known = false;  // a device answered the question
  std::string mismatch;         // it is not the machine that was expected
  Duration took{0};
};

// A driver's story, "name: step (+12 ms); step (+80 ms)", in steps. Any other text is one step.
std::vector<HandStep> split_story(std::string_view text);

HandExit exit_of(const HandAccount& account);
// One line: "confirmed: off" and the like.
std::string verdict_of(const HandAccount& account);
// What to do next; empty when all is well.
std::string advice_of(const HandAccount& account);

std::string part_text(const HandPart& part);          // its lines
std::string ending_text(const HandAccount& account);  // identity, verdict, advice
std::string json_text(const HandAccount& account);

}  // namespace mold::fencing
