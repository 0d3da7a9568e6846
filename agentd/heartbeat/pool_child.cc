#include "agentd/heartbeat/pool_child.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "agentd/heartbeat/lease_board.h"
#include "lib/base/check.h"

namespace mold::heartbeat {
namespace {

constexpr std::int64_t kListIntervalMs = 3000;
constexpr std::int64_t kPatientIntervalMs = 3000;
// A record that should have moved is read so many times per interval, for so long: until its host
// is proven dead nobody waits for the next full round, and a host that stays away is not looked at
// closely for ever.
constexpr std::int64_t kCloseReads = 4;
constexpr std::int64_t kCloseForMs = 30'000;

void close_all_but(int socket) {
  const auto kept = static_cast<unsigned>(socket);
  if (kept > 3) (void)::syscall(SYS_close_range, 3U, kept - 1, 0U);
  (void)::syscall(SYS_close_range, kept + 1, ~0U, 0U);
}

class PoolChild {
 public:
  PoolChild(int socket, PoolMedium& medium, const PoolChildSetup& setup)
      : socket_(socket), medium_(medium), setup_(setup) {
    medium_.orders_come_by(socket);
  }

  int run() {
    while (true) {
      if (!take_orders(wait_ms())) return 0;
      if (prepared_ && boottime_now().ms >= next_read_ms_) read_others();
      if (closed_) return 0;
    }
  }

 private:
  struct Seen {
    Uuid host;
    std::uint64_t counter = 0;
    std::int64_t moved_ms = 0;
  };

  [[nodiscard]] int wait_ms() const {
    if (!prepared_) return -1;
    return static_cast<int>(std::clamp<std::int64_t>(next_read_ms_ - boottime_now().ms, 0, 60000));
  }

  // False when the supervisor is gone.
  bool take_orders(int timeout_ms) {
    pollfd ready{socket_, POLLIN, 0};
    if (::poll(&ready, 1, timeout_ms) <= 0) return true;
    BeatOrder order{};
    const auto n = ::recv(socket_, &order, sizeof order, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n != static_cast<ssize_t>(sizeof order)) {
      closed_ = true;
      return false;
    }
    write_beat(order);
    return true;
  }

  void write_beat(const BeatOrder& order) {
    encode_beat(order.record, block_);
    const auto began = boottime_now();
    const auto outcome = medium_.write_own(block_);
    beating_ = outcome.ok();
    ChildReport report{};
    if (outcome.ok() && !prepared_) {
      prepared_ = true;
      report.says = ChildSays::kReady;
      std::snprintf(report.real_path, sizeof report.real_path, "%.511s", medium_.real_path());
      say(report, true);
    }
    report.says = ChildSays::kDone;
    report.fault = outcome.fault;
    report.error = outcome.error;
    report.number = order.number;
    report.took_ms = static_cast<std::uint32_t>((boottime_now() - began).count());
    fenced_told_ = fenced_told_ || outcome.fault == PoolFault::kFenced;
    say(report, true);
  }

  // A read may be the first to learn it; the next beat is not waited for.
  void tell_if_fenced() {
    if (fenced_told_ || !medium_.fenced()) return;
    fenced_told_ = true;
    ChildReport report{};
    report.says = ChildSays::kFenced;
    say(report, true);
  }

  void read_others() {
    const auto now = boottime_now();
    const bool all = now.ms >= next_round_ms_;
    if (all) next_round_ms_ = now.ms + setup_.read_interval_ms;
    if (all && now.ms >= next_list_ms_) list(now.ms);
    bool closely = false;
    std::size_t next_first = first_;
    for (std::size_t turn = 0; turn < host_count_ && !closed_; ++turn) {
      const std::size_t i = (first_ + turn) % host_count_;
      const bool late = is_late(seen_[i], now.ms);
      closely = closely || late;
      if (!all && !late) continue;
      // Our own beat comes before the others'.
      const bool given_up = !read_one(seen_[i]);
      if (!take_orders(0)) closed_ = true;
      if (!given_up || closed_) continue;
      if (!beating_) break;  // nor will reads be answered now
      // A slow storage, and nobody would ever be read: one may hold up our beat, now and then, and
      // each in its turn.
      if (now.ms < next_patient_ms_) continue;
      next_patient_ms_ = now.ms + kPatientIntervalMs;
      next_first = i + 1;
      medium_.orders_come_by(-1);
      (void)read_one(seen_[i]);
      medium_.orders_come_by(socket_);
      if (!take_orders(0)) closed_ = true;
    }
    first_ = next_first;
    next_read_ms_ = next_round_ms_;
    if (closely)
      next_read_ms_ = std::min(next_round_ms_, now.ms + setup_.read_interval_ms / kCloseReads);
    tell_if_fenced();
  }

