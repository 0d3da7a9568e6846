#include "fencing/fence_mold/contract.h"

#include <array>
#include <utility>

#include "lib/base/check.h"

namespace mold::fence_mold {
namespace {

constexpr std::array<std::pair<Action, std::string_view>, 9> kActions = {{
    {Action::kMetadata, "metadata"},
    {Action::kOn, "on"},
    {Action::kOff, "off"},
    {Action::kReboot, "reboot"},
    {Action::kStatus, "status"},
    {Action::kMonitor, "monitor"},
    {Action::kList, "list"},
    {Action::kListStatus, "list-status"},
    {Action::kValidateAll, "validate-all"},
}};

// Something was asked of the device and the state that was to follow was not read.
Exit not_read_back(std::optional<Action> action, Exit otherwise) {
  if (action == Action::kOn) return Exit::kWaitingOn;
  if (action == Action::kOff || action == Action::kReboot) return Exit::kWaitingOff;
  return otherwise;
}

}  // namespace

std::string_view to_string(Action action) {
  for (const auto& [known, name] : kActions) {
    if (known == action) return name;
  }
  MOLD_UNREACHABLE();
}

std::optional<Action> parse_action(std::string_view text) {
  for (const auto& [action, name] : kActions) {
    if (name == text) return action;
  }
  return std::nullopt;
}

Exit exit_of(std::optional<Action> action, ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return action && action != Action::kStatus ? Exit::kOffOrBadArguments : Exit::kFailed;
    case ErrorKind::kDenied:
      return Exit::kLoginDenied;
    case ErrorKind::kUnavailable:
      return Exit::kConnectionLost;
    case ErrorKind::kTimeout:
    case ErrorKind::kUnknown:
      return not_read_back(action, Exit::kTimedOut);
    case ErrorKind::kConflict:
      return not_read_back(action, Exit::kNoStatus);
    case ErrorKind::kNotFound:
    case ErrorKind::kCorrupt:
      return Exit::kNoStatus;
    case ErrorKind::kUnsupported:
    case ErrorKind::kBusy:
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal:
      return Exit::kFailed;
  }
  MOLD_UNREACHABLE();
}

}  // namespace mold::fence_mold
