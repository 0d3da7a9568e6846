// The block pool: a small LUN or logical volume that all hosts of the cluster have
// (block_layout.h). Every access is direct I/O of one whole sector: a page cache would be this
// host's own. A record's text is shorter than 512 bytes, so no device tears it, whatever its sector
// size.
//
// Claims, without a lock: a host writes into a sector that was empty or its own, and reads its
// sector before each beat. When another host's record is in it, the two have claimed it at the same
// time; who sees it looks for another one, and the other's record stays, which it is writing
// anyway. As long as both do so somebody's record is missing: unknown, never dead. What must not be
// is an old record of a host that has moved on: it would stand still for ever. Whoever finds two of
// his own empties the later one before it writes any beat, and a reader who sees two reads neither.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agentd/heartbeat/block_layout.h"
#include "agentd/heartbeat/pool_identity.h"
#include "agentd/heartbeat/pool_medium.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {
namespace {

enum class Owner : std::uint8_t { kNobody, kThis, kOther, kUnknown };

// All sectors at once are 1 MiB of I/O: not with every look for new hosts.
constexpr int kListsPerScan = 5;

class BlockPool final : public PoolMedium {
 public:
  explicit BlockPool(const PoolChildSetup& setup) : setup_(setup), identity_(setup) {}

  PoolOutcome write_own(ConstBeatBlock block) override;
  int list(std::span<Uuid> hosts) override;
  int read(const Uuid& host, BeatBlock out) override;

 private:
  PoolOutcome prepare();
  PoolOutcome check_identity();
  PoolOutcome make_identity();
  PoolOutcome find_own();
  PoolOutcome take_sector();
  bool load(std::uint32_t sector);
  PoolOutcome store(std::uint32_t sector);
  bool is_blank() const;
  Owner owner(const Uuid& host) const;
  bool scan();
  std::uint32_t sector_of(const Uuid& host);

  PoolChildSetup setup_;
  PoolIdentity identity_;
  UniqueFd fd_;
  bool prepared_ = false;
  std::uint32_t own_ = 0;  // 0: none
  int lists_ = 0;
  std::array<Uuid, 1 + kBeatSectors> found_{};    // whose record a sector held at the last scan
  std::array<bool, 1 + kBeatSectors> doubted_{};  // and that host has another one
  alignas(kBeatBlockSize) std::byte buffer_[kBeatBlockSize] = {};
};

// Into buffer_. A part of a sector is as bad as none.
bool BlockPool::load(std::uint32_t sector) {
  const auto at = static_cast<off_t>(sector) * static_cast<off_t>(kBeatBlockSize);
  const auto n = ::pread(fd_.get(), buffer_, kBeatBlockSize, at);
  if (n >= 0 && n != static_cast<ssize_t>(kBeatBlockSize)) errno = ENOSPC;
  return n == static_cast<ssize_t>(kBeatBlockSize);
}

PoolOutcome BlockPool::store(std::uint32_t sector) {
  const auto at = static_cast<off_t>(sector) * static_cast<off_t>(kBeatBlockSize);
  const auto n = ::pwrite(fd_.get(), buffer_, kBeatBlockSize, at);
  if (n < 0) return pool_failed(PoolFault::kWrite, errno);
  if (n != static_cast<ssize_t>(kBeatBlockSize)) return pool_failed(PoolFault::kShortWrite, 0);
  if (::fdatasync(fd_.get()) != 0) return pool_failed(PoolFault::kWrite, errno);
  return {};
}

bool BlockPool::is_blank() const {
  return std::all_of(std::begin(buffer_), std::end(buffer_),
                     [](std::byte b) { return b == std::byte{0}; });
}

// Of the sector in buffer_. A record of another cluster or pool is not for us to overwrite either.
Owner BlockPool::owner(const Uuid& host) const {
  if (is_blank()) return Owner::kNobody;
  BeatRecord record;
  if (decode_beat(buffer_, record) != BeatVerdict::kOk) return Owner::kUnknown;
  return is_foreign(record, setup_.cluster, setup_.pool, host) ? Owner::kOther : Owner::kThis;
}

PoolOutcome BlockPool::make_identity() {
  // Somebody's data is not to be overwritten: all of the area has to be zeros.
  for (std::uint32_t sector = 0; sector <= kBeatSectors; ++sector) {
    if (!load(sector)) return pool_failed(PoolFault::kIdentityMissing, errno);
    if (!is_blank()) return pool_failed(PoolFault::kForeignPool, 0);
  }
  const auto text = identity_.text();
  std::memset(buffer_, ' ', kBeatBlockSize);
  std::memcpy(buffer_, text.data(), text.size());
  buffer_[kBeatBlockSize - 1] = std::byte{'\n'};
  return store(0);
}

PoolOutcome BlockPool::check_identity() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!load(0)) return pool_failed(PoolFault::kIdentityMissing, errno);
    if (!is_blank()) {
      const auto text = identity_.text();
      const bool same = std::memcmp(buffer_, text.data(), text.size()) == 0 &&
                        std::all_of(buffer_ + text.size(), std::end(buffer_) - 1,
                                    [](std::byte b) { return b == std::byte{' '}; });
      return same ? PoolOutcome{} : pool_failed(PoolFault::kForeignPool, 0);
    }
    if (setup_.identity_known) return pool_failed(PoolFault::kIdentityMissing, ENOENT);
    if (const auto made = make_identity(); !made.ok()) return made;
  }
  return pool_failed(PoolFault::kIdentityMissing, ENOENT);
}

