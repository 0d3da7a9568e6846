#include "agentd/pool_gauge.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

#include "agentd/storage/disk_paths.h"
#include "agentd/storage/mount_table.h"
#include "lib/base/check.h"
#include "lib/runtime/files.h"

namespace mold::agentd {
namespace {

constexpr Duration kLookDeadline{3'000};
constexpr Duration kAfterHang{60'000};
constexpr Duration kGaugeGrace{50};
constexpr std::size_t kGaugeQueue = 64;
constexpr std::size_t kMountsLimit = 4 * 1024 * 1024;

struct Look {
  wire::PoolReport report;
  bool stale = false;
};

// On a lane thread.
Result<Look> look_at(const wire::PoolInfo& pool, const std::string& table) {
  Look look;
  look.report.uuid = pool.uuid;
  if (pool.must_be_mountpoint) {
    MOLD_TRY(const std::string text, runtime::read_file(table, kMountsLimit));
    const std::vector<Mount> mounts = parse_mountinfo(text);
    const Mount* const mount = mounted_at(mounts, pool.path);
    if (mount == nullptr) {
      look.report.text = "nothing is mounted at " + pool.path;
      return look;
    }
    look.report.text = "mounted from " + mount->source;
  }
  struct statvfs info {};
  if (::statvfs(pool.path.c_str(), &info) != 0) {
    look.stale = errno == ESTALE;
    look.report.text = errno_error(errno, "looking at " + pool.path).what;
    return look;
  }
  look.report.usable = true;
  look.report.total_bytes = static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize;
  look.report.free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  return look;
}

bool asked_by_child(core::PoolKind kind) {
  return kind == core::PoolKind::kRbd || kind == core::PoolKind::kClvm;
}

}  // namespace

PoolGauge::PoolGauge(runtime::EventLoop& loop, const LeaseWatch& leases, Sources sources,
                     Options options)
    : loop_(loop),
      leases_(leases),
      sources_(sources),
      options_(std::move(options)),
      lane_(loop, "pools", 1, kGaugeQueue),
      timer_(loop) {
  lane_.set_grace(kGaugeGrace);
}

PoolGauge::~PoolGauge() {
  *alive_ = false;
}

void PoolGauge::start() {
  timer_.start_periodic(options_.every, [this] { measure(); });
}

void PoolGauge::measure() {
  for (const wire::PoolInfo& pool : leases_.pools()) measure(pool);
  ask_children();
}

void PoolGauge::measure(const wire::PoolInfo& pool) {
  Gauge& gauge = gauges_[pool.uuid];
  gauge.latest.uuid = pool.uuid;
  const auto& board = leases_.snapshot();
  const heartbeat::PoolLease* const lease = board ? board->find(pool.uuid) : nullptr;
  if (lease != nullptr && (lease->child_stuck || !lease->last_error.empty())) {
    gauge.latest.usable = false;
    gauge.latest.text = lease->last_error.empty() ? "the pool hangs" : lease->last_error;
    return;
  }
  if (!asked_by_child(pool.kind)) measure_directory(pool, gauge);
}

void PoolGauge::measure_directory(const wire::PoolInfo& pool, Gauge& gauge) {
  const bool nfs = pool.kind == core::PoolKind::kNfs;
  NfsMounts::View mount;
  if (nfs) {
    if (sources_.nfs != nullptr) mount = sources_.nfs->view(pool.uuid);
    if (mount.state != core::MountState::kRight) {  // what is there is something else
      gauge.latest = {pool.uuid, false, 0, 0, mount.text};
      return;
    }
  }
  if (gauge.under_way || loop_.now() < gauge.not_before) return;
  gauge.under_way = true;
  lane_.submit([pool, table = options_.mounts] { return look_at(pool, table); },
               [this, nfs, text = mount.text, uuid = pool.uuid](const Result<Look>& look) {
                 Gauge& done = gauges_[uuid];
                 done.under_way = false;
                 if (!look) {
                   const bool hangs = look.error().kind == ErrorKind::kUnknown;
                   if (hangs) done.not_before = loop_.now() + kAfterHang;
                   done.latest.usable = false;
                   done.latest.text = hangs ? "does not answer" : look.error().what;
                   return;
                 }
                 done.latest = look->report;
                 if (!nfs || sources_.nfs == nullptr) return;
                 if (done.latest.usable) done.latest.text = text;
                 sources_.nfs->note_health(
                     uuid, look->stale ? core::MountHealth::kStale : core::MountHealth::kAnswers);
               },
               kLookDeadline);
}

// One at a time: a start that waits for Ceph's answer is not to stand behind a row of probes.
void PoolGauge::ask_children() {
  if (child_runs_) return;
  for (const wire::PoolInfo& pool : leases_.pools()) {
    if (!asked_by_child(pool.kind)) continue;
    Gauge& gauge = gauges_[pool.uuid];
    if (loop_.now() < gauge.not_before) continue;
    gauge.not_before = loop_.now() + options_.children_every;
    child_runs_ = true;
    return pool.kind == core::PoolKind::kRbd ? probe(pool) : ask_lvm(pool);
  }
}

void PoolGauge::told(const std::string& uuid, wire::PoolReport report) {
  child_runs_ = false;
  report.uuid = uuid;
  gauges_[uuid].latest = std::move(report);
  loop_.post([this, alive = alive_] {
    if (*alive) ask_children();
  });
}

void PoolGauge::probe(const wire::PoolInfo& pool) {
  if (sources_.ceph == nullptr) {
    return told(pool.uuid, {"", false, 0, 0, "this agent has no Ceph support"});
  }
  sources_.ceph->probe(ceph_access(pool), options_.probe_deadline,
                       [this, uuid = pool.uuid, alive = alive_](const auto& facts) {
                         if (*alive) probed(uuid, facts);
                       });
}

void PoolGauge::probed(const std::string& uuid, const port::CephPoolFacts& facts) {
  wire::PoolReport report;
  report.usable = facts.outcome == core::Outcome::kConfirmed;
  report.total_bytes = facts.total_bytes;
  report.free_bytes = facts.free_bytes;
  report.text = report.usable ? "connected to the Ceph cluster " + facts.fsid : facts.text;
  told(uuid, std::move(report));
}

void PoolGauge::ask_lvm(const wire::PoolInfo& pool) {
  if (sources_.lvm == nullptr) return told(pool.uuid, {"", false, 0, 0, "no LVM"});
  sources_.lvm->space(pool, [this, group = volume_group(pool), uuid = pool.uuid,
                             alive = alive_](const Result<LvmDisks::Space>& space) {
    if (!*alive) return;
    if (!space) return told(uuid, {"", false, 0, 0, space.error().what});
    told(uuid, {"", true, space->total_bytes, space->free_bytes, "volume group " + group});
  });
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
