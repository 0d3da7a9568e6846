// Storage pools as clients see them. Never a key.
#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/envelope.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"
#include "manager/storage/pool_kind.h"

namespace mold::manager::api {

const std::string_view kPoolFields =
    "id:string name:string zoneid:string zonename:string podid:string podname:string "
    "clusterid:string clustername:string type:string scope:string ipaddress:string path:string "
    "state:string disksizetotal:long disksizeused:long disksizeallocated:long created:date "
    "hypervisor:string tags:string provider:string managed:boolean istagarule:boolean "
    "policy:string details:map hosts:list jobid:string jobstatus:integer";

namespace {

// What one host says of the pool; "Unknown" while it says nothing.
Object reach_view(const Services& services, const HostRecord& host, const PoolRecord& pool) {
  const AgentView agent = services.agents.view(host.id);
  Object row;
  row.set("hostid", Value(host.uuid)).set("hostname", Value(host.name));
  std::string state = "Unknown";
  std::string reason = agent.connected ? "its agent did not report yet" : "its agent is silent";
  for (const wire::PoolReport& report : agent.pools) {
    if (report.uuid != pool.uuid || !agent.connected) continue;
    state = report.usable ? "Up" : "Down";
    reason.clear();
    if (report.usable)
      row.set_text("connection", report.text);
    else
      reason = report.text.empty() ? "the host cannot use it" : report.text;
  }
  if (pool.state == PoolState::kMaintenance) {
    state = "Disconnected";
    reason = "the pool is in maintenance";
  } else if (pool.kind == core::PoolKind::kRbd) {
    const KeyState key = services.storage.keys().state_of(host, pool);
    row.set("haskey", Value(key.has_key));
    if (!key.has_key) reason = "no Ceph key: " + key.text;
  }
  for (const wire::OwnLease& lease : agent.leases) {
    if (lease.pool_uuid != pool.uuid || !agent.connected) continue;
    row.set_text("lease", lease.state);
    if (reason.empty()) reason = lease.text;
  }
  row.set("state", Value(state));
  row.set_text("reason", reason);
  return row;
}

Array reach_views(const Services& services, const PoolRecord& pool) {
  Array rows;
  for (const auto& [id, host] : services.inventory.hosts().all()) {
    if (!is_live(host) || host.cluster != pool.cluster || (pool.host && pool.host != id)) continue;
    rows.emplace_back(reach_view(services, host, pool));
  }
  return rows;
}

Object details_view(const PoolRecord& pool) {
  Object details;
  details.set("policy", Value(core::to_string(pool.policy)));
  details.set("heartbeat", Value(pool.heartbeat ? "true" : "false"));
  if (pool.kind == core::PoolKind::kNfs) details.set("mountpath", Value(pool.path));
  if (pool.kind == core::PoolKind::kRbd) {
    details.set_text("user", pool.user);
    details.set_text("fsid", pool.ceph_fsid);
    details.set("cephx", Value(pool.cephx ? "true" : "false"));
  }
  return details;
}

void add_sizes(Object& row, const Services& services, const PoolRecord& pool) {
  std::uint64_t total = pool.capacity_bytes;
  const auto report = services.agents.pool_report(pool.id);
  if (report && report->total_bytes != 0) {
    total = report->total_bytes;
    row.set("disksizeused", Value(total - std::min(total, report->free_bytes)));
  }
  row.set("disksizetotal", Value(total));
  row.set("disksizeallocated", Value(promised_bytes(services.engine.state(), pool.id)));
}

}  // namespace

std::uint64_t promised_bytes(const core::State& state, PoolId pool) {
  std::uint64_t promised = 0;
  for (const auto& [id, vm] : state.vms) {
    if (vm.state == core::VmState::kDestroyed) continue;
    for (const core::Disk& disk : vm.spec.disks) {
      if (disk.pool == pool) promised += disk.size_bytes;
    }
  }
  return promised;
}

std::string pool_address(const Inventory& inventory, const PoolRecord& pool) {
  if (pool.kind == core::PoolKind::kRbd) return pool.source;
  if (pool.kind == core::PoolKind::kNfs) {
    constexpr std::size_t kScheme = std::string_view("nfs://").size();
    const std::size_t slash = pool.source.find('/', kScheme);
    return pool.source.substr(kScheme, slash - kScheme);
  }
  const HostRecord* const host = inventory.hosts().find_live(pool.host);
  return host == nullptr ? "localhost" : host->address;
}

std::string pool_path(const PoolRecord& pool) {
  if (pool.kind == core::PoolKind::kRbd) return ceph_pool_of(pool);
  if (pool.kind == core::PoolKind::kNfs) {
    constexpr std::size_t kScheme = std::string_view("nfs://").size();
    const std::size_t slash = pool.source.find('/', kScheme);
    return slash == std::string::npos ? std::string("/") : pool.source.substr(slash);
  }
  constexpr std::string_view kDevices = "/dev";
  return pool.kind == core::PoolKind::kClvm && pool.path.starts_with(kDevices)
             ? pool.path.substr(kDevices.size())
             : pool.path;
}

Object pool_view(const Services& services, const PoolRecord& pool) {
  const Place place = place_of(services.inventory, pool.cluster);
  Object row;
  row.set("id", Value(pool.uuid)).set("name", Value(pool.name));
  if (place.zone != nullptr) {
    row.set("zoneid", Value(place.zone->uuid)).set("zonename", Value(place.zone->name));
  }
  if (place.pod != nullptr) {
    row.set("podid", Value(place.pod->uuid)).set("podname", Value(place.pod->name));
  }
  if (place.cluster != nullptr) {
    row.set("clusterid", Value(place.cluster->uuid)).set("clustername", Value(place.cluster->name));
  }
  row.set("type", Value(pool.type)).set("scope", Value(pool.scope));
  row.set("ipaddress", Value(pool_address(services.inventory, pool)));
  row.set("path", Value(pool_path(pool)));
  row.set("state", Value(pool_state_name(pool.state))).set("hypervisor", Value("KVM"));
  row.set("provider", Value("DefaultPrimary"));
  row.set("managed", Value(false)).set("istagarule", Value(false));
  add_sizes(row, services, pool);
  row.set_text("tags", pool.tags);
  row.set("policy", Value(core::to_string(pool.policy)));
  row.set("details", Value(details_view(pool)));
  row.set("hosts", Value(reach_views(services, pool)));
  row.set("created", Value(api_time(pool.created)));
  if (const JobRecord* const job = services.engine.jobs().pending_for(pool.uuid)) {
    row.set("jobid", Value(job->uuid)).set("jobstatus", Value(0));
  }
  return row;
}

}  // namespace mold::manager::api