PoolOutcome BlockPool::prepare() {
  prepared_ = false;
  own_ = 0;
  fd_.reset(::open(setup_.source, O_RDWR | O_DIRECT | O_DSYNC | O_CLOEXEC));
  // A volume that is not active has no device either.
  if (!fd_) return pool_failed(errno == ENOENT ? PoolFault::kNoDevice : PoolFault::kOpen, errno);
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return pool_failed(PoolFault::kOpen, errno);
  if (!S_ISBLK(info.st_mode) && !S_ISREG(info.st_mode)) {
    return pool_failed(PoolFault::kOpen, ENOTBLK);
  }
  const off_t size = ::lseek(fd_.get(), 0, SEEK_END);
  if (size < static_cast<off_t>(kBlockAreaSize)) return pool_failed(PoolFault::kTooSmall, 0);
  if (const auto identity = check_identity(); !identity.ok()) return identity;
  setup_.identity_known = true;
  if (!scan()) return pool_failed(PoolFault::kOpen, errno);
  if (const auto found = find_own(); !found.ok()) return found;
  prepared_ = true;
  return {};
}

// After scan(): the first of our records in our order stays, any other is emptied.
PoolOutcome BlockPool::find_own() {
  for (std::uint32_t n = 0; n < kBeatSectors; ++n) {
    const auto sector = beat_sector(setup_.host, n);
    if (found_[sector] != setup_.host) continue;
    if (own_ == 0) {
      own_ = sector;
      continue;
    }
    if (!load(sector)) return pool_failed(PoolFault::kOpen, errno);
    if (owner(setup_.host) != Owner::kThis) continue;
    std::memset(buffer_, 0, kBeatBlockSize);
    if (const auto emptied = store(sector); !emptied.ok()) return emptied;
  }
  return {};
}

// The next empty one in our order. Not the one we were driven out of: it is not empty.
PoolOutcome BlockPool::take_sector() {
  for (std::uint32_t n = 0; n < kBeatSectors; ++n) {
    const auto sector = beat_sector(setup_.host, n);
    if (!load(sector)) return pool_failed(PoolFault::kOpen, errno);
    const auto held_by = owner(setup_.host);
    if (held_by != Owner::kNobody && held_by != Owner::kThis) continue;
    own_ = sector;
    return {};
  }
  return pool_failed(PoolFault::kNoRoom, 0);
}

