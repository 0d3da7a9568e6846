#include "fencing/by_hand/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lib/base/text.h"
#include "lib/runtime/journal_log.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;

// " (+12 ms)" at the end of a step.
struct Stamp {
  std::size_t begin = std::string_view::npos;
  std::size_t end = 0;
  std::int64_t ms = 0;
};

Stamp next_stamp(std::string_view text, std::size_t from) {
  constexpr std::string_view kOpen = " (+";
  constexpr std::string_view kClose = " ms)";
  for (auto at = text.find(kOpen, from); at != std::string_view::npos;
       at = text.find(kOpen, at + 1)) {
    const std::size_t digits = at + kOpen.size();
    const std::size_t close = text.find(kClose, digits);
    if (close == std::string_view::npos) return {};
    const auto ms = parse_number<std::int64_t>(text.substr(digits, close - digits));
    if (ms) return {at, close + kClose.size(), *ms};
  }
  return {};
}

// The part that decides: the first that is not confirmed, else the last.
const HandPart* deciding(const HandAccount& account) {
  for (const HandPart& part : account.parts)
    if (part.outcome != Outcome::kConfirmed) return &part;
  return account.parts.empty() ? nullptr : &account.parts.back();
}

std::string_view advice_for(ErrorKind error) {
  switch (error) {
    case ErrorKind::kInvalid:
      return "a setting is wrong; --help lists those of each driver";
    case ErrorKind::kDenied:
      return "log in to the device with the same user and password in another way; check that the "
             "user may control power, and is not locked";
    case ErrorKind::kUnavailable:
      return "check address and port, the network between here and the device, and the device's "
             "own power; some answer only after minutes when their machine's mains came back";
    case ErrorKind::kTimeout:
      return "ask for the status again; a device that is slow every time needs a longer --timeout "
             "(ipmitool: --option timeout=5)";
    case ErrorKind::kUnsupported:
      return "this device or driver cannot do it; try another driver, or another option";
    case ErrorKind::kConflict:
      return "read what the device said above; its own log may say why";
    case ErrorKind::kNotFound:
      return "something that was named does not exist: the program, the system, the user or plug";
    case ErrorKind::kBusy:
      return "try again in a moment";
    case ErrorKind::kCorrupt:
      return "the device's answer is not understood; update its firmware, or try another driver";
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal:
    case ErrorKind::kUnknown:
      return "ask for the status; until something is read, the machine may be on";
  }
  return "";
}

nlohmann::json part_json(const HandPart& part) {
  nlohmann::json steps = nlohmann::json::array();
  for (const HandStep& step : part.steps) {
    nlohmann::json one{{"text", step.text}};
    if (step.ms >= 0) one["ms"] = step.ms;
    steps.push_back(std::move(one));
  }
  nlohmann::json json{{"title", part.title},
                      {"outcome", core::to_string(part.outcome)},
                      {"state", core::to_string(part.state)},
                      {"steps", std::move(steps)}};
  if (part.outcome != Outcome::kConfirmed) json["error"] = to_string(part.error);
  return json;
}

}  // namespace

std::vector<HandStep> split_story(std::string_view text) {
  std::vector<HandStep> steps;
  const auto name_end = text.find(": ");
  std::size_t at = 0;
  Stamp stamp = next_stamp(text, 0);
  // The device's name stands in the first line of the account already.
  if (stamp.begin != std::string_view::npos && name_end < stamp.begin) at = name_end + 2;
  while (stamp.begin != std::string_view::npos) {
    steps.push_back({stamp.ms, std::string(text.substr(at, stamp.begin - at))});
    at = stamp.end;
    if (text.substr(at).starts_with("; ")) at += 2;
    stamp = next_stamp(text, at);
  }
  if (at < text.size()) steps.push_back({-1, std::string(text.substr(at))});
  return steps;
}

