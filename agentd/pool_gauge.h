#pragma once
// How full the pools are, for reports. statvfs() blocks for ever on a hung pool, so it is asked on
// a lane of its own, rarely, and not of pools that mold-heartbeat already sees hanging. For display
// only. Loop thread only.
#include <map>
#include <string>
#include <vector>

#include "agentd/lease/lease_watch.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"
#include "lib/wire/messages.h"

namespace mold::agentd {

class PoolGauge {
 public:
  PoolGauge(runtime::EventLoop& loop, const LeaseWatch& leases);

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

  runtime::EventLoop& loop_;
  const LeaseWatch& leases_;
  runtime::WorkerLane lane_;
  runtime::Timer timer_;
  std::map<std::string, Gauge> gauges_;
};

}  // namespace mold::agentd
