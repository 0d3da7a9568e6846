#include "agentd/heartbeat/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "agentd/heartbeat/quiet_log.h"
#include "lib/base/check.h"

namespace mold::heartbeat {
namespace {

constexpr Duration kStall{1000};     // a longer gap between two rounds is worth a line
constexpr Duration kCalmLook{2000};  // between looks at the processes while all is well
constexpr Duration kLostLook{100};   // while a lease is lost
constexpr Duration kKillLook{20};    // while somebody is dying
constexpr Duration kPublishInterval{500};
constexpr Duration kMaxWait{250};

long long count(Duration d) {
  return static_cast<long long>(d.count());
}

// Zeroed pages that take memory only once they are touched: most pools and readings never are.
BoardImage* map_image() {
  void* at = ::mmap(nullptr, sizeof(BoardImage), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  MOLD_CHECK(at != MAP_FAILED, "no memory for the board");
  return static_cast<BoardImage*>(at);
}

}  // namespace

Supervisor::Supervisor(Config config, LeaseBoardWriter board, Watchdog& watchdog)
    : config_(std::move(config)),
      board_(std::move(board)),
      watchdog_(watchdog),
      hunter_(config_.vm_prefixes, "/proc", "/sys", config_.vm_status_dir),
      image_(map_image()) {}

void Supervisor::Unmap::operator()(BoardImage* image) const {
  ::munmap(image, sizeof(BoardImage));
}

int Supervisor::run() {
  if (!prepare()) return 1;
  notify_manager("READY=1\nSTATUS=beating");
  while (true) {
    check_leases();
    feed_watchdog(boottime_now());
    bite_later_when_calm(boottime_now());
    if (unfit_) return 1;
    const Instant now = boottime_now();
    take_signals();
    for (auto& slot : slots_) {
      if (slot.used() && slot.drain(now)) dirty_ = true;
      if (slot.used() || slot.worker_present()) slot.tend_worker(now, facts_);
    }
    drop_released();
    poll_files(now);
    issue_beats();
    publish(false);
    if (stopping_ && all_released()) return leave(true);
    if (stopping_ && now >= stop_by_) return leave(false);
    wait();
  }
}

void Supervisor::check_leases() {
  const Instant now = boottime_now();
  const Duration gap = now - last_round_;
  last_round_ = now;
  step_all(now);
  bite_sooner_in_need(now);
  Duration every = kCalmLook;
  bool urgent = false;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].used()) continue;
    if (steps_[i].look_often) every = std::min(every, kLostLook);
    const bool dying = slots_[i].ladder().kill_state() == KillState::kKilling ||
                       slots_[i].ladder().kill_state() == KillState::kStuck;
    if (dying) every = std::min(every, kKillLook);
    if (steps_[i].lost_now) urgent = true;
  }
  if (hunter_.holds()) every = std::min(every, kLostLook);  // who may go on shall not wait
  if (urgent || now - last_look_ >= every) {
    if (urgent) publish(true);  // agentd refuses starts from here on
    look();
    step_all(boottime_now());
  }
  if (gap > kStall) {
    log_line(LogLevel::kWarning, "stood still for %lld ms (freeze or overload); leases checked",
             count(gap));
  }
}

void Supervisor::note_lost(const PoolSlot& slot) {
  ++facts_.incarnation;
  log_line(LogLevel::kError, "pool %s: LEASE LOST, %s; incarnation %llu", slot.name(),
           slot.ladder().is_fenced() ? "another host took it" : "no beat acknowledged in time",
           static_cast<unsigned long long>(facts_.incarnation));
}

void Supervisor::step_all(Instant now) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    if (!slot.used()) continue;
    steps_[i] = slot.ladder().step(now, watchdog_.armed());
    if (steps_[i].lost_now) {
      note_lost(slot);
    }
    if (steps_[i].held_now) log_line(LogLevel::kNotice, "pool %s: lease held", slot.name());
    if (slot.ladder().state() != shown_[i]) {
      shown_[i] = slot.ladder().state();
      dirty_ = true;
    }
  }
}

void Supervisor::look() {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    // The child may have found out the directory's real name.
    if (slots_[i].used()) {
      hunter_.set_real_path(i, slots_[i].real_path());
    }
  }
  const Instant begun = boottime_now();
  const bool complete = hunter_.look();
  if (complete != look_complete_) {
    look_complete_ = complete;
    log_line(LogLevel::kWarning, "processes in /proc can%s be read completely",
             complete ? "" : "NOT");
  }
  PoolMask held_back = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].used() && steps_[i].pause) held_back |= PoolMask{1} << i;
  }
  hunter_.hold(held_back);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    if (!slot.used()) continue;
    const auto vms = hunter_.count(i);
    if (steps_[i].kill && vms > 0) (void)hunter_.kill(i);
    slot.set_vm_count(vms);
    const auto before = slot.ladder().kill_state();
    slot.ladder().looked({begun, vms, complete});
    if (before != KillState::kVerifiedGone &&
        slot.ladder().kill_state() == KillState::kVerifiedGone) {
      log_line(LogLevel::kNotice, "pool %s: no VM is left on it, verified", slot.name());
    }
  }
  last_look_ = begun;
  dirty_ = true;
}

