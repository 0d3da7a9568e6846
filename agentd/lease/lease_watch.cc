#include "agentd/lease/lease_watch.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mold::agentd {
namespace {

// The supervisor publishes twice a second, and at once when something changes.
constexpr Duration kPublishEvery{500};
// Older than this: no supervisor. Leases run out by themselves, so nothing hangs on it for safety.
constexpr Duration kBoardTooOld{3'000};
// Half beat intervals after which a reading is not "lately" any more.
constexpr int kReadableHalfIntervals = 5;

std::uint64_t not_negative(Duration duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

}  // namespace

LeaseWatch::LeaseWatch(std::string board_path) : board_path_(std::move(board_path)) {}

void LeaseWatch::set_pools(std::vector<wire::PoolInfo> pools) {
  pools_ = std::move(pools);
}

std::optional<PoolId> LeaseWatch::pool_of(std::string_view uuid) const {
  for (const wire::PoolInfo& pool : pools_) {
    if (pool.uuid == uuid) return pool.id;
  }
  return std::nullopt;
}

const wire::PoolInfo* LeaseWatch::pool(PoolId id) const {
  for (const wire::PoolInfo& pool : pools_) {
    if (pool.id == id) return &pool;
  }
  return nullptr;
}

void LeaseWatch::refresh() {
  latest_.reset();
  if (!reader_) {
    auto opened = heartbeat::LeaseBoardReader::open(board_path_);
    if (!opened) {
      trouble_ = opened.error().what;
      return;
    }
    reader_ = std::move(*opened);
  }
  auto snapshot = reader_->snapshot();
  if (!snapshot) {
    trouble_ = snapshot.error().what;
    // A writer caught in the middle is there next time; anything else is opened anew.
    if (snapshot.error().kind != ErrorKind::kBusy) reader_.reset();
    return;
  }
  if (host_uuid_.empty() || snapshot->host != host_uuid_) {
    trouble_ = "the lease board is of another host";
    return;
  }
  trouble_.clear();
  latest_ = std::move(*snapshot);
}

core::LeaseView LeaseWatch::view(Instant now) {
  refresh();
  core::LeaseView view;
  if (!latest_ || latest_->age(now) > kBoardTooOld) return view;
  view.valid = true;
  view.incarnation = latest_->incarnation;
  for (const wire::PoolInfo& pool : pools_) {
    core::LeaseView::PoolLease lease;
    lease.pool = pool.id;
    if (!pool.heartbeat) {
      lease.held = true;
      lease.valid_until = Instant{std::numeric_limits<std::int64_t>::max()};
    } else if (const heartbeat::PoolLease* const found = latest_->find(pool.uuid)) {
      lease.held = heartbeat::may_start(*found, now);
      lease.valid_until = found->valid_until;
    }
    view.pools.push_back(lease);
  }
  return view;
}

std::vector<wire::Reading> LeaseWatch::readings(Instant now) const {
  std::vector<wire::Reading> out;
  if (!latest_) return out;
  for (const wire::PoolInfo& pool : pools_) {
    const heartbeat::PoolLease* const lease = latest_->find(pool.uuid);
    if (!pool.heartbeat || lease == nullptr) continue;
    const Duration lately = Duration{pool.beat_interval_ms} * kReadableHalfIntervals / 2;
    for (const heartbeat::BeatReading& seen : lease->readings) {
      if (seen.host == host_uuid_) continue;
      wire::Reading reading;
      reading.pool_uuid = pool.uuid;
      reading.subject_uuid = seen.host;
      reading.boot_id = seen.boot;
      reading.readable =
          seen.status == heartbeat::ReadingStatus::kOk && now - seen.read_at <= lately;
      reading.counter = seen.counter;
      reading.incarnation = seen.incarnation;
      reading.armed = seen.armed;
      reading.deadline_ms = seen.deadline_ms;
      reading.unchanged_ms = not_negative(seen.read_at - seen.changed_at);
      out.push_back(std::move(reading));
    }
  }
  return out;
}

std::vector<wire::OwnLease> LeaseWatch::own_leases() const {
  std::vector<wire::OwnLease> out;
  if (!latest_) return out;
  for (const heartbeat::PoolLease& lease : latest_->pools) {
    out.push_back(
        {lease.pool, std::string(to_string(lease.state)), lease.armed_announced,
         lease.child_stuck && lease.last_error.empty() ? "the pool hangs" : lease.last_error});
  }
  return out;
}

std::optional<Duration> LeaseWatch::supervisor_lateness(Instant now) const {
  if (!latest_) return std::nullopt;
  return std::max(latest_->age(now) - kPublishEvery, Duration{0});
}

bool LeaseWatch::any_lost() const {
  return latest_ && std::any_of(latest_->pools.begin(), latest_->pools.end(), [](const auto& p) {
           return p.state == heartbeat::LeaseState::kLost;
         });
}

}  // namespace mold::agentd
