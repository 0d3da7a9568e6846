// What a record must satisfy before it is kept.
#include <algorithm>

#include "manager/inventory/checks.h"
#include "manager/inventory/inventory.h"

namespace mold::manager {
namespace {

constexpr std::uint64_t kMemoryMost = 1ULL << 50;
constexpr std::uint64_t kMemoryLeast = 1ULL << 20;  // 1 MiB: nano guests
constexpr std::uint64_t kDiskMost = 1ULL << 60;
constexpr std::size_t kUserDataMost = 1024 * 1024;
constexpr std::size_t kDevicesPerHost = 16;

tl::unexpected<Error> taken(std::string_view what, const std::string& name) {
  return fail(ErrorKind::kConflict, std::string(what) + " '" + name + "' exists already");
}

tl::unexpected<Error> nowhere(std::string_view field, std::string_view what) {
  return fail(ErrorKind::kNotFound, std::string(field) + ": no such " + std::string(what));
}

template <class Id, class Record, class Same>
bool is_taken(const RecordTable<Id, Record>& table, const Record& self, Same same) {
  return std::any_of(table.all().begin(), table.all().end(), [&](const auto& entry) {
    return entry.first != self.id && is_live(entry.second) && same(entry.second);
  });
}

Status check_details(const Details& details) {
  if (details.size() > 256) return fail(ErrorKind::kInvalid, "details: too many");
  for (const auto& [name, value] : details) {
    MOLD_TRY_VOID(check_name("details", name));
    MOLD_TRY_VOID(check_text("details." + name, value, 4096, true));
  }
  return {};
}

}  // namespace

Status Inventory::check(const Zone& zone) const {
  MOLD_TRY_VOID(check_name("name", zone.name));
  MOLD_TRY_VOID(check_text("description", zone.description));
  MOLD_TRY_VOID(check_net_address("dns1", zone.dns1));
  MOLD_TRY_VOID(check_net_address("dns2", zone.dns2));
  MOLD_TRY_VOID(check_net_address("internaldns1", zone.internal_dns1));
  MOLD_TRY_VOID(check_net_address("internaldns2", zone.internal_dns2));
  if (zone.network_type != "Basic" && zone.network_type != "Advanced")
    return fail(ErrorKind::kInvalid, "networktype: must be Basic or Advanced");
  if (is_taken(zones_, zone, [&](const Zone& other) { return other.name == zone.name; }))
    return taken("zone", zone.name);
  return {};
}

Status Inventory::check(const Pod& pod) const {
  MOLD_TRY_VOID(check_name("name", pod.name));
  MOLD_TRY_VOID(check_net_address("gateway", pod.gateway));
  MOLD_TRY_VOID(check_net_address("netmask", pod.netmask));
  MOLD_TRY_VOID(check_net_address("startip", pod.start_ip));
  MOLD_TRY_VOID(check_net_address("endip", pod.end_ip));
  if (zones_.find(pod.zone) == nullptr) return nowhere("zoneid", "zone");
  const auto same = [&](const Pod& o) { return o.zone == pod.zone && o.name == pod.name; };
  if (is_taken(pods_, pod, same)) return taken("pod", pod.name);
  return {};
}

Status Inventory::check(const Cluster& cluster) const {
  MOLD_TRY_VOID(check_name("clustername", cluster.name));
  if (pods_.find(cluster.pod) == nullptr) return nowhere("podid", "pod");
  if (cluster.hypervisor != "KVM")
    return fail(ErrorKind::kInvalid, "hypervisor: only KVM is supported");
  MOLD_TRY_VOID(check_name("clustertype", cluster.type));
  MOLD_TRY_VOID(check_name("arch", cluster.arch));
  const auto same = [&](const Cluster& o) {
    return o.pod == cluster.pod && o.name == cluster.name;
  };
  if (is_taken(clusters_, cluster, same)) return taken("cluster", cluster.name);
  return {};
}

Status Inventory::check_but_cluster(const HostRecord& host) const {
  MOLD_TRY_VOID(check_name("name", host.name));
  MOLD_TRY_VOID(check_net_address("address", host.address));
  MOLD_TRY_VOID(check_address("oobm address", host.oobm.address));
  MOLD_TRY_VOID(check_text("oobm username", host.oobm.username, 255));
  MOLD_TRY_VOID(check_text("haprovider", host.ha_provider, 255));
  MOLD_TRY_VOID(check_details(host.oobm.options));
  MOLD_TRY_VOID(check_details(host.details));
  if (host.tags.size() > 64) return fail(ErrorKind::kInvalid, "hosttags: too many");
  for (const std::string& tag : host.tags) MOLD_TRY_VOID(check_name("hosttags", tag));
  const auto same = [&](const HostRecord& o) { return o.name == host.name; };
  if (is_live(host) && is_taken(hosts_, host, same)) return taken("host", host.name);
  return {};
}

Status Inventory::check(const HostRecord& host) const {
  if (clusters_.find(host.cluster) == nullptr && is_live(host))
    return nowhere("clusterid", "cluster");
  return check_but_cluster(host);
}

Status Inventory::check(const FenceDevice& device) const {
  MOLD_TRY_VOID(check_name("name", device.name));
  MOLD_TRY_VOID(check_name("driver", device.driver));
  MOLD_TRY_VOID(check_address("address", device.address));
  MOLD_TRY_VOID(check_text("username", device.username, 255));
  MOLD_TRY_VOID(check_details(device.options));
  if (device.level < 1 || device.level > 9)
    return fail(ErrorKind::kInvalid, "level: must be from 1 to 9");
  if (hosts_.find_live(device.host) == nullptr) return nowhere("hostid", "host");
  const auto here = [&](const FenceDevice& o) { return o.host == device.host; };
  const auto same = [&](const FenceDevice& o) { return here(o) && o.name == device.name; };
  if (is_taken(fence_devices_, device, same)) return taken("fence device", device.name);
  if (fence_devices_.find(device.id) == nullptr &&
      fence_devices_of(device.host).size() >= kDevicesPerHost)
    return fail(ErrorKind::kInvalid, "hostid: a host has at most 16 fence devices");
  return {};
}

Status Inventory::check(const ServiceOffering& offering) const {
  MOLD_TRY_VOID(check_name("name", offering.name));
  MOLD_TRY_VOID(check_text("displaytext", offering.display_text));
  MOLD_TRY_VOID(check_range("cpunumber", offering.cpus, 1, 1024));
  MOLD_TRY_VOID(check_range("cpuspeed", offering.cpu_mhz, 0, 100'000));
  MOLD_TRY_VOID(check_range("memory", offering.memory_bytes, kMemoryLeast, kMemoryMost));
  MOLD_TRY_VOID(check_range("rootdisksize", offering.root_disk_bytes, 0, kDiskMost));
  MOLD_TRY_VOID(check_text("hosttags", offering.host_tags, 255));
  return check_text("tags", offering.storage_tags, 255);
}

Status Inventory::check(const Template& tmpl) const {
  MOLD_TRY_VOID(check_name("name", tmpl.name));
  MOLD_TRY_VOID(check_text("displaytext", tmpl.display_text));
  MOLD_TRY_VOID(check_text("url", tmpl.url, 2048));
  MOLD_TRY_VOID(check_image("url", tmpl.path));
  if (tmpl.format != "RAW" && tmpl.format != "QCOW2")
    return fail(ErrorKind::kInvalid, "format: must be RAW or QCOW2");
  MOLD_TRY_VOID(check_text("ostype", tmpl.os_type, 255));
  MOLD_TRY_VOID(check_text("checksum", tmpl.checksum, 255));
  MOLD_TRY_VOID(check_range("size", tmpl.size_bytes, 0, kDiskMost));
  if (tmpl.zone && zones_.find(tmpl.zone) == nullptr && is_live(tmpl))
    return nowhere("zoneid", "zone");
  return {};
}

Status Inventory::check_kind(const PoolRecord& pool) const {
  constexpr std::string_view kRbd = "rbd:";
  const bool local = pool.kind == core::PoolKind::kLocal;
  if (local != bool(pool.host))
    return fail(ErrorKind::kInvalid, "hostid: a local pool, and no other, is of one host");
  const HostRecord* const host = hosts_.find_live(pool.host);
  if (local && (host == nullptr || host->cluster != pool.cluster))
    return nowhere("hostid", "host in this cluster");
  MOLD_TRY_VOID(check_text("source", pool.source, 1024));
  if (pool.kind != core::PoolKind::kRbd) return check_path("path", pool.path);
  if (!pool.path.starts_with(kRbd)) return fail(ErrorKind::kInvalid, "path: must be rbd:POOL");
  if (!pool.user.empty()) MOLD_TRY_VOID(check_storage_name("user", pool.user));
  return check_storage_name("path", std::string_view(pool.path).substr(kRbd.size()));
}

Status Inventory::check(const PoolRecord& pool) const {
  MOLD_TRY_VOID(check_name("name", pool.name));
  MOLD_TRY_VOID(check_kind(pool));
  MOLD_TRY_VOID(check_text("url", pool.url, 2048));
  MOLD_TRY_VOID(check_text("tags", pool.tags, 255));
  if (clusters_.find(pool.cluster) == nullptr) return nowhere("clusterid", "cluster");
  const auto here = [&](const PoolRecord& o) { return o.cluster == pool.cluster; };
  // Two hosts may have a directory of their own at the same path.
  const auto same_path = [&](const PoolRecord& o) {
    const bool apart = o.host && pool.host && o.host != pool.host;
    return here(o) && o.path == pool.path && !apart;
  };
  const auto same_export = [&](const PoolRecord& o) {
    return here(o) && pool.kind == core::PoolKind::kNfs && o.source == pool.source;
  };
  const auto same_name = [&](const PoolRecord& o) { return here(o) && o.name == pool.name; };
  if (is_taken(pools_, pool, same_path)) return taken("a storage pool at", pool.path);
  if (is_taken(pools_, pool, same_export)) return taken("a storage pool of", pool.source);
  if (is_taken(pools_, pool, same_name)) return taken("storage pool", pool.name);
  const auto count = std::count_if(pools_.all().begin(), pools_.all().end(),
                                   [&](const auto& entry) { return here(entry.second); });
  if (pools_.find(pool.id) == nullptr && count >= 32)
    return fail(ErrorKind::kInvalid, "clusterid: a cluster has at most 32 storage pools");
  return {};
}

Status Inventory::check(const VmRecord& vm) const {
  MOLD_TRY_VOID(check_name("name", vm.name));
  MOLD_TRY_VOID(check_name("displayname", vm.display_name));
  MOLD_TRY_VOID(check_name("instancename", vm.instance_name));
  MOLD_TRY_VOID(check_text("group", vm.group, 255));
  MOLD_TRY_VOID(check_text("userdata", vm.user_data, kUserDataMost, true));
  MOLD_TRY_VOID(check_details(vm.details));
  if (accounts_.find(vm.account) == nullptr) return nowhere("account", "account");
  if (offerings_.find(vm.offering) == nullptr)
    return nowhere("serviceofferingid", "service offering");
  if (templates_.find(vm.template_id) == nullptr) return nowhere("templateid", "template");
  if (is_live(vm) && pools_.find(vm.pool) == nullptr) return nowhere("pool", "storage pool");
  const auto same = [&](const VmRecord& o) { return o.name == vm.name; };
  if (is_live(vm) && is_taken(vms_, vm, same)) return taken("a VM named", vm.name);
  const auto same_domain = [&](const VmRecord& o) { return o.instance_name == vm.instance_name; };
  if (is_live(vm) && is_taken(vms_, vm, same_domain))
    return taken("a VM with the instance name", vm.instance_name);
  return {};
}

Status Inventory::check(const Account& account) const {
  MOLD_TRY_VOID(check_name("name", account.name));
  return check_name("domain", account.domain);
}

Status Inventory::check(const User& user) const {
  MOLD_TRY_VOID(check_name("username", user.name));
  if (accounts_.find(user.account) == nullptr) return nowhere("account", "account");
  const auto same = [&](const User& o) { return !o.api_key.empty() && o.api_key == user.api_key; };
  if (is_taken(users_, user, same)) return fail(ErrorKind::kConflict, "apikey: taken already");
  return {};
}

}  // namespace mold::manager