PoolOutcome BlockPool::write_own(ConstBeatBlock block) {
  if (!prepared_) {
    if (const auto ready = prepare(); !ready.ok()) return ready;
  }
  if (own_ != 0) {
    if (!load(own_)) {
      prepared_ = false;
      return pool_failed(PoolFault::kOpen, errno);
    }
    // Another host's, or emptied by a hand: whose device is this now?
    if (const auto held_by = owner(setup_.host); held_by == Owner::kNobody) {
      if (const auto ready = prepare(); !ready.ok()) return ready;
    } else if (held_by == Owner::kOther) {
      own_ = 0;
    }
  }
  if (own_ == 0) {
    if (const auto taken = take_sector(); !taken.ok()) return taken;
  }
  std::memcpy(buffer_, block.data(), kBeatBlockSize);
  const auto written = store(own_);
  if (!written.ok()) {
    prepared_ = false;
    return written;
  }
  // The other one may have written in the same moment: then this beat is on no storage.
  if (!load(own_)) return pool_failed(PoolFault::kWrite, errno);
  if (std::memcmp(buffer_, block.data(), kBeatBlockSize) != 0) {
    return pool_failed(PoolFault::kWrite, EBUSY);
  }
  return {};
}

bool BlockPool::scan() {
  for (std::uint32_t sector = 1; sector <= kBeatSectors; ++sector) {
    if (!load(sector)) return false;
    BeatRecord record;
    const bool good = decode_beat(buffer_, record) == BeatVerdict::kOk &&
                      record.cluster == setup_.cluster && record.pool == setup_.pool;
    found_[sector] = good ? record.host : Uuid{};
  }
  for (std::uint32_t sector = 1; sector <= kBeatSectors; ++sector) {
    doubted_[sector] = !found_[sector].is_none() &&
                       std::count(found_.begin() + 1, found_.end(), found_[sector]) > 1;
  }
  return true;
}

int BlockPool::list(std::span<Uuid> hosts) {
  if (!prepared_) return -1;
  if (lists_++ % kListsPerScan == 0) {
    // Also whether it is still our pool.
    if (!check_identity().ok() || !scan()) {
      prepared_ = false;
      lists_ = 0;
      return -1;
    }
  }
  std::size_t count = 0;
  for (std::uint32_t sector = 1; sector <= kBeatSectors && count < hosts.size(); ++sector) {
    const auto& host = found_[sector];
    if (host.is_none() || host == setup_.host) continue;
    if (std::find(hosts.begin(), hosts.begin() + static_cast<std::ptrdiff_t>(count), host) ==
        hosts.begin() + static_cast<std::ptrdiff_t>(count)) {
      hosts[count++] = host;
    }
  }
  return static_cast<int>(count);
}

// Leaves the sector in buffer_; 0: not found, or found twice.
std::uint32_t BlockPool::sector_of(const Uuid& host) {
  for (std::uint32_t n = 0; n < kBeatSectors; ++n) {
    const auto sector = beat_sector(host, n);
    if (!load(sector)) return 0;
    const auto held_by = owner(host);
    if (held_by == Owner::kThis) return doubted_[sector] && found_[sector] == host ? 0 : sector;
    if (held_by == Owner::kNobody) return 0;
  }
  return 0;
}

int BlockPool::read(const Uuid& host, BeatBlock out) {
  if (!fd_) return -1;
  const auto known = std::find(found_.begin() + 1, found_.end(), host);
  if (known != found_.end() && !host.is_none()) {
    const auto sector = static_cast<std::uint32_t>(known - found_.begin());
    if (doubted_[sector] || !load(sector)) return -1;
    // Not its record any more: damaged, or it has moved, which a scan finds out.
    if (owner(host) != Owner::kThis) lists_ = 0;
    std::memcpy(out.data(), buffer_, kBeatBlockSize);
    return static_cast<int>(kBeatBlockSize);
  }
  if (sector_of(host) == 0) return -1;
  std::memcpy(out.data(), buffer_, kBeatBlockSize);
  return static_cast<int>(kBeatBlockSize);
}

}  // namespace

std::unique_ptr<PoolMedium> make_block_pool(const PoolChildSetup& setup) {
  return std::make_unique<BlockPool>(setup);
}

}  // namespace mold::heartbeat
