#include "lib/wire/codec_names.h"

#include "lib/base/check.h"

namespace mold::wire {
namespace {

// Looks through all enumerators from the first to `last`.
template <class E>
std::optional<E> parse_name(std::string_view text, E last) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    const E value = static_cast<E>(i);
    if (wire_name(value) == text) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view wire_name(core::OrderKind kind) {
  switch (kind) {
    case core::OrderKind::kStartVm:
      return "start-vm";
    case core::OrderKind::kStopVm:
      return "stop-vm";
    case core::OrderKind::kKillVm:
      return "kill-vm";
    case core::OrderKind::kRebootVm:
      return "reboot-vm";
    case core::OrderKind::kCreateDisk:
      return "create-disk";
    case core::OrderKind::kDeleteDisk:
      return "delete-disk";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(core::DomainPower power) {
  switch (power) {
    case core::DomainPower::kRunning:
      return "running";
    case core::DomainPower::kPaused:
      return "paused";
    case core::DomainPower::kGone:
      return "gone";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(core::GoneReason reason) {
  switch (reason) {
    case core::GoneReason::kUnknown:
      return "unknown";
    case core::GoneReason::kShutdown:
      return "shutdown";
    case core::GoneReason::kCrashed:
      return "crashed";
    case core::GoneReason::kKilled:
      return "killed";
    case core::GoneReason::kSelfFenced:
      return "self-fenced";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(core::Outcome outcome) {
  switch (outcome) {
    case core::Outcome::kConfirmed:
      return "confirmed";
    case core::Outcome::kFailed:
      return "failed";
    case core::Outcome::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kNotFound:
      return "not-found";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
    case ErrorKind::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(core::PowerVerb verb) {
  switch (verb) {
    case core::PowerVerb::kStatus:
      return "status";
    case core::PowerVerb::kOff:
      return "off";
    case core::PowerVerb::kOn:
      return "on";
    case core::PowerVerb::kReset:
      return "reset";
    case core::PowerVerb::kCycle:
      return "cycle";
    case core::PowerVerb::kSoft:
      return "soft";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(core::PowerState state) {
  switch (state) {
    case core::PowerState::kOn:
      return "on";
    case core::PowerState::kOff:
      return "off";
    case core::PowerState::kUnknown:
      return "unknown";
  }
  MOLD_UNREACHABLE();
}

std::string_view wire_name(PowerTask task) {
  switch (task) {
    case PowerTask::kRequest:
      return "request";
    case PowerTask::kIdentify:
      return "identify";
  }
  MOLD_UNREACHABLE();
}

std::optional<core::OrderKind> parse_order_kind(std::string_view text) {
  return parse_name(text, core::OrderKind::kDeleteDisk);
}
std::optional<core::DomainPower> parse_domain_power(std::string_view text) {
  return parse_name(text, core::DomainPower::kGone);
}
std::optional<core::GoneReason> parse_gone_reason(std::string_view text) {
  return parse_name(text, core::GoneReason::kSelfFenced);
}
std::optional<core::Outcome> parse_outcome(std::string_view text) {
  return parse_name(text, core::Outcome::kUnknown);
}
std::optional<ErrorKind> parse_error_kind(std::string_view text) {
  return parse_name(text, ErrorKind::kUnknown);
}

std::optional<core::PowerVerb> parse_power_verb(std::string_view text) {
  return parse_name(text, core::PowerVerb::kSoft);
}

std::optional<core::PowerState> parse_power_state(std::string_view text) {
  return parse_name(text, core::PowerState::kUnknown);
}

std::optional<PowerTask> parse_power_task(std::string_view text) {
  return parse_name(text, PowerTask::kIdentify);
}

}  // namespace mold::wire
