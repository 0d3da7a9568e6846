#include "agentd/pool_gauge.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

namespace mold::agentd {
namespace {

constexpr Duration kEvery{10'000};
constexpr Duration kDeadline{3'000};
constexpr Duration kAfterHang{60'000};
constexpr Duration kLaneGrace{50};
constexpr std::size_t kQueue = 64;

// On a lane thread.
Result<wire::PoolReport> look_at(const wire::PoolInfo& pool) {
  struct statvfs info {};
  if (::statvfs(pool.path.c_str(), &info) != 0) {
    return fail(errno_error(errno, "looking at " + pool.path));
  }
  wire::PoolReport report;
  report.uuid = pool.uuid;
  report.usable = true;
  report.total_bytes = static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize;
  report.free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  return report;
}

}  // namespace

PoolGauge::PoolGauge(runtime::EventLoop& loop, const LeaseWatch& leases)
    : loop_(loop), leases_(leases), lane_(loop, "pools", 1, kQueue), timer_(loop) {
  lane_.set_grace(kLaneGrace);
}

void PoolGauge::start() {
  timer_.start_periodic(kEvery, [this] { measure(); });
}

void PoolGauge::measure() {
  for (const wire::PoolInfo& pool : leases_.pools()) measure(pool);
}

void PoolGauge::measure(const wire::PoolInfo& pool) {
  Gauge& gauge = gauges_[pool.uuid];
  gauge.latest.uuid = pool.uuid;
  const auto& board = leases_.snapshot();
  const heartbeat::PoolLease* const lease = board ? board->find(pool.uuid) : nullptr;
  if (lease != nullptr && (lease->child_stuck || !lease->last_error.empty())) {
    gauge.latest.usable = false;
    return;
  }
  if (gauge.under_way || loop_.now() < gauge.not_before) return;
  gauge.under_way = true;
  lane_.submit([pool] { return look_at(pool); },
               [this, uuid = pool.uuid](const Result<wire::PoolReport>& report) {
                 Gauge& done = gauges_[uuid];
                 done.under_way = false;
                 done.latest.usable = false;
                 if (report) {
                   done.latest = *report;
                 } else if (report.error().kind == ErrorKind::kUnknown) {
                   done.not_before = loop_.now() + kAfterHang;
                 }
               },
               kDeadline);
}

std::vector<wire::PoolReport> PoolGauge::reports() const {
  std::vector<wire::PoolReport> out;
  for (const wire::PoolInfo& pool : leases_.pools()) {
    const auto found = gauges_.find(pool.uuid);
    if (found != gauges_.end()) out.push_back(found->second.latest);
  }
  return out;
}

}  // namespace mold::agentd
