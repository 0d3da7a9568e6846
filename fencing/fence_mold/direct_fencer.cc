#include "fencing/fence_mold/direct_fencer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

namespace mold::fence_mold {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

Error not_known(const port::PowerResult& result) {
  const bool told = result.outcome == Outcome::kFailed || result.error == ErrorKind::kUnavailable;
  return Error{told ? result.error : ErrorKind::kUnknown, result.text};
}

}  // namespace

DirectFencer::DirectFencer(runtime::EventLoop& loop, port::PowerControl& driver,
                           port::PowerTarget target, std::string plug, Duration power_timeout,
                           Say say)
    : loop_(loop),
      driver_(driver),
      target_(std::move(target)),
      plug_(std::move(plug)),
      power_timeout_(power_timeout),
      say_(std::move(say)) {}

Result<port::PowerResult> DirectFencer::ask(PowerVerb verb, Duration limit) {
  // Shared: a completion that comes after an interruption must still find its place.
  const auto answer = std::make_shared<std::optional<port::PowerResult>>();
  driver_.request(target_, verb, limit,
                  [answer](port::PowerResult result) { *answer = std::move(result); });
  loop_.run_until([&answer] { return answer->has_value(); }, limit + kGrace);
  if (!*answer) return fail(ErrorKind::kCancelled, "interrupted; what was done is not known");
  say_((*answer)->text);
  return std::move(**answer);
}

Result<PowerState> DirectFencer::read() {
  MOLD_TRY(const port::PowerResult result, ask(PowerVerb::kStatus, power_timeout_));
  if (result.outcome != Outcome::kConfirmed) return fail(not_known(result));
  if (result.state == PowerState::kUnknown) return fail(ErrorKind::kConflict, result.text);
  return result.state;
}

Status DirectFencer::bring(PowerState wished, Duration at_most) {
  const PowerVerb verb = wished == PowerState::kOn ? PowerVerb::kOn : PowerVerb::kOff;
  MOLD_TRY(const port::PowerResult result, ask(verb, std::min(power_timeout_, at_most)));
  if (result.outcome == Outcome::kConfirmed && result.state == wished) return {};
  return fail(not_known(result));
}

Result<std::vector<Plug>> DirectFencer::list() {
  std::vector<Plug> plugs;
  if (!plug_.empty()) plugs.push_back({plug_, "", PowerState::kUnknown});
  return plugs;
}

Status DirectFencer::monitor() {
  MOLD_TRY_VOID(read());
  return {};
}

}  // namespace mold::fence_mold
