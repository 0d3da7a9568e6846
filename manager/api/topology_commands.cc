// Zones and pods; clusters are in cluster_commands.cc.
#include <algorithm>

#include "lib/base/text.h"
#include "manager/api/cluster_commands.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

ApiResult<Value> zone_answer(Call& call, const Result<Zone>& zone, std::string_view done) {
  if (!zone) return refuse(from_error(zone.error()));
  call.about("Zone", zone->uuid, std::string(done) + " zone " + zone->name);
  return single_body("zone", zone_view(*zone));
}

void read_zone(const Params& params, Zone& zone) {
  const auto take = [&params](std::string_view name, std::string& into) {
    if (auto text = params.maybe_text(name)) into = std::move(*text);
  };
  take("name", zone.name);
  take("dns1", zone.dns1);
  take("dns2", zone.dns2);
  take("internaldns1", zone.internal_dns1);
  take("internaldns2", zone.internal_dns2);
}

ApiResult<Value> list_zones(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().zones());
  if (!checked) return refuse(checked.error());
  const std::vector<std::string> ids = params.list("ids");
  const bool only_enabled = params.flag("available", false);
  return paged_list(
      call, call.inventory().zones().all(),
      [&](const auto& entry) {
        const Zone& zone = entry.second;
        if (params.has("id") && zone.uuid != params.text("id")) return false;
        if (!ids.empty() && std::find(ids.begin(), ids.end(), zone.uuid) == ids.end()) return false;
        if (params.has("name") && zone.name != params.text("name")) return false;
        if (params.has("networktype") && !iequals(zone.network_type, params.text("networktype"))) {
          return false;
        }
        return (!only_enabled || zone.enabled) && keyword_matches(params, zone.name);
      },
      [](const auto& entry) { return zone_view(entry.second); });
}

ApiResult<Value> create_zone(Call& call) {
  Zone zone;
  read_zone(call.params(), zone);
  const std::string type = call.params().text("networktype");
  if (!type.empty() && !iequals(type, "Basic") && !iequals(type, "Advanced")) {
    return refuse(call.params().wrong("networktype", "write Basic or Advanced"));
  }
  if (iequals(type, "Advanced")) zone.network_type = "Advanced";
  zone.local_storage = call.params().flag("localstorageenabled", false);
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(call.params()));
  zone.enabled = enabled.value_or(true);
  return zone_answer(call, call.inventory().create(std::move(zone)), "Successfully created");
}

ApiResult<Value> update_zone(Call& call) {
  MOLD_API_TRY(const Zone* found, find_named(call, call.inventory().zones(), "id"));
  Zone zone = *found;
  read_zone(call.params(), zone);
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(call.params()));
  zone.enabled = enabled.value_or(zone.enabled);
  if (const Status done = call.inventory().update(zone); !done) {
    return refuse(from_error(done.error()));
  }
  return zone_answer(call, zone, "Successfully updated");
}

ApiResult<Value> delete_zone(Call& call) {
  MOLD_API_TRY(const Zone* zone, find_named(call, call.inventory().zones(), "id"));
  call.about("Zone", zone->uuid, "Successfully deleted zone " + zone->name);
  if (const Status done = call.inventory().remove(zone->id); !done) {
    return refuse(from_error(done.error()));
  }
  return success_body();
}

ApiResult<Value> pod_answer(Call& call, const Result<Pod>& pod, std::string_view done) {
  if (!pod) return refuse(from_error(pod.error()));
  call.about("Pod", pod->uuid, std::string(done) + " pod " + pod->name);
  return single_body("pod", pod_view(call.services(), *pod));
}

void read_pod(const Params& params, Pod& pod) {
  const auto take = [&params](std::string_view name, std::string& into) {
    if (auto text = params.maybe_text(name)) into = std::move(*text);
  };
  take("name", pod.name);
  take("gateway", pod.gateway);
  take("netmask", pod.netmask);
  take("startip", pod.start_ip);
  take("endip", pod.end_ip);
}

ApiResult<Value> list_pods(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().pods());
  if (!checked) return refuse(checked.error());
  MOLD_API_TRY(const Zone* zone, find_optional(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(params));
  return paged_list(
      call, call.inventory().pods().all(),
      [&](const auto& entry) {
        const Pod& pod = entry.second;
        if (params.has("id") && pod.uuid != params.text("id")) return false;
        if (params.has("name") && pod.name != params.text("name")) return false;
        if (zone != nullptr && pod.zone != zone->id) return false;
        return (!enabled || pod.enabled == *enabled) && keyword_matches(params, pod.name);
      },
      [&call](const auto& entry) { return pod_view(call.services(), entry.second); });
}

ApiResult<Value> create_pod(Call& call) {
  MOLD_API_TRY(const Zone* zone, find_named(call, call.inventory().zones(), "zoneid"));
  Pod pod;
  pod.zone = zone->id;
  read_pod(call.params(), pod);
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(call.params()));
  pod.enabled = enabled.value_or(true);
  return pod_answer(call, call.inventory().create(std::move(pod)), "Successfully created");
}

