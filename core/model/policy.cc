#include "core/model/policy.h"

#include <string>

namespace mold::core {
namespace {

struct Range {
  const char* name;
  Duration value;
  Duration low;
  Duration high;
};

}  // namespace

Status check_policy(const Policy& p) {
  const Range ranges[] = {
      {"beat_interval", p.beat_interval, 100ms, 10s},
      {"suspect_after", p.suspect_after, p.beat_interval * 2, 300s},
      {"dead_after", p.dead_after, p.suspect_after, 600s},
      {"storage_alive_within", p.storage_alive_within, 1s, p.dead_after},
      {"observer_max_age", p.observer_max_age, p.beat_interval * 2, 60s},
      {"observer_stall_limit", p.observer_stall_limit, 100ms, 60s},
      {"own_stall_limit", p.own_stall_limit, 100ms, 60s},
      {"check_timeout", p.check_timeout, p.dead_after, 3600s},
      {"degraded_recheck", p.degraded_recheck, 1s, 3600s},
      {"recover_timeout", p.recover_timeout, 10s, 3600s},
      {"power_deadline", p.power_deadline, 1s, 600s},
      {"fence_retry_first", p.fence_retry_first, 100ms, 60s},
      {"fence_retry_last", p.fence_retry_last, p.fence_retry_first, 3600s},
      {"fence_escalate_after", p.fence_escalate_after, 0s, 600s},
      {"fence_reading_fresh", p.fence_reading_fresh, 1s, 600s},
      {"fence_tolerance", p.fence_tolerance, 0s, 3600s},
      {"lease_margin", p.lease_margin, 500ms, 60s},
      {"start_guard", p.start_guard, 500ms, 60s},
      {"isolation_deadline", p.isolation_deadline, 1s, 600s},
      {"isolation_retry", p.isolation_retry, 100ms, 60s},
      {"isolation_expiry", p.isolation_expiry, 60s, 365 * 86'400s},
      {"isolation_renew", p.isolation_renew, 1s, p.isolation_expiry / 2},
      {"eviction_expiry", p.eviction_expiry, 60s, 86'400s},
      {"eviction_wait", p.eviction_wait, 0s, 60s},
      {"vm_retry_first", p.vm_retry_first, 100ms, 600s},
      {"vm_retry_last", p.vm_retry_last, p.vm_retry_first, 3600s},
      {"vm_settled_after", p.vm_settled_after, 0s, 86'400s},
      {"order_resend", p.order_resend, 1s, 600s},
      {"stop_grace", p.stop_grace, 0s, 3600s},
      {"job_deadline", p.job_deadline, 10s, 86'400s},
  };
  for (const Range& r : ranges) {
    if (r.value < r.low || r.value > r.high) {
      return fail(ErrorKind::kInvalid, std::string(r.name) + " = " +
                                           std::to_string(r.value.count()) + " ms is outside " +
                                           std::to_string(r.low.count()) + ".." +
                                           std::to_string(r.high.count()) + " ms");
    }
  }
  if (p.probation_beats < 1 || p.probation_beats > 100)
    return fail(ErrorKind::kInvalid, "probation_beats is outside 1..100");
  if (p.brake_percent < 1 || p.brake_percent > 100)
    return fail(ErrorKind::kInvalid, "brake_percent is outside 1..100");
  if (p.fence_parallel < 1 || p.fence_parallel > 1000)
    return fail(ErrorKind::kInvalid, "fence_parallel is outside 1..1000");
  if (p.recover_attempts < 0 || p.recover_attempts > 10)
    return fail(ErrorKind::kInvalid, "recover_attempts is outside 0..10");
  if (p.start_attempts < 1 || p.start_attempts > 100)
    return fail(ErrorKind::kInvalid, "start_attempts is outside 1..100");
  if (p.cpu_overcommit_percent < 100 || p.memory_overcommit_percent < 100)
    return fail(ErrorKind::kInvalid, "overcommit below 100 percent");
  return {};
}

}  // namespace mold::core
