#include "manager/power/power_poll.h"

#include <algorithm>
#include <utility>

#include "manager/power/power_settings.h"

namespace mold::manager {
namespace {

// A BMC that has not answered by then counts as silent, whatever the settings allow actions.
constexpr Duration kReadDeadline{15'000};
constexpr Duration kFirstRound{2'000};
constexpr Duration kBusyPause{1'000};
constexpr Duration kRefusalPause{24LL * 60 * 60 * 1'000};
// One lost answer is weather.
constexpr int kFailuresToTell = 2;
constexpr std::uint64_t kSeed = 0x6d6f6c64;  // only spreads rounds; need not differ

}  // namespace

PowerPoll::PowerPoll(runtime::EventLoop& loop, Engine& engine, Inventory& inventory,
                     PowerService& power, PowerService::Chooser chooser)
    : loop_(loop),
      engine_(engine),
      inventory_(inventory),
      power_(power),
      chooser_(std::move(chooser)),
      timer_(loop),
      rng_(kSeed),
      alive_(std::make_shared<bool>(true)) {}

PowerPoll::~PowerPoll() {
  *alive_ = false;
}

void PowerPoll::start() {
  timer_.start_after(kFirstRound, [this] {
    begin_round();
    plan();
  });
}

// A tenth of the interval to and fro, so that managers and polls of others do not fall into step.
void PowerPoll::plan() {
  const Duration interval = power_setting_seconds(inventory_, kPollInterval);
  const std::int64_t tenth = interval.count() / 10;
  const Duration pause = interval + Duration{rng_.between(-tenth, tenth)};
  timer_.start_after(pause, [this] {
    if (idle()) {
      begin_round();
      plan();
    } else {
      timer_.start_after(kBusyPause, [this] {
        begin_round();
        plan();
      });
    }
  });
}

void PowerPoll::begin_round() {
  if (!idle()) return;
  ++rounds_;
  std::map<HostId, Health> kept;
  for (const auto& [id, host] : inventory_.hosts().all()) {
    if (!is_live(host) || !host.oobm.configured || !host.oobm.enabled) continue;
    waiting_.push_back(id);
    if (const auto known = health_.find(id); known != health_.end()) kept.insert(*known);
  }
  health_ = std::move(kept);
  pump();
}

void PowerPoll::pump() {
  if (pumping_) return;
  pumping_ = true;
  const auto most = static_cast<std::size_t>(power_setting(inventory_, kPollPool));
  while (under_way_ < most && !waiting_.empty()) {
    const HostId host = waiting_.front();
    waiting_.pop_front();
    const Feed feed{host, {}};
    const HostId executor = chooser_ ? chooser_(feed) : HostId{};
    const Status begun = power_.read(feed, executor, kReadDeadline,
                                     [this, alive = alive_, feed, asked = power_.revision(feed)](
                                         const port::PowerResult& result) {
                                       if (!*alive) return;
                                       --under_way_;
                                       // Else it is another BMC's answer, or silence.
                                       if (asked == power_.revision(feed))
                                         on_read(feed.host, result);
                                       pump();
                                     });
    if (begun) ++under_way_;
  }
  pumping_ = false;
}

void PowerPoll::on_read(HostId host, const port::PowerResult& result) {
  ++readings_;
  const HostRecord* const record = inventory_.hosts().find_live(host);
  if (record == nullptr) return;
  if (result.outcome != core::Outcome::kConfirmed) {
    ++failures_;
    on_failure(*record, result);
    return;
  }
  Health& health = health_[host];
  if (health.told) {
    tell(*record, "HOST.OOBM.POLL.RECOVERED", EventLevel::kInfo, "answers again");
  }
  health = Health{0, false, health.refusal_told};
}

void PowerPoll::on_failure(const HostRecord& host, const port::PowerResult& result) {
  Health& health = health_[host.id];
  ++health.failures;
  if (result.error == ErrorKind::kDenied) {
    const Instant now = loop_.now();
    if (health.refusal_told && now - *health.refusal_told < kRefusalPause) return;
    health.refusal_told = now;
    health.told = true;
    tell(host, "ALERT.OOBM.AUTHERROR", EventLevel::kError, "refuses our password: " + result.text);
    return;
  }
  if (health.told || health.failures < kFailuresToTell) return;
  health.told = true;
  tell(host, "HOST.OOBM.POLL.FAILED", EventLevel::kWarn, "does not answer: " + result.text);
}

void PowerPoll::tell(const HostRecord& host, const char* type, EventLevel level, std::string text) {
  if (!engine_.admits()) return;  // a reading is no reason to fill a disk that is full
  NewEvent event;
  event.type = type;
  event.level = level;
  event.description = "The BMC of host " + host.name + " " + std::move(text);
  event.resource_type = "Host";
  event.resource_uuid = host.uuid;
  engine_.note_event(std::move(event));
}

std::size_t PowerPoll::failing() const {
  return static_cast<std::size_t>(std::count_if(
      health_.begin(), health_.end(), [](const auto& entry) { return entry.second.failures > 0; }));
}

}  // namespace mold::manager
