// How soon the watchdog bites. The time that it needs is not the storage's: kill_after is the
// deadline without it. A watchdog that always bites soon resets a host for any hiccup, so it does
// only while a lease is about to run out.
//
// The order is the ladders' safety: a shorter timeout is set first and told then, a longer one is
// told first. Setting a timeout feeds the device, so it is done with the consent of every ladder
// only, like feeding: after they have looked at the time.
#include <algorithm>
#include <limits>

#include "agentd/heartbeat/supervisor.h"

namespace mold::heartbeat {
namespace {

constexpr std::uint32_t kOrdinaryPercent = 40;  // of the shortest deadline goes to the watchdog
constexpr std::uint32_t kOrdinaryLeastS = 3;    // a shorter one bites at any hiccup of the host
constexpr std::uint32_t kSoonestPercent = 20;
constexpr std::uint32_t kSoonestLeastS = 1;
constexpr Duration kCalmFor{5000};  // and trouble is over

unsigned share_of(std::uint32_t deadline_ms, std::uint32_t percent, std::uint32_t least_s) {
  return std::max(deadline_ms / 100 * percent / 1000, least_s);
}

}  // namespace

// Of those that are to be, and of those that beats on the storage still announce.
std::uint32_t Supervisor::shortest_deadline_ms() const {
  std::uint32_t deadline_ms = std::numeric_limits<std::uint32_t>::max();
  for (const auto& slot : slots_) {
    if (!slot.used()) continue;
    const auto in_force = static_cast<std::uint32_t>(slot.ladder().deadline().count());
    deadline_ms = std::min({deadline_ms, slot.entry().deadline_ms, in_force});
  }
  return deadline_ms;
}

unsigned Supervisor::ordinary_watchdog_s() const {
  return std::min(config_.watchdog_timeout_s,
                  share_of(shortest_deadline_ms(), kOrdinaryPercent, kOrdinaryLeastS));
}

void Supervisor::tell_ladders(Duration watchdog) {
  for (auto& slot : slots_) {
    if (slot.used()) slot.ladder().set_policy(policy_for(slot.entry(), watchdog));
  }
  dirty_ = true;
}

void Supervisor::fit_watchdog() {
  if (!watchdog_.armed()) return;
  const auto most = ordinary_watchdog_s();
  fit_due_ = !all_consent();
  if (most * 1000 < watchdog_.timeout_ms() && !fit_due_) watchdog_.set_timeout(most);
  // Its real timeout may be known only now.
  tell_ladders(Duration{watchdog_.timeout_ms()});
}

void Supervisor::bite_sooner_in_need(Instant now) {
  const bool need = std::any_of(slots_.begin(), slots_.end(), [&](const PoolSlot& slot) {
    return slot.used() && slot.ladder().wants_sooner_watchdog(now);
  });
  if (!need || sooner_refused_ || !watchdog_.armed() || !all_consent()) return;
  const auto before = watchdog_.timeout_ms();
  // Devices have a shortest timeout, and do not say which.
  for (auto s = share_of(shortest_deadline_ms(), kSoonestPercent, kSoonestLeastS);
       s * 1000 < before && watchdog_.timeout_ms() == before && watchdog_.armed(); ++s) {
    watchdog_.set_timeout(s);
  }
  sooner_refused_ = true;  // there is no shorter one
  later_refused_ = false;
  tell_ladders(Duration{watchdog_.timeout_ms()});
}

void Supervisor::bite_later_when_calm(Instant now) {
  const bool calm = std::all_of(slots_.begin(), slots_.end(), [&](const PoolSlot& slot) {
    return !slot.used() || slot.ladder().is_calm(now);
  });
  if (!calm) restless_at_ = now;
  if (now - restless_at_ < kCalmFor) return;
  sooner_refused_ = false;
  const auto ordinary = ordinary_watchdog_s();
  if (!watchdog_.armed() || !all_consent()) return;
  if (fit_due_) fit_watchdog();
  if (later_refused_ || watchdog_.timeout_ms() >= ordinary * 1000) return;
  tell_ladders(Duration{ordinary * 1000});
  watchdog_.set_timeout(ordinary);
  tell_ladders(Duration{watchdog_.timeout_ms()});
  later_refused_ = watchdog_.timeout_ms() < ordinary * 1000;
}

}  // namespace mold::heartbeat
