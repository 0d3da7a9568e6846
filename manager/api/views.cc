// Everything but hosts, as clients see it.
#include "manager/api/views.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "manager/api/envelope.h"
#include "manager/api/lookup.h"

namespace mold::manager::api {

const std::string_view kZoneFields =
    "id:string name:string description:string networktype:string dns1:string dns2:string "
    "internaldns1:string internaldns2:string allocationstate:string localstorageenabled:boolean "
    "securitygroupsenabled:boolean type:string";
const std::string_view kPodFields =
    "id:string name:string zoneid:string zonename:string gateway:string netmask:string "
    "startip:list endip:list allocationstate:string";
const std::string_view kClusterFields =
    "id:string name:string zoneid:string zonename:string podid:string podname:string "
    "hypervisortype:string clustertype:string allocationstate:string managedstate:string "
    "cpuovercommitratio:string memoryovercommitratio:string arch:string";
const std::string_view kOfferingFields =
    "id:string name:string displaytext:string cpunumber:integer cpuspeed:integer memory:integer "
    "created:date offerha:boolean limitcpuuse:boolean isvolatile:boolean iscustomized:boolean "
    "issystem:boolean storagetype:string provisioningtype:string rootdisksize:long "
    "hosttags:string storagetags:string state:string";
const std::string_view kTemplateFields =
    "id:string name:string displaytext:string ispublic:boolean created:date isready:boolean "
    "passwordenabled:boolean format:string isfeatured:boolean crossZones:boolean "
    "ostypename:string account:string zoneid:string zonename:string status:string size:long "
    "templatetype:string hypervisor:string domain:string domainid:string checksum:string "
    "requireshvm:boolean url:string";
const std::string_view kVmFields =
    "id:string name:string displayname:string instancename:string account:string domain:string "
    "domainid:string created:date state:string haenable:boolean zoneid:string zonename:string "
    "hostid:string hostname:string templateid:string templatename:string "
    "templatedisplaytext:string templateformat:string serviceofferingid:string "
    "serviceofferingname:string cpunumber:integer cpuspeed:integer memory:integer group:string "
    "hypervisor:string rootdeviceid:long rootdevicetype:string passwordenabled:boolean nic:set "
    "securitygroup:set affinitygroup:set tags:set details:map isdynamicallyscalable:boolean "
    "displayvm:boolean pooltype:string statereason:string generation:long jobid:string "
    "jobstatus:integer";

namespace {

// "10" of 1000 %: ratios are texts for the peers.
std::string ratio(int percent) {
  const int whole = percent / 100;
  const int rest = percent % 100;
  std::string text = std::to_string(whole);
  if (rest == 0) return text + ".0";
  return text + "." + (rest < 10 ? "0" : "") + std::to_string(rest);
}

Array one_text(const std::string& text) {
  Array list;
  if (!text.empty()) list.emplace_back(text);
  return list;
}

}  // namespace

Object zone_view(const Zone& zone) {
  Object row;
  row.set("id", Value(zone.uuid)).set("name", Value(zone.name));
  row.set_text("description", zone.description);
  row.set_text("dns1", zone.dns1).set_text("dns2", zone.dns2);
  row.set_text("internaldns1", zone.internal_dns1).set_text("internaldns2", zone.internal_dns2);
  row.set("networktype", Value(zone.network_type));
  row.set("securitygroupsenabled", Value(false));
  row.set("allocationstate", Value(allocation_name(zone.enabled)));
  row.set("localstorageenabled", Value(zone.local_storage));
  row.set("type", Value("Core"));
  row.set("tags", Value(Array{}));
  return row;
}

Object pod_view(const Services& services, const Pod& pod) {
  Object row;
  row.set("id", Value(pod.uuid)).set("name", Value(pod.name));
  if (const Zone* zone = services.inventory.zones().find(pod.zone)) {
    row.set("zoneid", Value(zone->uuid)).set("zonename", Value(zone->name));
  }
  row.set_text("gateway", pod.gateway).set_text("netmask", pod.netmask);
  row.set("startip", Value(one_text(pod.start_ip))).set("endip", Value(one_text(pod.end_ip)));
  row.set("allocationstate", Value(allocation_name(pod.enabled)));
  return row;
}

Object cluster_view(const Services& services, const Cluster& cluster) {
  const Place place = place_of(services.inventory, cluster.id);
  const core::Policy& policy = services.engine.brain().policy();
  Object row;
  row.set("id", Value(cluster.uuid)).set("name", Value(cluster.name));
  if (place.pod != nullptr) {
    row.set("podid", Value(place.pod->uuid)).set("podname", Value(place.pod->name));
  }
  if (place.zone != nullptr) {
    row.set("zoneid", Value(place.zone->uuid)).set("zonename", Value(place.zone->name));
  }
  row.set("hypervisortype", Value(cluster.hypervisor)).set("clustertype", Value(cluster.type));
  row.set("allocationstate", Value(allocation_name(cluster.enabled)));
  row.set("managedstate", Value("Managed"));
  row.set("cpuovercommitratio", Value(ratio(policy.cpu_overcommit_percent)));
  row.set("memoryovercommitratio", Value(ratio(policy.memory_overcommit_percent)));
  row.set_text("arch", cluster.arch);
  return row;
}

Object offering_view(const ServiceOffering& offering) {
  Object row;
  row.set("id", Value(offering.uuid)).set("name", Value(offering.name));
  row.set("displaytext",
          Value(offering.display_text.empty() ? offering.name : offering.display_text));
  row.set("cpunumber", Value(offering.cpus)).set("cpuspeed", Value(offering.cpu_mhz));
  row.set("memory", Value(offering.memory_bytes / (1024 * 1024)));
  row.set("created", Value(api_time(offering.created)));
  row.set("offerha", Value(offering.offer_ha)).set("limitcpuuse", Value(offering.limit_cpu_use));
  row.set("isvolatile", Value(false)).set("iscustomized", Value(false));
  row.set("issystem", Value(false)).set("defaultuse", Value(false));
  row.set("storagetype", Value("shared")).set("provisioningtype", Value("thin"));
  if (offering.root_disk_bytes != 0) {
    row.set("rootdisksize", Value(offering.root_disk_bytes / (1024 * 1024 * 1024)));
  }
  row.set_text("hosttags", offering.host_tags).set_text("storagetags", offering.storage_tags);
  row.set("state", Value(is_live(offering) ? "Active" : "Inactive"));
  return row;
}

Object template_view(const Services& services, const Template& tmpl) {
  Object row;
  row.set("id", Value(tmpl.uuid)).set("name", Value(tmpl.name));
  row.set("displaytext", Value(tmpl.display_text.empty() ? tmpl.name : tmpl.display_text));
  row.set("ispublic", Value(tmpl.is_public)).set("isfeatured", Value(tmpl.is_featured));
  row.set("isready", Value(tmpl.is_ready)).set("passwordenabled", Value(false));
  row.set("format", Value(tmpl.format)).set("hypervisor", Value(tmpl.hypervisor));
  row.set("crossZones", Value(!tmpl.zone)).set("isextractable", Value(false));
  row.set_text("ostypename", tmpl.os_type).set_text("checksum", tmpl.checksum);
  if (const Account* account = services.inventory.accounts().find(tmpl.account)) {
    row.set("account", Value(account->name)).set("accountid", Value(account->uuid));
    row.set("domain", Value(account->domain)).set_text("domainid", account->domain_uuid);
  }
  if (const Zone* zone = services.inventory.zones().find(tmpl.zone)) {
    row.set("zoneid", Value(zone->uuid)).set("zonename", Value(zone->name));
  }
  row.set("status", Value(tmpl.is_ready ? "Download Complete" : "Not Ready"));
  if (tmpl.size_bytes != 0) row.set("size", Value(tmpl.size_bytes));
  row.set("templatetype", Value("USER")).set("requireshvm", Value(tmpl.requires_hvm));
  row.set("url", Value(tmpl.url)).set("created", Value(api_time(tmpl.created)));
  return row;
}

std::string_view vm_state_name(const core::Vm& vm) {
  switch (vm.state) {
    case core::VmState::kProvisioning:
    case core::VmState::kStarting:
      return "Starting";
    case core::VmState::kStopped:
      return "Stopped";
    case core::VmState::kRunning:
      return "Running";
    case core::VmState::kStopping:
      return "Stopping";
    case core::VmState::kDestroyed:
      return vm.expunge ? "Expunging" : "Destroyed";
    case core::VmState::kError:
      return "Error";
  }
  MOLD_UNREACHABLE();
}

const core::Vm* core_vm(const Services& services, VmId id) {
  const auto& vms = services.engine.state().vms;
  const auto found = vms.find(id);
  return found == vms.end() ? nullptr : &found->second;
}

namespace {

void add_origin(Object& row, const Inventory& inventory, const VmRecord& vm) {
  if (const Account* account = inventory.accounts().find(vm.account)) {
    row.set("account", Value(account->name)).set("domain", Value(account->domain));
    row.set_text("domainid", account->domain_uuid);
  }
  if (const Zone* zone = inventory.zones().find(vm.zone)) {
    row.set("zoneid", Value(zone->uuid)).set("zonename", Value(zone->name));
  }
  if (const Template* tmpl = inventory.templates().find(vm.template_id)) {
    row.set("templateid", Value(tmpl->uuid)).set("templatename", Value(tmpl->name));
    row.set("templatedisplaytext",
            Value(tmpl->display_text.empty() ? tmpl->name : tmpl->display_text));
    row.set("templateformat", Value(tmpl->format));
  }
  if (const ServiceOffering* offering = inventory.offerings().find(vm.offering)) {
    row.set("serviceofferingid", Value(offering->uuid));
    row.set("serviceofferingname", Value(offering->name));
  }
  if (const PoolRecord* pool = inventory.pools().find(vm.pool)) {
    row.set("pooltype", Value(pool->type));
  }
}

void add_run(Object& row, const Services& services, const core::Vm& vm) {
  row.set("state", Value(vm_state_name(vm))).set("haenable", Value(vm.ha));
  if (const HostRecord* host = services.inventory.hosts().find(vm.host);
      host != nullptr && vm.host) {
    row.set("hostid", Value(host->uuid)).set("hostname", Value(host->name));
  }
  row.set("cpunumber", Value(vm.spec.cpus)).set("cpuspeed", Value(vm.spec.cpu_mhz));
  row.set("memory", Value(vm.spec.memory_bytes / (1024 * 1024)));
  row.set_text("statereason", vm.reason);
  row.set("generation", Value(vm.generation.value));
}

}  // namespace

Object vm_view(const Services& services, const VmRecord& vm) {
  Object row;
  row.set("id", Value(vm.uuid)).set("name", Value(vm.name));
  row.set("displayname", Value(vm.display_name.empty() ? vm.name : vm.display_name));
  row.set("instancename", Value(vm.instance_name));
  row.set("created", Value(api_time(vm.created)));
  row.set_text("group", vm.group);
  add_origin(row, services.inventory, vm);
  if (const core::Vm* known = core_vm(services, vm.id)) add_run(row, services, *known);
  row.set("hypervisor", Value("KVM"));
  row.set("rootdeviceid", Value(0)).set("rootdevicetype", Value("ROOT"));
  row.set("passwordenabled", Value(false)).set("displayvm", Value(true));
  row.set("isdynamicallyscalable", Value(false));
  for (const std::string_view empty_set : {"nic", "securitygroup", "affinitygroup", "tags"}) {
    row.set(empty_set, Value(Array{}));
  }
  Object details;
  for (const auto& [name, value] : vm.details) details.set(name, Value(value));
  if (!details.empty()) row.set("details", Value(std::move(details)));
  if (const JobRecord* job = services.engine.jobs().pending_for(vm.uuid)) {
    row.set("jobid", Value(job->uuid)).set("jobstatus", Value(0));
  }
  return row;
}

}  // namespace mold::manager::api
