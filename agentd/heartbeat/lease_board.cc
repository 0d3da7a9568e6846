#include "agentd/heartbeat/lease_board.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "agentd/heartbeat/lease_board_layout.h"
#include "lib/base/check.h"

namespace mold::heartbeat {
namespace {

constexpr int kMaxSnapshotTries = 1000;

const BoardFile& board_at(const void* mapped) {
  return *static_cast<const BoardFile*>(mapped);
}

std::uint64_t load_sequence(const BoardFile& board, std::memory_order order) {
  auto& word = const_cast<std::uint64_t&>(board.sequence);  // a load only; the mapping is read-only
  return std::atomic_ref<std::uint64_t>(word).load(order);
}

// Copies the used part of a pool; false when the counts make no sense (torn copy or a bad board).
bool copy_pool(const BoardPool& shared, BoardPool& to) {
  copy_words_out(&to.head, &shared.head, sizeof to.head);
  if (to.head.reading_count > kMaxReadings) return false;
  copy_words_out(to.readings, shared.readings, to.head.reading_count * sizeof(BoardReading));
  return true;
}

bool copy_image(const BoardImage& shared, BoardImage& to) {
  copy_words_out(&to.head, &shared.head, sizeof to.head);
  if (to.head.pool_count > kMaxPools) return false;
  for (std::uint32_t i = 0; i < to.head.pool_count; ++i) {
    if (!copy_pool(shared.pools[i], to.pools[i])) return false;
  }
  return true;
}

std::string text_of(const char* chars, std::size_t limit) {
  return std::string(chars, strnlen(chars, limit));
}

// Values from the board are input: an unknown enum value becomes the harmless one.
LeaseState lease_state(std::uint8_t raw) {
  return raw <= static_cast<std::uint8_t>(LeaseState::kLeaving) ? static_cast<LeaseState>(raw)
                                                                : LeaseState::kNotCounted;
}
KillState kill_state(std::uint8_t raw) {
  return raw <= static_cast<std::uint8_t>(KillState::kStuck) ? static_cast<KillState>(raw)
                                                             : KillState::kStuck;
}
PoolHealth pool_health(std::uint8_t raw) {
  return raw <= static_cast<std::uint8_t>(PoolHealth::kFailing) ? static_cast<PoolHealth>(raw)
                                                                : PoolHealth::kFailing;
}

PoolType pool_type(std::uint8_t raw) {
  return raw <= static_cast<std::uint8_t>(PoolType::kBlock) ? static_cast<PoolType>(raw)
                                                            : PoolType::kFile;
}
PoolPolicy pool_policy(std::uint8_t raw) {
  return raw <= static_cast<std::uint8_t>(PoolPolicy::kPause) ? static_cast<PoolPolicy>(raw)
                                                              : PoolPolicy::kKillVms;
}

BeatReading reading_of(const BoardReading& raw) {
  BeatReading reading;
  reading.host = raw.host.text();
  reading.boot = raw.boot.text();
  reading.epoch = raw.epoch;
  reading.incarnation = raw.incarnation;
  reading.counter = raw.counter;
  reading.deadline_ms = raw.deadline_ms;
  reading.armed = raw.armed == 1;
  reading.health = pool_health(raw.health);
  reading.changed_at = Instant{raw.changed_at_ms};
  reading.read_at = Instant{raw.read_at_ms};
  reading.tried_at = Instant{raw.tried_at_ms};
  reading.status = raw.status == 1 ? ReadingStatus::kOk : ReadingStatus::kUnknown;
  return reading;
}

PoolLease lease_of(const BoardPool& raw) {
  PoolLease lease;
  lease.pool = raw.head.pool.text();
  lease.path = text_of(raw.head.path, sizeof raw.head.path);
  lease.real_path = text_of(raw.head.real_path, sizeof raw.head.real_path);
  lease.state = lease_state(raw.head.state);
  lease.kill = kill_state(raw.head.kill);
  lease.valid_until = Instant{raw.head.valid_until_ms};
  lease.last_ack = Instant{raw.head.last_ack_ms};
  lease.last_took_ms = raw.head.last_took_ms;
  lease.deadline_ms = raw.head.deadline_ms;
  lease.consecutive_good = raw.head.consecutive_good;
  lease.vm_count = raw.head.vm_count;
  lease.armed_announced = raw.head.armed_announced == 1;
  lease.child_stuck = raw.head.child_stuck == 1;
  lease.fenced = raw.head.fenced == 1;
  lease.type = pool_type(raw.head.type);
  lease.policy = pool_policy(raw.head.policy);
  lease.health = pool_health(raw.head.health);
  lease.last_error = text_of(raw.head.last_error, sizeof raw.head.last_error);
  lease.readings.reserve(raw.head.reading_count);
  for (std::uint32_t i = 0; i < raw.head.reading_count; ++i) {
    lease.readings.push_back(reading_of(raw.readings[i]));
  }
  return lease;
}

LeaseSnapshot snapshot_of(const BoardImage& raw) {
  LeaseSnapshot snapshot;
  snapshot.supervisor_pid = raw.head.supervisor_pid;
  snapshot.started_at = Instant{raw.head.started_at_ms};
  snapshot.updated_at = Instant{raw.head.updated_at_ms};
  snapshot.cluster = raw.head.cluster.text();
  snapshot.host = raw.head.host.text();
  snapshot.boot = raw.head.boot.text();
  snapshot.epoch = raw.head.epoch;
  snapshot.incarnation = raw.head.incarnation;
  snapshot.watchdog_armed = raw.head.watchdog_armed == 1;
  snapshot.watchdog_feeding = raw.head.watchdog_feeding == 1;
  snapshot.watchdog_timeout_ms = raw.head.watchdog_timeout_ms;
  snapshot.watchdog_note = text_of(raw.head.watchdog_note, sizeof raw.head.watchdog_note);
  for (std::uint32_t i = 0; i < raw.head.pool_count; ++i) {
    if (!raw.pools[i].head.pool.is_none()) snapshot.pools.push_back(lease_of(raw.pools[i]));
  }
  return snapshot;
}

}  // namespace

std::string_view to_string(LeaseState state) {
  switch (state) {
    case LeaseState::kNotCounted:
      return "not-counted";
    case LeaseState::kHeld:
      return "held";
    case LeaseState::kLost:
      return "lost";
    case LeaseState::kLeaving:
      return "leaving";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(KillState state) {
  switch (state) {
    case KillState::kIdle:
      return "idle";
    case KillState::kKilling:
      return "killing";
    case KillState::kVerifiedGone:
      return "verified-gone";
    case KillState::kStuck:
      return "stuck";
  }
  MOLD_UNREACHABLE();
}

std::string_view to_string(ReadingStatus status) {
  switch (status) {
    case ReadingStatus::kUnknown:
      return "unknown";
    case ReadingStatus::kOk:
      return "ok";
  }
  MOLD_UNREACHABLE();
}

void copy_words_out(void* to, const void* shared, std::size_t bytes) {
  auto* out = static_cast<std::uint64_t*>(to);
  auto* in = static_cast<std::uint64_t*>(const_cast<void*>(shared));  // loads only
  for (std::size_t i = 0; i < bytes / 8; ++i) {
    out[i] = std::atomic_ref<std::uint64_t>(in[i]).load(std::memory_order_relaxed);
  }
}

void copy_words_in(void* shared, const void* from, std::size_t bytes) {
  auto* out = static_cast<std::uint64_t*>(shared);
  const auto* in = static_cast<const std::uint64_t*>(from);
  for (std::size_t i = 0; i < bytes / 8; ++i) {
    std::atomic_ref<std::uint64_t>(out[i]).store(in[i], std::memory_order_relaxed);
  }
}

const PoolLease* LeaseSnapshot::find(std::string_view pool_uuid) const {
  const auto wanted = Uuid::parse(pool_uuid);
  if (!wanted) return nullptr;
  const auto text = wanted->text();
  const auto found = std::find_if(pools.begin(), pools.end(),
                                  [&](const PoolLease& lease) { return lease.pool == text; });
  return found == pools.end() ? nullptr : &*found;
}

bool may_start(const PoolLease& lease, Instant now) {
  return lease.state == LeaseState::kHeld && now < lease.valid_until;
}

Instant boottime_now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant{now.tv_sec * 1000 + now.tv_nsec / 1000000};
}

Result<LeaseBoardReader> LeaseBoardReader::open(std::string path) {
  LeaseBoardReader reader(std::move(path));
  MOLD_TRY_VOID(reader.map());
  return reader;
}

LeaseBoardReader::LeaseBoardReader(LeaseBoardReader&& other) noexcept
    : path_(std::move(other.path_)),
      mapped_(std::exchange(other.mapped_, nullptr)),
      inode_(other.inode_) {}

LeaseBoardReader& LeaseBoardReader::operator=(LeaseBoardReader&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(mapped_, other.mapped_);
  std::swap(inode_, other.inode_);
  return *this;
}

LeaseBoardReader::~LeaseBoardReader() {
  unmap();
}

void LeaseBoardReader::unmap() {
  if (mapped_ != nullptr) ::munmap(const_cast<void*>(mapped_), sizeof(BoardFile));
  mapped_ = nullptr;
}

Status LeaseBoardReader::map() {
  unmap();
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail(errno_error(errno, "opening lease board " + path_));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail(errno_error(errno, "stat of " + path_));
  if (info.st_size != static_cast<off_t>(sizeof(BoardFile))) {
    return fail(ErrorKind::kUnsupported, path_ + ": not a lease board of this version");
  }
  void* at = ::mmap(nullptr, sizeof(BoardFile), PROT_READ, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) return fail(errno_error(errno, "mapping " + path_));
  mapped_ = at;
  inode_ = info.st_ino;
  const auto& board = board_at(at);
  if (board.magic != kBoardMagic || board.version != kBoardVersion ||
      board.size != sizeof(BoardFile)) {
    unmap();
    return fail(ErrorKind::kUnsupported, path_ + ": not a lease board of this version");
  }
  return {};
}

Result<LeaseSnapshot> LeaseBoardReader::snapshot() {
  struct stat info {};
  if (::stat(path_.c_str(), &info) != 0) {
    unmap();
    return fail(errno_error(errno, "stat of " + path_));
  }
  if (mapped_ == nullptr || info.st_ino != inode_) MOLD_TRY_VOID(map());
  const auto& board = board_at(mapped_);
  auto copy = std::make_unique<BoardImage>();
  for (int attempt = 0; attempt < kMaxSnapshotTries; ++attempt) {
    const auto before = load_sequence(board, std::memory_order_acquire);
    if (before % 2 == 0) {
      const bool sane = copy_image(board.image, *copy);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (load_sequence(board, std::memory_order_relaxed) == before) {
        if (!sane) return fail(ErrorKind::kCorrupt, path_ + ": impossible counts");
        return snapshot_of(*copy);
      }
    }
    if (attempt % 16 == 15) {
      const timespec pause{0, 100000};  // the writer may need this processor
      ::nanosleep(&pause, nullptr);
    }
  }
  return fail(ErrorKind::kBusy, path_ + ": never at rest; its writer may have died in an update");
}

}  // namespace mold::heartbeat
