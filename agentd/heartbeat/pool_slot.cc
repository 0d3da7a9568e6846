#include "agentd/heartbeat/pool_slot.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "agentd/heartbeat/quiet_log.h"

namespace mold::heartbeat {
namespace {

constexpr Duration kChildRestartPause{500};
// Without its program a child can do nothing; somebody may install it.
constexpr Duration kNoProgramPause{10'000};
constexpr std::int64_t kMaxOpTimeoutMs = 30'000;
constexpr int kMaxReportsPerRound = 4 * static_cast<int>(kMaxReadings);

}  // namespace

void PoolSlot::configure(const PoolEntry& entry, const LadderPolicy& policy, BoardPool& board) {
  used_ = true;
  entry_ = entry;
  ladder_ = Ladder(policy);
  board_ = &board;
  board.head = BoardPoolHead{};
  entry.uuid.write(name_);
  real_path_[0] = '\0';
  error_[0] = '\0';
  identity_known_ = false;
  failing_ = false;
  vm_count_ = 0;
  last_took_ms_ = 0;
  last_ack_ = next_issue_ = restart_at_ = Instant{};
  if (!policy.workable()) {
    log_line(
        LogLevel::kError,
        "pool %s: deadline of %lld ms is too short for the watchdog (%lld ms), the grace and two "
        "beats: its lease cannot be held",
        name_, static_cast<long long>(policy.deadline.count()),
        static_cast<long long>(policy.watchdog_timeout.count()));
  }
}

void PoolSlot::reconfigure(const PoolEntry& entry, const LadderPolicy& policy) {
  PoolEntry same = entry;  // but for what only the ladder has to know
  same.deadline_ms = entry_.deadline_ms;
  same.policy = entry_.policy;
  if (same != entry_) worker_.stop();
  if (entry.path != entry_.path) real_path_[0] = '\0';
  entry_ = entry;
  ladder_.set_policy(policy);
}

void PoolSlot::inherit(const BoardPoolHead& old, Duration watchdog) {
  ladder_.inherit(static_cast<LeaseState>(old.state), Instant{old.valid_until_ms},
                  Duration{old.deadline_ms}, watchdog, old.armed_announced == 1, old.fenced == 1);
  last_ack_ = Instant{old.last_ack_ms};
  // The pool may hang from now on, and its links would never be resolved again.
  std::snprintf(real_path_, sizeof real_path_, "%.511s", old.real_path);
  identity_known_ = old.last_ack_ms > 0;
}

void PoolSlot::clear() {
  worker_.stop();
  used_ = false;
  board_->head = BoardPoolHead{};
}

PoolChildSetup PoolSlot::setup_of(const HostFacts& facts) const {
  PoolChildSetup setup;
  setup.size = kPoolProtocolSize;
  setup.cluster = facts.cluster;
  setup.pool = entry_.uuid;
  setup.host = facts.host;
  setup.boot = facts.boot;
  setup.type = entry_.type;
  setup.read_interval_ms = entry_.beat_interval_ms;
  // Three tries before the lease runs out; no fewer than one a second, for clocks of whole seconds.
  const auto third = ladder_.policy().kill_after(ladder_.policy().deadline).count() / 3;
  setup.op_timeout_ms =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(third, 1000, kMaxOpTimeoutMs));
  setup.must_be_mountpoint = entry_.must_be_mountpoint;
  setup.identity_known = identity_known_;
  std::snprintf(setup.path, sizeof setup.path, "%s", entry_.path.c_str());
  std::snprintf(setup.source, sizeof setup.source, "%s", entry_.source.c_str());
  std::snprintf(setup.conf, sizeof setup.conf, "%s", entry_.conf.c_str());
  return setup;
}

void PoolSlot::on_child_gone(Instant now) {
  restart_at_ = std::max(restart_at_, now + kChildRestartPause);
  const int code = worker_.exit_code();
  const bool no_use = code == kExitNoProgram || code == kExitOtherVersion;
  if (no_use) restart_at_ = now + kNoProgramPause;
  if (!ladder_.outstanding()) return;
  if (code == kExitNoProgram) {
    beat_failed(now, PoolFault::kNoProgram, 0);
  } else if (code == kExitOtherVersion) {
    beat_failed(now, PoolFault::kOtherVersion, 0);
  } else {
    beat_failed(now, PoolFault::kWrite, ECHILD);
  }
}

void PoolSlot::tend_worker(Instant now, const HostFacts& facts) {
  if (worker_.reap()) on_child_gone(now);
  const Duration patience = std::max(ladder_.deadline(), Duration{2000});
  if (worker_.usable() && ladder_.outstanding() && now - issued_at_ > patience) {
    log_line(LogLevel::kError,
             "pool %s: no answer from its storage for %lld ms, giving its process up", name_,
             static_cast<long long>((now - issued_at_).count()));
    worker_.stop();
    beat_failed(now, PoolFault::kWrite, ETIMEDOUT);
  }
  if (!used_ || worker_.present() || now < restart_at_) return;
  restart_at_ = now + kChildRestartPause;
  (void)worker_.start(setup_of(facts), facts.programs_dir);
}

void PoolSlot::issue_if_due(Instant now, const LadderStep& step, HostFacts& facts) {
  if (!step.may_issue || now < next_issue_ || !worker_.usable()) return;
  BeatOrder order{};
  order.number = ++order_number_;
  auto& record = order.record;
  record.cluster = facts.cluster;
  record.pool = entry_.uuid;
  record.host = facts.host;
  record.boot = facts.boot;
  record.epoch = facts.epoch;
  record.incarnation = facts.incarnation;
  record.counter = facts.counter++;
  record.deadline_ms = static_cast<std::uint32_t>(ladder_.deadline_to_announce(now).count());
  record.armed = step.announce_armed;
  record.health = failing_                                  ? PoolHealth::kFailing
                  : last_took_ms_ > entry_.beat_interval_ms ? PoolHealth::kSlow
                                                            : PoolHealth::kOk;
  next_issue_ = now + Duration{entry_.beat_interval_ms};
  ladder_.beat_issued(now, record.armed);
  issued_at_ = now;
  if (!worker_.order(order)) {
    worker_.stop();
    beat_failed(now, PoolFault::kWrite, EPIPE);
  }
}

bool PoolSlot::drain(Instant now) {
  ChildReport report;
  int count = 0;
  while (count < kMaxReportsPerRound && worker_.receive(report)) {
    ++count;
    take(now, report);
  }
  return count > 0;
}

void PoolSlot::take(Instant now, const ChildReport& report) {
  switch (report.says) {
    case ChildSays::kReady:
      std::snprintf(real_path_, sizeof real_path_, "%.511s", report.real_path);
      identity_known_ = true;
      break;
    case ChildSays::kDone:
      on_done(now, report);
      break;
    case ChildSays::kReading:
      on_reading(report);
      break;
    case ChildSays::kFenced:
      on_fenced(now);
      break;
  }
}

// The child's client is dead for good; with the process its last handle on the storage is certainly
// gone. A new one begins only after the time that a probation takes: who was fenced and is let in
// again at once would be let in before whoever fenced it has looked.
void PoolSlot::on_fenced(Instant now) {
  const Duration pause = ladder_.policy().probation_beats * ladder_.policy().beat_interval;
  if (!ladder_.is_fenced()) {  // else it is still shut out, which is said once
    log_line(LogLevel::kError, "pool %s: FENCED: the storage shut this host out", name_);
  }
  worker_.stop();
  restart_at_ = now + std::max(pause, kChildRestartPause);
  ladder_.fenced();
  beat_failed(now, PoolFault::kFenced, 0);
}

void PoolSlot::on_done(Instant now, const ChildReport& report) {
  if (report.fault == PoolFault::kFenced) {
    on_fenced(now);
    return;
  }
  if (!ladder_.outstanding() || report.number != order_number_) return;
  if (report.fault != PoolFault::kNone) {
    beat_failed(now, report.fault, report.error);
    return;
  }
  last_took_ms_ = static_cast<std::uint32_t>((now - issued_at_).count());
  if (failing_) log_line(LogLevel::kNotice, "pool %s: beats are written again", name_);
  failing_ = false;
  error_[0] = '\0';
  last_ack_ = now;
  ladder_.beat_done(now, true);
}

void PoolSlot::beat_failed(Instant now, PoolFault fault, int error) {
  if (error != 0) {
    std::snprintf(error_, sizeof error_, "%s: %.60s", to_text(fault), std::strerror(error));
  } else {
    std::snprintf(error_, sizeof error_, "%s", to_text(fault));
  }
  if (!failing_) log_line(LogLevel::kWarning, "pool %s: beat failed: %s", name_, error_);
  failing_ = true;
  ladder_.beat_done(now, false);
}

BoardReading* PoolSlot::reading_of(const Uuid& host) {
  auto& head = board_->head;
  BoardReading* oldest = nullptr;
  for (std::uint32_t i = 0; i < head.reading_count; ++i) {
    auto& reading = board_->readings[i];
    if (reading.host == host) return &reading;
    if (oldest == nullptr || reading.read_at_ms < oldest->read_at_ms) oldest = &reading;
  }
  if (head.reading_count < kMaxReadings) {
    oldest = &board_->readings[head.reading_count++];
  } else if (oldest->status == static_cast<std::uint8_t>(ReadingStatus::kOk)) {
    return nullptr;  // full of hosts that are read well
  }
  *oldest = BoardReading{};
  oldest->host = host;
  return oldest;
}

void PoolSlot::on_reading(const ChildReport& report) {
  BoardReading* reading = reading_of(report.host);
  if (reading == nullptr) return;
  reading->tried_at_ms = report.ended_ms;
  reading->status =
      static_cast<std::uint8_t>(report.readable ? ReadingStatus::kOk : ReadingStatus::kUnknown);
  if (!report.readable) return;
  const auto& record = report.record;
  // The counter grows from beat to beat of a boot. A smaller one is an old write that its storage
  // had given up for lost and that landed late: nobody moved, and what it says was taken back.
  if (reading->read_at_ms != 0 && reading->boot == record.boot &&
      record.counter < reading->counter) {
    reading->read_at_ms = report.began_ms;
    return;
  }
  const bool changed = reading->read_at_ms == 0 || reading->counter != record.counter ||
                       reading->boot != record.boot || reading->epoch != record.epoch ||
                       reading->incarnation != record.incarnation ||
                       reading->deadline_ms != record.deadline_ms ||
                       (reading->armed == 1) != record.armed;
  // Late for the change, early for the read: an age is never made longer than it is for sure.
  if (changed) reading->changed_at_ms = report.ended_ms;
  reading->read_at_ms = report.began_ms;
  reading->boot = record.boot;
  reading->epoch = record.epoch;
  reading->incarnation = record.incarnation;
  reading->counter = record.counter;
  reading->deadline_ms = record.deadline_ms;
  reading->armed = record.armed ? 1 : 0;
  reading->health = static_cast<std::uint8_t>(record.health);
}

bool PoolSlot::board_allows(const LadderStep& step) const {
  return !step.announce_armed || board_->head.state == static_cast<std::uint8_t>(LeaseState::kHeld);
}

void PoolSlot::fill_board() {
  auto& head = board_->head;
  head.pool = entry_.uuid;
  std::snprintf(head.path, sizeof head.path, "%s", entry_.path.c_str());
  std::snprintf(head.real_path, sizeof head.real_path, "%s", real_path_);
  std::memcpy(head.last_error, error_, sizeof head.last_error);
  if (const auto& policy = ladder_.policy(); !policy.workable()) {
    std::snprintf(head.last_error, sizeof head.last_error,
                  "its deadline of %lld ms is too short for a watchdog of %lld ms",
                  static_cast<long long>(policy.deadline.count()),
                  static_cast<long long>(policy.watchdog_timeout.count()));
  }
  head.valid_until_ms = ladder_.valid_until().ms;
  head.last_ack_ms = last_ack_.ms;
  head.last_took_ms = last_took_ms_;
  head.deadline_ms = static_cast<std::uint32_t>(ladder_.deadline().count());
  head.consecutive_good = ladder_.consecutive_good();
  head.vm_count = vm_count_;
  head.state = static_cast<std::uint8_t>(ladder_.state());
  head.kill = static_cast<std::uint8_t>(ladder_.kill_state());
  head.armed_announced = ladder_.promised() ? 1 : 0;
  head.child_stuck = worker_.stuck() ? 1 : 0;
  head.type = static_cast<std::uint8_t>(entry_.type);
  head.policy = static_cast<std::uint8_t>(entry_.policy);
  head.fenced = ladder_.is_fenced() ? 1 : 0;
  head.health =
      static_cast<std::uint8_t>(failing_ || worker_.stuck()               ? PoolHealth::kFailing
                                : last_took_ms_ > entry_.beat_interval_ms ? PoolHealth::kSlow
                                                                          : PoolHealth::kOk);
}

}  // namespace mold::heartbeat
