// HA of hosts: provider, switch and listing. What explains it is in evidence_commands.cc.
#include <utility>

#include "lib/base/text.h"
#include "manager/api/evidence_commands.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

constexpr std::string_view kProvider = "kvmhaprovider";

ApiResult<BegunJob> ha_job(Call& call, const HostRecord& host) {
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  Object row = ha_view(call.services(), *call.inventory().hosts().find(host.id));
  row.set("status", Value(true));
  end_job(call, job.id, single_body("hostha", std::move(row)));
  return BegunJob{job.uuid, {}};
}

ApiResult<BegunJob> configure_ha(Call& call) {
  MOLD_API_TRY(const HostRecord* found, find_named(call, call.inventory().hosts(), "hostid"));
  HostRecord host = *found;
  if (!iequals(call.params().text("provider"), kProvider)) {
    return refuse(call.params().wrong("provider", "the only provider is KVMHAProvider"));
  }
  host.ha_provider = std::string(kProvider);
  if (const Status done = call.inventory().update(host); !done) {
    return refuse(from_error(done.error()));
  }
  call.about("Host", host.uuid, "Configured HA of host " + host.name);
  return ha_job(call, host);
}

ApiResult<BegunJob> switch_for_host(Call& call, bool on) {
  MOLD_API_TRY(const HostRecord* found, find_named(call, call.inventory().hosts(), "hostid"));
  const HostRecord host = *found;
  if (on && host.ha_provider.empty()) {
    return refuse(invalid_parameter("HA is not configured for host " + host.name +
                                    ": configureHAForHost first"));
  }
  call.about("Host", host.uuid,
             std::string(on ? "Enabled" : "Disabled") + " HA of host " + host.name);
  call.engine().submit(core::HaSet{host.id, on});
  return ha_job(call, host);
}

// For every host that stands in the place; on: those without a provider get the only one.
ApiResult<BegunJob> switch_for_place(Call& call, bool on, const PlaceFilter& where) {
  call.about(where.cluster != nullptr ? "Cluster" : "Zone",
             where.cluster != nullptr ? where.cluster->uuid : where.zone->uuid,
             std::string(on ? "Enabled" : "Disabled") + " HA of all hosts");
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  const auto hosts = call.inventory().hosts().all();  // a copy: the table changes below
  for (const auto& [id, known] : hosts) {
    if (!is_live(known) || !where.matches(place_of(call.inventory(), known.cluster))) continue;
    HostRecord host = known;
    if (on && host.ha_provider.empty()) {
      host.ha_provider = std::string(kProvider);
      if (const Status done = call.inventory().update(host); !done) {
        return refuse(from_error(done.error()));
      }
    }
    call.engine().submit(core::HaSet{id, on});
  }
  end_job(call, job.id, success_body());
  return BegunJob{job.uuid, {}};
}

ApiResult<BegunJob> switch_for_cluster(Call& call, bool on) {
  PlaceFilter where;
  MOLD_API_TRY(where.cluster, find_named(call, call.inventory().clusters(), "clusterid"));
  return switch_for_place(call, on, where);
}

ApiResult<BegunJob> switch_for_zone(Call& call, bool on) {
  PlaceFilter where;
  MOLD_API_TRY(where.zone, find_named(call, call.inventory().zones(), "zoneid"));
  return switch_for_place(call, on, where);
}

ApiResult<BegunJob> enable_for_host(Call& call) {
  return switch_for_host(call, true);
}
ApiResult<BegunJob> disable_for_host(Call& call) {
  return switch_for_host(call, false);
}
ApiResult<BegunJob> enable_for_cluster(Call& call) {
  return switch_for_cluster(call, true);
}
ApiResult<BegunJob> disable_for_cluster(Call& call) {
  return switch_for_cluster(call, false);
}
ApiResult<BegunJob> enable_for_zone(Call& call) {
  return switch_for_zone(call, true);
}
ApiResult<BegunJob> disable_for_zone(Call& call) {
  return switch_for_zone(call, false);
}

ApiResult<Value> list_resources(Call& call) {
  MOLD_API_TRY(const HostRecord* only, live_host(call, "hostid"));
  return paged_list(
      call, call.inventory().hosts().all(),
      [only](const auto& entry) {
        return is_live(entry.second) && same_or_any(only, &entry.second);
      },
      [&call](const auto& entry) { return ha_view(call.services(), entry.second); });
}

ApiResult<Value> list_providers(Call& call) {
  const std::string hypervisor = call.params().text("hypervisor");
  if (hypervisor != "KVM") {  // exact, as with the peers
    return refuse(call.params().wrong("hypervisor", "the only hypervisor is KVM"));
  }
  Object row;
  row.set("haprovider", Value("KVMHAProvider"));
  Array one;
  one.emplace_back(std::move(row));
  return list_body("haprovider", std::move(one), 1);
}

}  // namespace

void add_ha_commands(CommandTable& table) {
  const ParamSpec host{"hostid", ParamType::kUuid, kRequired, "the ID of the host"};
  const ParamSpec cluster{"clusterid", ParamType::kUuid, kRequired, "the ID of the cluster"};
  const ParamSpec zone{"zoneid", ParamType::kUuid, kRequired, "the ID of the zone"};
  const ParamSpec whole{"includehost", ParamType::kBool, kOptional, "accepted, always true"};
  table.add({"configureHAForHost",
             "Sets the HA provider of a host",
             "hostha",
             kHaFields,
             {host, {"provider", ParamType::kText, kRequired, "KVMHAProvider"}},
             configure_ha,
             "HA.RESOURCE.CONFIGURE"});
  table.add({"enableHAForHost",
             "Enables HA of a host",
             "hostha",
             kHaFields,
             {host},
             enable_for_host,
             "HA.RESOURCE.ENABLE"});
  table.add({"disableHAForHost",
             "Disables HA of a host",
             "hostha",
             kHaFields,
             {host},
             disable_for_host,
             "HA.RESOURCE.DISABLE"});
  table.add({"enableHAForCluster",
             "Enables HA of a cluster's hosts",
             "success",
             "success:boolean",
             {cluster, whole},
             enable_for_cluster,
             "HA.RESOURCE.ENABLE"});
  table.add({"disableHAForCluster",
             "Disables HA of a cluster's hosts",
             "success",
             "success:boolean",
             {cluster, whole},
             disable_for_cluster,
             "HA.RESOURCE.DISABLE"});
  table.add({"enableHAForZone",
             "Enables HA of a zone's hosts",
             "success",
             "success:boolean",
             {zone},
             enable_for_zone,
             "HA.RESOURCE.ENABLE"});
  table.add({"disableHAForZone",
             "Disables HA of a zone's hosts",
             "success",
             "success:boolean",
             {zone},
             disable_for_zone,
             "HA.RESOURCE.DISABLE"});
  table.add({"listHostHAResources",
             "Lists HA of hosts",
             "hostha",
             kHaFields,
             {{"hostid", ParamType::kUuid, kOptional, "only this host"}},
             list_resources,
             {},
             true});
  table.add({"listHostHAProviders",
             "Lists HA providers of a hypervisor",
             "haprovider",
             "haprovider:string",
             {{"hypervisor", ParamType::kText, kRequired, "KVM"}},
             list_providers});
  add_evidence_commands(table);
}

}  // namespace mold::manager::api