  void list(std::int64_t now_ms) {
    const int found = medium_.list(hosts_);
    if (found < 0) return;
    host_count_ = static_cast<std::size_t>(found);
    next_list_ms_ = now_ms + kListIntervalMs;
    for (std::size_t i = 0; i < host_count_; ++i) {
      if (seen_[i].host != hosts_[i]) seen_[i] = {hosts_[i], 0, now_ms};
    }
  }

  [[nodiscard]] bool is_late(const Seen& seen, std::int64_t now_ms) const {
    const auto still = now_ms - seen.moved_ms;
    return still > setup_.read_interval_ms * 3 / 2 && still < kCloseForMs;
  }

  // False: given up for an order, with nothing to tell.
  bool read_one(Seen& seen) {
    ChildReport report{};
    report.says = ChildSays::kReading;
    report.host = seen.host;
    report.began_ms = boottime_now().ms;
    const int n = medium_.read(seen.host, block_);
    if (n == PoolMedium::kReadGivenUp) return false;
    report.ended_ms = boottime_now().ms;
    if (n >= 0) {
      const auto bytes = std::span<const std::byte>(block_).first(static_cast<std::size_t>(n));
      report.readable = decode_beat(bytes, report.record) == BeatVerdict::kOk &&
                        !is_foreign(report.record, setup_.cluster, setup_.pool, seen.host);
    }
    if (report.readable && report.record.counter != seen.counter) {
      seen.counter = report.record.counter;
      seen.moved_ms = report.ended_ms;
    }
    say(report, false);
    return true;
  }

  // A reading may be dropped when the supervisor is busy; an answer to an order may not.
  void say(const ChildReport& report, bool must_arrive) {
    while (::send(socket_, &report, sizeof report, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        closed_ = true;
        return;
      }
      if (!must_arrive) return;
      pollfd room{socket_, POLLOUT, 0};
      (void)::poll(&room, 1, 1000);
    }
  }

  int socket_;
  PoolMedium& medium_;
  PoolChildSetup setup_;
  bool prepared_ = false;
  bool beating_ = false;  // the last beat is on the storage
  bool closed_ = false;
  bool fenced_told_ = false;
  std::int64_t next_read_ms_ = 0;   // of anybody
  std::int64_t next_round_ms_ = 0;  // of everybody
  std::int64_t next_list_ms_ = 0;
  std::int64_t next_patient_ms_ = 0;
  std::size_t first_ = 0;  // who is read first
  std::size_t host_count_ = 0;
  Uuid hosts_[kMaxReadings];
  Seen seen_[kMaxReadings];
  std::byte block_[kBeatBlockSize];
};

}  // namespace

const char* to_text(PoolFault fault) {
  switch (fault) {
    case PoolFault::kNone:
      return "ok";
    case PoolFault::kDirectory:
      return "pool directory";
    case PoolFault::kNotMounted:
      return "pool directory is not a mount point";
    case PoolFault::kIdentityMissing:
      return "pool identity file (.mold-ha/pool; is it mounted?)";
    case PoolFault::kForeignPool:
      return "directory belongs to another pool or cluster";
    case PoolFault::kCreate:
      return "creating beat files";
    case PoolFault::kOpen:
      return "opening the beat record";
    case PoolFault::kWrite:
      return "writing the beat record";
    case PoolFault::kShortWrite:
      return "beat record written in part only";
    case PoolFault::kConnect:
      return "connecting to the storage";
    case PoolFault::kSettings:
      return "settings of the storage connection";
    case PoolFault::kTooSmall:
      return "device is too small for beats";
    case PoolFault::kNoRoom:
      return "no free sector for this host's beats";
    case PoolFault::kNoProgram:
      return "the program for this type of pool is not installed";
    case PoolFault::kOtherVersion:
      return "the program for this type of pool is of another version: restart mold-heartbeat";
    case PoolFault::kFenced:
      return "FENCED: the storage shut this host out";
    case PoolFault::kNoDevice:
      return "no beat volume: make VG/mold-heartbeat, activate it shared";
  }
  MOLD_UNREACHABLE();
}

bool become_pool_child(int socket, int parent_pid) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent_pid) return false;
  (void)::prctl(PR_SET_NAME, "mold-hb-pool");
  close_all_but(socket);
  for (const int sig : {SIGTERM, SIGINT, SIGHUP}) {
    // A signal to the whole group must not take the children away from a supervisor that is about
    // to write its last beats; it ends us itself.
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    (void)::sigaction(sig, &ignore, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  return true;
}

int run_pool_child(int socket, PoolMedium& medium, const PoolChildSetup& setup) {
  return PoolChild(socket, medium, setup).run();
}

}  // namespace mold::heartbeat
