#pragma once
// Every tunable of the brains, with the default profile. Ranges are checked by check_policy(); the
// simulator draws random members of those ranges, so a rule must hold for all of them.
#include <cstdint>

#include "lib/base/result.h"
#include "lib/base/time.h"

namespace mold::core {

struct Policy {
  // --- detection -------------------------------------------------------------------------------
  Duration beat_interval = 500ms;   // agent -> manager, told to agents at hello
  Duration suspect_after = 2500ms;  // no network beat for this long: Suspect, start gathering
  Duration dead_after = 4000ms;     // silent on network AND storage for this long: may fence
  Duration storage_alive_within = 3000ms;  // a storage counter that moved this recently: alive
  Duration observer_max_age = 3000ms;      // an observer's reading older than this is not counted
  Duration observer_stall_limit = 1000ms;  // an observer that itself stalled longer is not counted
  Duration own_stall_limit = 1000ms;    // the manager was late by more: it distrusts its own view
  Duration check_timeout = 30'000ms;    // Checking without any evidence ends as Degraded
  Duration degraded_recheck = 5'000ms;  // how often a Degraded host is looked at anew
  int probation_beats = 3;              // good beats before a returned host is Available
  // --- brakes ----------------------------------------------------------------------------------
  int brake_percent = 50;  // more of a cluster silent at once: gather, do not fence
  // --- recovering and fencing ------------------------------------------------------------------
  int recover_attempts = 0;  // power resets tried before the cut; 0 = fence at once
  Duration recover_timeout = 120'000ms;
  Duration power_deadline = 20'000ms;    // one power request, read-back included
  Duration fence_retry_first = 1'000ms;  // back-off between fence attempts, doubled up to the last
  Duration fence_retry_last = 15'000ms;
  Duration fence_escalate_after = 3'000ms;  // a level without proof for so long: the next joins in
  bool fence_race = false;                  // all levels at once
  Duration fence_reading_fresh = 10'000ms;  // "off" of one feed counts this long for the others
  Duration fence_tolerance = 20'000ms;  // powered off within this time: its power is not cut again
  int fence_parallel = 3;  // hosts of a cluster whose power is being cut at the same time
  // --- lease -----------------------------------------------------------------------------------
  Duration lease_margin = 1'000ms;  // on top of the deadline that the host itself announced
  Duration start_guard = 1'500ms;   // a start needs a lease that lasts at least this long
  // --- isolation from Ceph pools ---------------------------------------------------------------
  Duration isolation_deadline = 10'000ms;  // one request, read-back included
  Duration isolation_retry = 1'000ms;      // doubled up to fence_retry_last
  // Blocklist entries last at least so long (they are made for twice that). Long: a manager that is
  // down does not renew, and a host that thaws after its entries expired can write.
  Duration isolation_expiry = 180 * 86'400'000ms;
  Duration isolation_renew = 86'400'000ms;  // how often they are renewed, and read back
  Duration eviction_expiry = 600'000ms;     // of the clients of a QEMU that is gone
  Duration eviction_wait = 3'000ms;         // a start waits so long for that; then it is tried
  // --- VMs -------------------------------------------------------------------------------------
  int cpu_overcommit_percent = 1000;  // vCPUs may sum up to 10x the host's cores
  int memory_overcommit_percent = 100;
  int start_attempts = 3;             // hosts tried for a start that a person waits for
  Duration vm_retry_first = 1'000ms;  // back-off between HA start attempts
  Duration vm_retry_last = 15'000ms;
  Duration vm_settled_after = 60'000ms;  // a VM that ran so long does not count as crashing again
  Duration order_resend = 10'000ms;   // an unanswered order is delivered again (receivers dedupe)
  Duration stop_grace = 30'000ms;     // ACPI shutdown before force
  Duration job_deadline = 600'000ms;  // every job ends, at the latest then
};

// kInvalid with the name of the first value that is out of range or contradicts another.
Status check_policy(const Policy& policy);

}  // namespace mold::core
