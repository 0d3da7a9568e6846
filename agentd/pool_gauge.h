#pragma once
// Whether this host can use its pools, how full they are, and why not: for reports, for display
// only. Nothing of it may hold up anything else: directories are asked on a lane of their own
// (statvfs() blocks for ever on a hung pool), and not while mold-heartbeat already sees them hang;
// Ceph and LVM are asked rarely, one pool at a time, by children with a deadline. Loop thread only.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agentd/lease/lease_watch.h"
#include "agentd/storage/lvm_disks.h"
#include "agentd/storage/nfs_mounts.h"
#include "lib/port/ceph_storage.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class PoolGauge {
 public:
  struct Options {
    Duration every{10'000};
    Duration children_every{60'000};  // RBD and LVM
    Duration probe_deadline{10'000};
    std::string mounts = "/proc/self/mountinfo";
  };
  // What it asks; each may be null, and pools of that kind are not usable then. Outlives it.
  struct Sources {
    port::CephStorage* ceph = nullptr;
    NfsMounts* nfs = nullptr;
    LvmDisks* lvm = nullptr;
  };

  PoolGauge(runtime::EventLoop& loop, const LeaseWatch& leases, Sources sources, Options options);
  ~PoolGauge();
  PoolGauge(const PoolGauge&) = delete;
  PoolGauge& operator=(const PoolGauge&) = delete;

  void start();
  void measure();  // now, e.g. when the pools are known
  [[nodiscard]] std::vector<wire::PoolReport> reports() const;

 private:
  struct Gauge {
    wire::PoolReport latest;
    bool under_way = false;
    Instant not_before{};
  };
  void measure(const wire::PoolInfo& pool);
  void measure_directory(const wire::PoolInfo& pool, Gauge& gauge);
  void ask_children();
  void probe(const wire::PoolInfo& pool);
  void probed(const std::string& uuid, const port::CephPoolFacts& facts);
  void ask_lvm(const wire::PoolInfo& pool);
  // The result of a child's round; the next pool's turn.
  void told(const std::string& uuid, wire::PoolReport report);

  runtime::EventLoop& loop_;
  const LeaseWatch& leases_;
  Sources sources_;
  Options options_;
  runtime::WorkerLane lane_;
  runtime::Timer timer_;
  bool child_runs_ = false;
  std::map<std::string, Gauge> gauges_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace mold::agentd
