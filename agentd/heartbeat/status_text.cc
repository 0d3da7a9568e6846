#include "agentd/heartbeat/status_text.h"

#include <cstdio>

namespace mold::heartbeat {
namespace {

std::string seconds(Duration d) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(d.count()) / 1000.0);
  return text;
}

std::string ago(Instant then, Instant now) {
  return then.ms == 0 ? "never" : seconds(now - then) + " ago";
}

std::string reading_text(const BeatReading& r, Instant now) {
  std::string out = "    host " + r.host + "  ";
  out += to_string(r.status);
  if (r.read_at.ms == 0) return out + ", never read\n";
  out += ", changed " + ago(r.changed_at, now) + ", read " + ago(r.read_at, now) + ", epoch " +
         std::to_string(r.epoch) + ", incarnation " + std::to_string(r.incarnation) +
         (r.armed ? ", armed, stops itself within " + seconds(Duration{r.deadline_ms})
                  : ", not armed: its silence proves nothing") +
         "\n";
  return out;
}

std::string lease_text(const PoolLease& lease, Instant now) {
  std::string out = "pool " + lease.pool + "  ";
  out += to_string(lease.type);
  out += "  " + lease.path + "\n  lease ";
  out += to_string(lease.state);
  if (lease.state == LeaseState::kHeld)
    out += ", for " + seconds(lease.valid_until - now) + " more";
  out += lease.armed_announced ? ", armed" : ", not armed";
  out += ", self-fence " + seconds(Duration{lease.deadline_ms});
  out += ", last beat " + ago(lease.last_ack, now) + " (took " +
         std::to_string(lease.last_took_ms) + " ms)\n";
  out += "  VMs " + std::to_string(lease.vm_count) + ", kill ";
  out += to_string(lease.kill);
  if (lease.state == LeaseState::kLost && lease.policy == PoolPolicy::kPause && !lease.fenced) {
    out += ", stopped until beats are good again";
  }
  if (lease.fenced) out += "\n  FENCED: the storage shut this host out";
  if (lease.child_stuck) out += ", its I/O process HANGS";
  if (!lease.last_error.empty()) out += "\n  error: " + lease.last_error;
  out += "\n";
  for (const auto& reading : lease.readings) out += reading_text(reading, now);
  return out;
}

}  // namespace

std::string status_text(const LeaseSnapshot& board, Instant now) {
  std::string out = "host " + board.host + "  epoch " + std::to_string(board.epoch) +
                    "  incarnation " + std::to_string(board.incarnation) + "\n";
  out += "supervisor pid " + std::to_string(board.supervisor_pid) + ", up " +
         seconds(now - board.started_at) + ", last sign " + ago(board.updated_at, now) + "\n";
  out += "watchdog ";
  if (board.watchdog_armed) {
    out += "armed, " + seconds(Duration{board.watchdog_timeout_ms});
    out += board.watchdog_feeding ? ", fed\n" : ", NOT FED: this host is about to be reset\n";
  } else {
    out += "NOT ARMED: " + board.watchdog_note + "\n";
  }
  for (const auto& lease : board.pools) out += lease_text(lease, now);
  return out;
}

}  // namespace mold::heartbeat
