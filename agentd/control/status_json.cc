#include "agentd/control/status_json.h"

#include <nlohmann/json.hpp>

namespace mold::agentd {
namespace {

using nlohmann::ordered_json;

std::string dump(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace

std::string status_json(const AgentStatus& status, Instant now) {
  ordered_json out;
  out["version"] = status.version;
  out["host"] = status.host_uuid;
  out["hostname"] = status.hostname;
  out["boot_id"] = status.boot_id;
  out["enrolled"] = !status.host_uuid.empty();
  out["link"] = to_string(status.link.state);
  out["manager"] = status.link.manager;
  out["epoch"] = status.link.epoch.value;
  out["link_trouble"] = status.link.trouble;
  out["beats_sent"] = status.link.beats_sent;
  out["beats_failed"] = status.link.beats_failed;
  out["beat_round_trip_ms"] = status.link.beat_round_trip.count();
  if (status.link.last_beat_answered) {
    out["last_beat_ago_ms"] = (now - *status.link.last_beat_answered).count();
  }
  out["results_waiting"] = status.link.results_waiting;
  out["libvirt"] = status.libvirt_connected ? "connected" : "down";
  out["libvirt_trouble"] = status.libvirt_trouble;
  out["lease_board_trouble"] = status.lease_trouble;
  out["vms"] = status.vms;
  out["foreign_vms"] = status.foreign_vms;
  out["self_stall_ms"] = status.self_stall.count();
  out["loop_worst_us"] = status.lag.worst_us;
  return dump(out);
}

std::string vms_json(const std::vector<core::VmReport>& vms) {
  ordered_json out = ordered_json::array();
  for (const core::VmReport& vm : vms) {
    ordered_json one;
    one["vm"] = vm.vm.value;
    one["uuid"] = vm.uuid;
    one["generation"] = vm.generation.value;
    one["power"] = to_string(vm.power);
    one["gone_reason"] = vm.power == core::DomainPower::kGone ? to_string(vm.gone_reason) : "";
    out.push_back(std::move(one));
  }
  return dump(out);
}

std::string leases_json(const heartbeat::LeaseSnapshot* snapshot, Instant now) {
  ordered_json out = ordered_json::array();
  if (snapshot == nullptr) return dump(out);
  for (const heartbeat::PoolLease& lease : snapshot->pools) {
    ordered_json one;
    one["pool"] = lease.pool;
    one["path"] = lease.path;
    one["state"] = to_string(lease.state);
    one["valid_for_ms"] = lease.valid_until > now ? (lease.valid_until - now).count() : 0;
    one["armed"] = lease.armed_announced;
    one["vms"] = lease.vm_count;
    one["kill"] = to_string(lease.kill);
    one["observes"] = lease.readings.size();
    one["error"] = lease.last_error;
    out.push_back(std::move(one));
  }
  return dump(out);
}

}  // namespace mold::agentd