ApiResult<Value> update_pod(Call& call) {
  MOLD_API_TRY(const Pod* found, find_named(call, call.inventory().pods(), "id"));
  Pod pod = *found;
  read_pod(call.params(), pod);
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(call.params()));
  pod.enabled = enabled.value_or(pod.enabled);
  if (const Status done = call.inventory().update(pod); !done) {
    return refuse(from_error(done.error()));
  }
  return pod_answer(call, pod, "Successfully updated");
}

ApiResult<Value> delete_pod(Call& call) {
  MOLD_API_TRY(const Pod* pod, find_named(call, call.inventory().pods(), "id"));
  call.about("Pod", pod->uuid, "Successfully deleted pod " + pod->name);
  if (const Status done = call.inventory().remove(pod->id); !done) {
    return refuse(from_error(done.error()));
  }
  return success_body();
}

const ParamSpec kDns1{"dns1", ParamType::kText, kOptional, "the first DNS server"};
const ParamSpec kDns2{"dns2", ParamType::kText, kOptional, "the second DNS server"};
const ParamSpec kInner1{"internaldns1", ParamType::kText, kOptional, "the first internal DNS"};
const ParamSpec kInner2{"internaldns2", ParamType::kText, kOptional, "the second internal DNS"};
const ParamSpec kAllocation{"allocationstate", ParamType::kText, kOptional,
                            "Enabled or Disabled for new resources"};
const ParamSpec kGateway{"gateway", ParamType::kText, kOptional, "the gateway of the pod"};
const ParamSpec kNetmask{"netmask", ParamType::kText, kOptional, "the netmask of the pod"};
const ParamSpec kStartIp{"startip", ParamType::kText, kOptional, "the first address"};
const ParamSpec kEndIp{"endip", ParamType::kText, kOptional, "the last address"};
const ParamSpec kOptionalName{"name", ParamType::kText, kOptional, "the name"};
const ParamSpec kOptionalId{"id", ParamType::kUuid, kOptional, "the ID"};

void add_zone_commands(CommandTable& table) {
  table.add({"listZones",
             "Lists zones",
             "zone",
             kZoneFields,
             {kOptionalId,
              {"ids", ParamType::kUuidList, kOptional, "the IDs of the zones"},
              kOptionalName,
              {"available", ParamType::kBool, kOptional, "true: only zones that are enabled"},
              {"networktype", ParamType::kText, kOptional, "Basic or Advanced"}},
             list_zones,
             {},
             true});
  table.add({"createZone",
             "Creates a zone",
             "zone",
             kZoneFields,
             {{"name", ParamType::kText, kRequired, "the name of the zone"},
              {"networktype", ParamType::kText, kOptional, "Basic or Advanced"},
              kDns1,
              kDns2,
              kInner1,
              kInner2,
              kAllocation,
              {"localstorageenabled", ParamType::kBool, kOptional, "local storage may be used"}},
             Change{create_zone},
             "ZONE.CREATE"});
  table.add({"updateZone",
             "Updates a zone",
             "zone",
             kZoneFields,
             {{"id", ParamType::kUuid, kRequired, "the ID of the zone"},
              kOptionalName,
              kDns1,
              kDns2,
              kInner1,
              kInner2,
              kAllocation},
             Change{update_zone},
             "ZONE.EDIT"});
  table.add({"deleteZone",
             "Deletes a zone that holds nothing",
             "success",
             "success:boolean",
             {{"id", ParamType::kUuid, kRequired, "the ID of the zone"}},
             Change{delete_zone},
             "ZONE.DELETE"});
}

void add_pod_commands(CommandTable& table) {
  table.add({"listPods",
             "Lists pods",
             "pod",
             kPodFields,
             {kOptionalId,
              kOptionalName,
              {"zoneid", ParamType::kUuid, kOptional, "only pods of this zone"},
              kAllocation},
             list_pods,
             {},
             true});
  table.add({"createPod",
             "Creates a pod in a zone",
             "pod",
             kPodFields,
             {{"name", ParamType::kText, kRequired, "the name of the pod"},
              {"zoneid", ParamType::kUuid, kRequired, "the zone of the pod"},
              kGateway,
              kNetmask,
              kStartIp,
              kEndIp,
              kAllocation},
             Change{create_pod},
             "POD.CREATE"});
  table.add({"updatePod",
             "Updates a pod",
             "pod",
             kPodFields,
             {{"id", ParamType::kUuid, kRequired, "the ID of the pod"},
              kOptionalName,
              kGateway,
              kNetmask,
              kStartIp,
              kEndIp,
              kAllocation},
             Change{update_pod},
             "POD.EDIT"});
  table.add({"deletePod",
             "Deletes a pod that holds nothing",
             "success",
             "success:boolean",
             {{"id", ParamType::kUuid, kRequired, "the ID of the pod"}},
             Change{delete_pod},
             "POD.DELETE"});
}

}  // namespace

void add_topology_commands(CommandTable& table) {
  add_zone_commands(table);
  add_pod_commands(table);
  add_cluster_commands(table);
}

}  // namespace mold::manager::api
