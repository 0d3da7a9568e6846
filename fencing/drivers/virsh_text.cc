#include "fencing/drivers/virsh_text.h"

#include <algorithm>
#include <array>

#include "fencing/drivers/libvirt_uri.h"
#include "fencing/drivers/target_text.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

using core::PowerState;

struct VirshMeaning {
  std::string_view text;
  ErrorKind error;
  std::string_view advice;
};

// The reason comes before "failed to connect to the hypervisor", which they share.
constexpr VirshMeaning kVirshMeanings[] = {
    {"failed to get domain", ErrorKind::kNotFound, "this libvirt has no such domain"},
    {"Domain not found", ErrorKind::kNotFound, "this libvirt has no such domain"},
    {"uthentication failed", ErrorKind::kDenied, "libvirt refuses us: check its access rules"},
    {"ermission denied", ErrorKind::kDenied, "libvirt refuses us: check its access rules"},
    {"Host key verification failed", ErrorKind::kDenied, "the host's ssh key is not known here"},
    {"access denied", ErrorKind::kDenied, "libvirt refuses us: check its access rules"},
    {"failed to connect to the hypervisor", ErrorKind::kUnavailable,
     "no libvirt answers at this URI: it is down or unreachable"},
    {"End of file while reading", ErrorKind::kUnavailable, "libvirt went away meanwhile"},
    {"domain is not running", ErrorKind::kConflict, "the domain is not running"},
    {"Domain is already active", ErrorKind::kConflict, "the domain is running already"},
};

// States in which the guest, or what it has open, is still there.
constexpr std::array<std::string_view, 6> kOn = {"running",     "idle",        "paused",
                                                 "in shutdown", "pmsuspended", "crashed"};

}  // namespace

Status check_libvirt_target(const port::PowerTarget& target) {
  for (const auto& [name, value] : target.options) {
    if (name != "domain") return fail(unknown_option(name, "libvirt", "domain"));
    MOLD_TRY_VOID(check_plain("option domain", value));
  }
  const auto domain = target.options.find("domain");
  if (domain == target.options.end() || domain->second.empty() || domain->second.front() == '-')
    return fail(ErrorKind::kInvalid, "option domain: must name the host's domain, or be its UUID");
  return check_libvirt_uri(target.address);
}

Error virsh_failure(const runtime::ChildResult& result) {
  if (result.timed_out) return {ErrorKind::kTimeout, "libvirt did not answer in time"};
  for (const VirshMeaning& known : kVirshMeanings) {
    if (result.err.find(known.text) != std::string::npos)
      return {known.error, std::string(known.advice)};
  }
  return {ErrorKind::kUnknown, "virsh ended with code " + std::to_string(result.exit_code) +
                                   ": run it by hand to see why"};
}

PowerReading read_domain_state(const runtime::ChildResult& result) {
  if (!result.ok()) {
    Error error = virsh_failure(result);
    return {PowerState::kUnknown, error.kind, std::move(error.what)};
  }
  const std::string_view text = trim(result.out);
  const auto open = text.find(" (");
  const std::string_view state = text.substr(0, open);
  const std::string_view reason = open == std::string_view::npos ? "" : text.substr(open + 2);
  if (std::find(kOn.begin(), kOn.end(), state) != kOn.end())
    return {PowerState::kOn, ErrorKind::kInternal, {}};
  if (state != "shut off")
    return {PowerState::kUnknown, ErrorKind::kBusy, "libvirt says \"" + std::string(text) + "\""};
  if (reason.starts_with("migrated")) {
    return {PowerState::kUnknown, ErrorKind::kConflict,
            "the domain was migrated away: it may run elsewhere; look for it there"};
  }
  if (reason.starts_with("saved")) {
    return {PowerState::kUnknown, ErrorKind::kConflict,
            "the domain is saved, not dead: virsh managedsave-remove drops its saved memory"};
  }
  return {PowerState::kOff, ErrorKind::kInternal, {}};
}

PowerActed read_virsh_action(const runtime::ChildResult& result) {
  if (result.ok()) return {Sent::kAccepted, ErrorKind::kInternal, {}};
  Error error = virsh_failure(result);
  const bool refused = error.kind == ErrorKind::kNotFound || error.kind == ErrorKind::kConflict ||
                       error.kind == ErrorKind::kDenied;
  return {refused ? Sent::kRefused : Sent::kMaybe, error.kind, std::move(error.what)};
}

}  // namespace mold::fencing
