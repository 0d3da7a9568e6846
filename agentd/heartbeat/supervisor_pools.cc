// The supervisor's start, its files and pools, and its stop; the rounds are in supervisor.cc.
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "agentd/heartbeat/quiet_log.h"
#include "agentd/heartbeat/supervisor.h"
#include "lib/base/text.h"

namespace mold::heartbeat {
namespace {

constexpr Duration kFilesInterval{1000};  // pools file, epoch, host id

// Like read_small_file(), without allocation.
template <std::size_t N>
std::string_view read_line(const char* path, char (&buffer)[N]) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  const auto n = fd ? ::read(fd.get(), buffer, N) : -1;
  if (n <= 0) return {};
  const std::string_view text(buffer, static_cast<std::size_t>(n));
  return trim(text.substr(0, text.find('\n')));
}

void block_signals(sigset_t& set) {
  ::sigemptyset(&set);
  for (const int sig : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&set, sig);
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

// ---- start -------------------------------------------------------------------------------------

bool Supervisor::prepare() {
  sigset_t set;
  block_signals(set);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  const auto boot = read_small_file(config_.boot_id_file);
  const auto boot_id = boot ? Uuid::parse(*boot) : std::nullopt;
  if (!boot_id) {
    log_line(LogLevel::kError, "no boot id in %s", config_.boot_id_file.c_str());
    return false;
  }
  facts_.boot = *boot_id;
  const Instant now = boottime_now();
  facts_.counter = static_cast<std::uint64_t>(now.ms);
  facts_.programs_dir = config_.programs_dir.c_str();
  image_->head.started_at_ms = now.ms;
  image_->head.supervisor_pid = static_cast<std::uint32_t>(::getpid());
  // The leases first: what the last instance promised may be running out right now.
  inherit_board();
  last_round_ = now;
  check_leases();
  // A watchdog that the last instance rightly stopped feeding must not be fed by opening it.
  if (all_consent()) (void)open_watchdog();
  restless_at_ = boottime_now();  // the last instance may have had its reasons
  if (unfit_) return false;
  poll_files(boottime_now());
  publish(true);
  return true;
}

// The same boot, the same host: every lease and promise of the last instance goes on here.
void Supervisor::inherit_board() {
  load_host();
  auto reader = LeaseBoardReader::open(config_.board);
  if (!reader) return;
  const auto old = reader->snapshot();
  if (!old || old->boot != facts_.boot.text()) return;
  // What it promised was reckoned with its watchdog.
  watchdog_.begin_with(old->watchdog_timeout_ms / 1000);
  facts_.incarnation = old->incarnation;
  facts_.epoch = old->epoch;
  if (const auto cluster = Uuid::parse(old->cluster)) facts_.cluster = *cluster;
  if (facts_.host.is_none()) {
    if (const auto host = Uuid::parse(old->host)) facts_.host = *host;
  }
  std::size_t next = 0;
  for (const auto& lease : old->pools) {
    const bool owed = lease.armed_announced || lease.state == LeaseState::kHeld ||
                      lease.state == LeaseState::kLost;
    const auto uuid = Uuid::parse(lease.pool);
    if (!owed || !uuid || next >= slots_.size()) continue;
    PoolEntry entry;
    entry.uuid = *uuid;
    entry.type = lease.type;
    entry.policy = lease.policy;
    entry.path = lease.path;
    entry.deadline_ms = lease.deadline_ms;
    entry = with_defaults(entry);
    BoardPoolHead head{};
    head.state = static_cast<std::uint8_t>(lease.state);
    head.valid_until_ms = lease.valid_until.ms;
    head.last_ack_ms = lease.last_ack.ms;
    head.deadline_ms = lease.deadline_ms;
    head.armed_announced = lease.armed_announced ? 1 : 0;
    head.fenced = lease.fenced ? 1 : 0;
    std::snprintf(head.real_path, sizeof head.real_path, "%s", lease.real_path.c_str());
    slots_[next].configure(entry, policy_for(entry), image_->pools[next]);
    slots_[next].inherit(head, Duration{old->watchdog_timeout_ms});
    hunter_.set_pool(next, entry.path, lease.real_path);
    const bool held_back =
        lease.state == LeaseState::kLost && lease.policy == PoolPolicy::kPause && !lease.fenced;
    if (held_back) hunter_.adopt_held(next);
    log_line(LogLevel::kNotice, "pool %s: lease taken over from the last instance (%s)",
             slots_[next].name(), to_string(lease.state).data());
    ++next;
  }
}

PoolEntry Supervisor::with_defaults(PoolEntry entry) const {
  if (entry.beat_interval_ms == 0) entry.beat_interval_ms = config_.beat_interval_ms;
  if (entry.deadline_ms == 0) entry.deadline_ms = config_.deadline_ms;
  return entry;
}

LadderPolicy Supervisor::policy_for(const PoolEntry& entry) const {
  return policy_for(entry, Duration{watchdog_.timeout_ms()});
}

LadderPolicy Supervisor::policy_for(const PoolEntry& entry, Duration watchdog) const {
  LadderPolicy policy;
  policy.deadline = Duration{entry.deadline_ms};
  policy.watchdog_timeout = watchdog;
  policy.verify_grace = Duration{config_.verify_grace_ms};
  policy.beat_interval = Duration{entry.beat_interval_ms};
  policy.probation_beats = config_.probation_beats;
  policy.on_lost = entry.policy;
  return policy;
}

// ---- files and pools ---------------------------------------------------------------------------

void Supervisor::load_host() {
  if (!facts_.host.is_none()) return;
  const auto text = read_small_file(config_.host_uuid_file);
  const auto uuid = text ? Uuid::parse(*text) : std::nullopt;
  if (uuid) facts_.host = *uuid;
}

void Supervisor::poll_files(Instant now) {
  if (now - last_files_ < kFilesInterval) return;
  last_files_ = now;
  load_host();
  char line[64];
  const auto epoch = read_line(config_.epoch_file.c_str(), line);
  if (const auto number = parse_number<std::uint64_t>(epoch)) facts_.epoch = *number;
  struct stat info {};
  FileMark mark;
  if (::stat(config_.pools_file.c_str(), &info) == 0) {
    mark = {info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec, info.st_ino, info.st_size};
  }
  if (mark == pools_mark_ || facts_.host.is_none()) return;
  pools_mark_ = mark;
  load_pools_file(false);
}

void Supervisor::load_pools_file(bool by_signal) {
  if (stopping_) return;
  const auto file = load_pools(config_.pools_file);
  if (file) {
    apply_pools(*file);
  } else if (by_signal || file.error().kind != ErrorKind::kNotFound) {
    log_line(LogLevel::kError, "pools stay as they are: %s", file.error().what.c_str());
  }
  dirty_ = true;
}

// Removed pools that owe nothing any more. When stopping they stay on the board to the end.
void Supervisor::drop_released() {
  if (stopping_) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    if (!slot.used() || !slot.ladder().released()) continue;
    log_line(LogLevel::kNotice, "pool %s: removed", slot.name());
    slot.clear();
    hunter_.set_pool(i, {}, {});
    dirty_ = true;
  }
}

PoolSlot* Supervisor::find(const Uuid& pool) {
  for (auto& slot : slots_) {
    if (slot.used() && slot.entry().uuid == pool) return &slot;
  }
  return nullptr;
}

void Supervisor::apply_pools(const PoolsFile& file) {
  const bool any = std::any_of(slots_.begin(), slots_.end(), [](auto& s) { return s.used(); });
  if (any && !facts_.cluster.is_none() && facts_.cluster != file.cluster) {
    log_line(LogLevel::kError, "pools stay as they are: the file is of another cluster");
    return;
  }
  facts_.cluster = file.cluster;
  const Instant now = boottime_now();
  for (auto& slot : slots_) {
    if (!slot.used()) continue;
    const bool named = std::any_of(file.pools.begin(), file.pools.end(),
                                   [&](auto& entry) { return entry.uuid == slot.entry().uuid; });
    if (named) continue;
    log_line(LogLevel::kNotice, "pool %s: being removed", slot.name());
    slot.ladder().retire(now);
    slot.hurry(now);
  }
  for (const auto& raw : file.pools) {
    const auto entry = with_defaults(raw);
    PoolSlot* slot = find(entry.uuid);
    if (slot == nullptr) {
      add_pool(entry);
      continue;
    }
    slot->ladder().unretire();
    slot->reconfigure(entry, policy_for(entry));
    hunter_.set_pool(static_cast<std::size_t>(slot - slots_.data()), entry.path, {});
  }
  fit_watchdog();
}

void Supervisor::add_pool(const PoolEntry& entry) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    if (slot.used() || slot.worker_present()) continue;
    slot.configure(entry, policy_for(entry), image_->pools[i]);
    hunter_.set_pool(i, entry.path, {});
    log_line(LogLevel::kNotice, "pool %s: beating on %s", slot.name(), entry.path.c_str());
    return;
  }
  log_line(LogLevel::kError, "no room for another pool");
}

// ---- stop --------------------------------------------------------------------------------------

void Supervisor::begin_stop() {
  if (stopping_) return;
  stopping_ = true;
  notify_manager("STOPPING=1");
  log_line(LogLevel::kNotice, "stopping: taking back what was promised");
  const Instant now = boottime_now();
  stop_by_ = now + Duration{config_.stop_wait_ms};
  for (auto& slot : slots_) {
    if (!slot.used()) continue;
    slot.ladder().retire(now);
    slot.hurry(now);
  }
  dirty_ = true;
}

bool Supervisor::all_released() const {
  return std::all_of(slots_.begin(), slots_.end(),
                     [](const PoolSlot& slot) { return !slot.used() || slot.ladder().released(); });
}

int Supervisor::leave(bool in_order) {
  publish(true);
  for (auto& slot : slots_) {
    if (slot.used()) slot.stop_worker();
  }
  if (in_order) {
    watchdog_.disarm();
    log_line(LogLevel::kNotice, "stopped in order");
    return 0;
  }
  log_line(
      LogLevel::kError,
      "stopped with a promise standing: the watchdog stays armed and resets this host unless a "
      "new instance takes over");
  watchdog_.let_go();
  return 3;
}

}  // namespace mold::heartbeat