HandExit exit_of(const HandAccount& account) {
  const HandPart* const part = deciding(account);
  if (part == nullptr) return HandExit::kFailed;
  if (part->outcome == Outcome::kConfirmed) {
    if (!account.mismatch.empty()) return HandExit::kFailed;
    const bool off = account.action == HandAction::kStatus && part->state == PowerState::kOff;
    return off ? HandExit::kOff : HandExit::kDone;
  }
  const bool only_read = account.action == HandAction::kStatus ||
                         account.action == HandAction::kIdentify ||
                         account.action == HandAction::kDrill;
  if (part->outcome == Outcome::kUnknown && !only_read) return HandExit::kUnknown;
  if (part->error == ErrorKind::kDenied) return HandExit::kDenied;
  if (part->error == ErrorKind::kUnavailable) return HandExit::kUnreachable;
  return part->outcome == Outcome::kUnknown || part->error == ErrorKind::kTimeout
             ? HandExit::kUnknown
             : HandExit::kFailed;
}

std::string verdict_of(const HandAccount& account) {
  const HandPart* const part = deciding(account);
  if (part == nullptr) return "nothing was asked";
  const std::string asked(to_string(account.action));
  switch (part->outcome) {
    case Outcome::kConfirmed:
      break;
    case Outcome::kFailed:
      return asked + " failed (" + std::string(to_string(part->error)) + "): not carried out";
    case Outcome::kUnknown:
      return asked + ": unknown (" + std::string(to_string(part->error)) + ")";
  }
  if (!account.mismatch.empty()) return asked + " failed: " + account.mismatch;
  if (account.action == HandAction::kStatus || part->state != PowerState::kUnknown)
    return asked + " confirmed: the machine is " + std::string(core::to_string(part->state));
  return asked + " confirmed";
}

std::string advice_of(const HandAccount& account) {
  const HandPart* const part = deciding(account);
  if (part == nullptr) return {};
  if (part->outcome != Outcome::kConfirmed) return std::string(advice_for(part->error));
  if (!account.mismatch.empty()) {
    return "do not fence through this device: it would cut another machine's power and call the "
           "dead one off; correct its address, system or plug";
  }
  return {};
}

std::string part_text(const HandPart& part) {
  std::string text;
  for (const HandStep& step : part.steps) {
    const std::string when = step.ms < 0 ? "" : fmt::format("+{} ms", step.ms);
    text += fmt::format("  {:>10}  {}\n", when, runtime::one_line(step.text));
  }
  return text;
}

std::string ending_text(const HandAccount& account) {
  std::string text;
  if (account.identity_known) {
    const auto fact = [&text](std::string_view name, const std::string& value) {
      text += fmt::format("  {:>10}  {}\n", name,
                          value.empty() ? "the device does not tell" : runtime::one_line(value));
    };
    fact("UUID", account.identity.uuid);
    fact("serial", account.identity.serial);
    fact("model", account.identity.model);
  }
  text += fmt::format("{} ({} ms)\n", runtime::one_line(verdict_of(account)), account.took.count());
  const std::string advice = advice_of(account);
  if (!advice.empty()) text += "what to do: " + advice + "\n";
  return text;
}

std::string json_text(const HandAccount& account) {
  nlohmann::json parts = nlohmann::json::array();
  for (const HandPart& part : account.parts) parts.push_back(part_json(part));
  nlohmann::json json{
      {"action", to_string(account.action)}, {"device", account.device},
      {"parts", std::move(parts)},           {"verdict", verdict_of(account)},
      {"took_ms", account.took.count()},     {"exit_code", static_cast<int>(exit_of(account))}};
  if (account.identity_known) {
    json["identity"] = {{"uuid", account.identity.uuid},
                        {"serial", account.identity.serial},
                        {"model", account.identity.model}};
  }
  const std::string advice = advice_of(account);
  if (!advice.empty()) json["advice"] = advice;
  // A device may say anything; what is no UTF-8 is replaced, not thrown at.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace mold::fencing
