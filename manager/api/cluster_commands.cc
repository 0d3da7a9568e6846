#include "manager/api/cluster_commands.h"

#include <utility>

#include "lib/base/text.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

ApiResult<Value> list_clusters(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().clusters());
  if (!checked) return refuse(checked.error());
  MOLD_API_TRY(const Zone* zone, find_optional(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(const Pod* pod, find_optional(call, call.inventory().pods(), "podid"));
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(params));
  return paged_list(
      call, call.inventory().clusters().all(),
      [&](const auto& entry) {
        const Cluster& cluster = entry.second;
        const Place place = place_of(call.inventory(), cluster.id);
        if (params.has("id") && cluster.uuid != params.text("id")) return false;
        if (params.has("name") && cluster.name != params.text("name")) return false;
        if (params.has("hypervisor") && !iequals(cluster.hypervisor, params.text("hypervisor"))) {
          return false;
        }
        if (!same_or_any(zone, place.zone) || !same_or_any(pod, place.pod)) return false;
        return (!enabled || cluster.enabled == *enabled) && keyword_matches(params, cluster.name);
      },
      [&call](const auto& entry) { return cluster_view(call.services(), entry.second); });
}

ApiResult<Value> add_cluster(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const Zone* zone, find_named(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(const Pod* pod, find_named(call, call.inventory().pods(), "podid"));
  if (pod->zone != zone->id) return refuse(params.wrong("podid", "the pod is in another zone"));
  if (!iequals(params.text("hypervisor"), "KVM")) {
    return refuse(params.wrong("hypervisor", "only KVM is supported"));
  }
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(params));
  MOLD_API_TRY(Cluster cluster, make_cluster(call, pod->id, params.text("clustername")));
  if (!enabled.value_or(true)) {
    cluster.enabled = false;
    if (const Status done = call.inventory().update(cluster); !done) {
      return refuse(from_error(done.error()));
    }
  }
  call.about("Cluster", cluster.uuid, "Successfully created cluster " + cluster.name);
  Array one;
  one.emplace_back(cluster_view(call.services(), cluster));
  return list_body("cluster", std::move(one), 1);
}

ApiResult<Value> update_cluster(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const Cluster* found, find_named(call, call.inventory().clusters(), "id"));
  Cluster cluster = *found;
  if (auto name = params.maybe_text("clustername")) cluster.name = std::move(*name);
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(params));
  cluster.enabled = enabled.value_or(cluster.enabled);
  const std::string managed = params.text("managedstate");
  if (!managed.empty() && !iequals(managed, "Managed")) {
    return refuse(params.wrong("managedstate", "clusters are always Managed"));
  }
  if (const Status done = call.inventory().update(cluster); !done) {
    return refuse(from_error(done.error()));
  }
  call.about("Cluster", cluster.uuid, "Successfully updated cluster " + cluster.name);
  return single_body("cluster", cluster_view(call.services(), cluster));
}

ApiResult<Value> delete_cluster(Call& call) {
  MOLD_API_TRY(const Cluster* cluster, find_named(call, call.inventory().clusters(), "id"));
  call.about("Cluster", cluster->uuid, "Successfully deleted cluster " + cluster->name);
  if (const Status done = call.inventory().remove(cluster->id); !done) {
    return refuse(from_error(done.error()));
  }
  return success_body();
}

}  // namespace

ApiResult<Cluster> make_cluster(Call& call, PodId pod, std::string name) {
  Cluster cluster;
  cluster.pod = pod;
  cluster.name = std::move(name);
  Result<Cluster> made = call.inventory().create(std::move(cluster));
  if (!made) return refuse(from_error(made.error()));
  return std::move(*made);
}

void add_cluster_commands(CommandTable& table) {
  const ParamSpec allocation{"allocationstate", ParamType::kText, kOptional,
                             "Enabled or Disabled for new resources"};
  table.add({"listClusters",
             "Lists clusters",
             "cluster",
             kClusterFields,
             {{"id", ParamType::kUuid, kOptional, "the ID of the cluster"},
              {"name", ParamType::kText, kOptional, "the name of the cluster"},
              {"zoneid", ParamType::kUuid, kOptional, "only clusters of this zone"},
              {"podid", ParamType::kUuid, kOptional, "only clusters of this pod"},
              {"hypervisor", ParamType::kText, kOptional, "only clusters of this hypervisor"},
              allocation},
             list_clusters,
             {},
             true});
  table.add({"addCluster",
             "Adds a cluster",
             "cluster",
             kClusterFields,
             {{"clustername", ParamType::kText, kRequired, "the name of the cluster"},
              {"zoneid", ParamType::kUuid, kRequired, "the zone of the cluster"},
              {"podid", ParamType::kUuid, kRequired, "the pod of the cluster"},
              {"hypervisor", ParamType::kText, kRequired, "KVM"},
              {"clustertype", ParamType::kText, kOptional, "CloudManaged"},
              allocation},
             Change{add_cluster},
             "CLUSTER.CREATE"});
  table.add({"updateCluster",
             "Updates a cluster",
             "cluster",
             kClusterFields,
             {{"id", ParamType::kUuid, kRequired, "the ID of the cluster"},
              {"clustername", ParamType::kText, kOptional, "the name of the cluster"},
              {"managedstate", ParamType::kText, kOptional, "Managed"},
              allocation},
             Change{update_cluster},
             "CLUSTER.EDIT"});
  table.add({"deleteCluster",
             "Deletes a cluster that holds nothing",
             "success",
             "success:boolean",
             {{"id", ParamType::kUuid, kRequired, "the ID of the cluster"}},
             Change{delete_cluster},
             "CLUSTER.DELETE"});
}

}  // namespace mold::manager::api