bool Supervisor::all_consent() const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].used() && !steps_[i].feed) return false;
  }
  return true;
}

bool Supervisor::open_watchdog() {
  const bool armed = watchdog_.open();
  if (!armed && watchdog_.proving()) return false;
  unfit_ = unfit_ || (!armed && !was_armed_ && config_.watchdog_required);
  was_armed_ = was_armed_ || armed;
  if (armed || std::strncmp(note_logged_, watchdog_.note(), sizeof note_logged_ - 1) != 0) {
    std::snprintf(note_logged_, sizeof note_logged_, "%s", watchdog_.note());
    dirty_ = true;
    if (!armed) {
      log_line(LogLevel::kWarning, "NOT ARMED: %s. A stale beat of this host proves nothing",
               watchdog_.note());
    }
  }
  if (armed) fit_watchdog();
  return armed;
}

Duration Supervisor::feed_interval() const {
  return Duration{std::min<std::int64_t>(watchdog_.timeout_ms() / 4, 1000)};
}

void Supervisor::feed_watchdog(Instant now) {
  const bool consent = all_consent();
  if (consent != feeding_) {
    feeding_ = consent;
    dirty_ = true;
    log_line(consent ? LogLevel::kNotice : LogLevel::kError,
             consent
                 ? "the watchdog is fed again"
                 : "VMs of a lost pool could not be stopped: the watchdog is NO LONGER FED, this "
                   "host will be reset");
  }
  if (!consent) return;
  if (now - last_feed_ < feed_interval()) return;
  last_feed_ = now;
  if (watchdog_.armed()) {
    if (!watchdog_.feed()) {
      log_line(LogLevel::kError, "NOT ARMED any more: %s", watchdog_.note());
      dirty_ = true;
    }
  } else if (!stopping_) {
    (void)open_watchdog();
  }
}

void Supervisor::take_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) begin_stop();
    if (info.ssi_signo == SIGHUP) load_pools_file(true);
  }
}

void Supervisor::issue_beats() {
  // Frozen since the leases were checked? Then they are checked again first.
  if (boottime_now() - last_round_ > kStall) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    if (!slot.used()) continue;
    const auto step = slot.ladder().step(boottime_now(), watchdog_.armed());
    if (step.lost_now) {
      // Lost within this round: the next one begins with it.
      note_lost(slot);
      last_look_ = Instant{};
      dirty_ = true;
      continue;
    }
    if (step.held_now) {
      log_line(LogLevel::kNotice, "pool %s: lease held", slot.name());
      dirty_ = true;
    }
    if (!slot.board_allows(step)) {  // published at the end of this round, issued in the next
      dirty_ = true;
      continue;
    }
    slot.issue_if_due(boottime_now(), step, facts_);
  }
}

void Supervisor::publish(bool force) {
  const Instant now = boottime_now();
  if (!force && !dirty_ && now - last_publish_ < kPublishInterval) return;
  dirty_ = false;
  last_publish_ = now;
  auto& head = image_->head;
  head.cluster = facts_.cluster;
  head.host = facts_.host;
  head.boot = facts_.boot;
  head.epoch = facts_.epoch;
  head.incarnation = facts_.incarnation;
  head.updated_at_ms = now.ms;
  head.watchdog_armed = watchdog_.armed() ? 1 : 0;
  head.watchdog_feeding = watchdog_.armed() && feeding_ ? 1 : 0;
  head.watchdog_timeout_ms = watchdog_.timeout_ms();
  std::snprintf(head.watchdog_note, sizeof head.watchdog_note, "%s", watchdog_.note());
  head.pool_count = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].used()) slots_[i].fill_board();
    if (!image_->pools[i].head.pool.is_none()) head.pool_count = static_cast<std::uint32_t>(i + 1);
  }
  board_.publish(*image_);
}

int Supervisor::wait_ms(Instant now) const {
  Duration wait = kMaxWait;
  if (watchdog_.armed() && feeding_) wait = std::min(wait, last_feed_ + feed_interval() - now);
  for (const auto& slot : slots_) {
    if (!slot.used()) continue;
    const auto& ladder = slot.ladder();
    const bool dying =
        ladder.kill_state() == KillState::kKilling || ladder.kill_state() == KillState::kStuck;
    if (ladder.state() == LeaseState::kLost) wait = std::min(wait, dying ? kKillLook : kLostLook);
    if (stopping_) wait = std::min(wait, kKillLook);
    if (ladder.state() == LeaseState::kHeld) wait = std::min(wait, ladder.valid_until() - now);
    if (!ladder.outstanding()) wait = std::min(wait, slot.next_issue() - now);
  }
  return static_cast<int>(std::max<std::int64_t>(wait.count(), 5));
}

void Supervisor::wait() {
  const Instant now = boottime_now();
  if (now - last_note_ >= kStall) {
    last_note_ = now;
    notify_manager("WATCHDOG=1");
  }
  std::array<pollfd, kMaxPools + 1> fds{};
  nfds_t used = 0;
  fds[used++] = {signals_.get(), POLLIN, 0};
  for (const auto& slot : slots_) {
    if (slot.used() && slot.fd() >= 0) fds[used++] = {slot.fd(), POLLIN, 0};
  }
  (void)::poll(fds.data(), used, wait_ms(now));
}

}  // namespace mold::heartbeat
