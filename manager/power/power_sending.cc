// How one request of PowerService leaves the house: by whom, and with which password.
#include <algorithm>
#include <utility>

#include "core/fencing/fencing.h"
#include "lib/runtime/event_loop.h"
#include "manager/power/power_service.h"

namespace mold::manager {
namespace {

constexpr Duration kLeastForSecondLogin{1'000};

// The device let us in and said something.
bool was_let_in(const port::PowerResult& result) {
  return result.outcome == core::Outcome::kConfirmed;
}

port::PowerResult outdated_result() {
  return {.error = ErrorKind::kConflict, .text = core::kSettingsChanged};
}

bool was_refused(const port::PowerResult& result) {
  return result.outcome == core::Outcome::kFailed && result.error == ErrorKind::kDenied;
}

}  // namespace

HostId PowerService::usable(HostId executor) const {
  return executor && executor_ != nullptr && executor_->available(executor) ? executor : HostId{};
}

// A reading that somebody else was to make says nothing when the manager makes it instead.
Status PowerService::check_executor(HostId executor) const {
  if (executor == usable(executor)) return {};
  return fail(ErrorKind::kUnavailable, "the host that was to read it is not connected");
}

void PowerService::hand_out(const Sending& what, const port::PowerTarget& target, Done done) {
  if (what.executor)
    executor_->request(what.executor, what.op, target, what.verb, what.deadline, std::move(done));
  else
    driver_.request(target, what.verb, what.deadline, std::move(done));
}

void PowerService::send(const Sending& what, const PowerTargets::Opened& opened, Done done) {
  const Instant end = runtime::boot_time_now() + what.deadline;
  hand_out(what, opened.target,
           [this, alive = alive_, what, opened, end,
            done = std::move(done)](const port::PowerResult& result) {
             if (!*alive) return;
             if (is_outdated(what)) {
               done(outdated_result());
               return;
             }
             if (opened.other && was_refused(result)) {
               send_with_other(what, opened, end, result.text, done);
               return;
             }
             if (opened.other && was_let_in(result))
               targets_.on_login(what.feed.host, opened.change, false);
             done(result);
           });
}

// Nothing was carried out with the first password, so this is still the same request.
void PowerService::send_with_other(const Sending& what, const PowerTargets::Opened& opened,
                                   Instant end, const std::string& first_text, const Done& done) {
  Sending again = what;
  again.deadline = std::max(end - runtime::boot_time_now(), kLeastForSecondLogin);
  port::PowerTarget target = opened.target;
  target.password = *opened.other;
  hand_out(again, target,
           [this, alive = alive_, what, change = opened.change, first_text,
            done](port::PowerResult result) {
             if (!*alive) return;
             if (is_outdated(what)) {
               done(outdated_result());
               return;
             }
             if (was_let_in(result)) targets_.on_login(what.feed.host, change, true);
             if (was_refused(result)) {
               result.text =
                   "neither the password from before the change nor the new one: " + first_text;
             }
             done(std::move(result));
           });
}

}  // namespace mold::manager
