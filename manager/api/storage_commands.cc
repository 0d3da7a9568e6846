// Primary storage: shared directories that every host of a cluster mounts at the same path.
#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/lookup.h"
#include "manager/api/urls.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

ApiResult<Value> list_pools(Call& call) {
  const Params& params = call.params();
  const auto checked = check_ids(call, call.inventory().pools());
  if (!checked) return refuse(checked.error());
  MOLD_API_TRY(const PlaceFilter place, read_place_filter(call));
  MOLD_API_TRY(const HostRecord* host, live_host(call, "hostid"));
  return paged_list(
      call, call.inventory().pools().all(),
      [&](const auto& entry) {
        const PoolRecord& pool = entry.second;
        if (params.has("id") && pool.uuid != params.text("id")) return false;
        if (params.has("name") && pool.name != params.text("name")) return false;
        if (params.has("path") && pool.path != params.text("path")) return false;
        if (params.has("scope") && !iequals(pool.scope, params.text("scope"))) return false;
        if (params.has("status") && !iequals("Up", params.text("status"))) return false;
        if (host != nullptr && pool.cluster != host->cluster) return false;
        return place.matches(place_of(call.inventory(), pool.cluster)) &&
               keyword_matches(params, pool.name);
      },
      [&call](const auto& entry) { return pool_view(call.services(), entry.second); });
}

ApiResult<PoolRecord> read_new_pool(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const Zone* zone, find_named(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(const Cluster* cluster, find_named(call, call.inventory().clusters(), "clusterid"));
  const Place place = place_of(call.inventory(), cluster->id);
  if (place.zone == nullptr || place.zone->id != zone->id) {
    return refuse(params.wrong("clusterid", "the cluster is in another zone"));
  }
  if (params.has("podid") && (place.pod == nullptr || place.pod->uuid != params.text("podid"))) {
    return refuse(params.wrong("podid", "the cluster is in another pod"));
  }
  if (params.has("scope") && !iequals(params.text("scope"), "CLUSTER")) {
    return refuse(params.wrong("scope", "pools have cluster scope"));
  }
  const std::optional<std::string> path = path_of_pool_url(params.text("url"));
  if (!path) {
    return refuse(params.wrong("url", "write SharedMountPoint://localhost/absolute/path"));
  }
  PoolRecord pool;
  pool.cluster = cluster->id;
  pool.name = params.text("name");
  pool.url = params.text("url");
  pool.path = *path;
  pool.tags = params.text("tags");
  return pool;
}

ApiResult<Value> create_pool(Call& call) {
  MOLD_API_TRY(PoolRecord wanted, read_new_pool(call));
  const Result<PoolRecord> pool = call.inventory().create(std::move(wanted));
  if (!pool) return refuse(from_error(pool.error()));
  core::PoolAdded added;
  added.pool = {pool->id, pool->cluster, pool->uuid, pool->name, pool->path, pool->heartbeat};
  call.engine().submit(added);
  call.about("StoragePool", pool->uuid, "Successfully created storage pool " + pool->name);
  return single_body("storagepool", pool_view(call.services(), *pool));
}

ApiResult<Value> delete_pool(Call& call) {
  MOLD_API_TRY(const PoolRecord* found, find_named(call, call.inventory().pools(), "id"));
  const PoolRecord pool = *found;
  const auto& vms = call.engine().state().vms;
  const bool used = std::any_of(vms.begin(), vms.end(), [&pool](const auto& entry) {
    return entry.second.state != core::VmState::kDestroyed &&
           core::uses_pool(entry.second, pool.id);
  });
  if (used) {
    return refuse({536, 4375, "storage pool " + pool.name + " holds disks of VMs"});
  }
  call.about("StoragePool", pool.uuid, "Successfully deleted storage pool " + pool.name);
  if (const Status done = call.inventory().remove(pool.id); !done) {
    return refuse(from_error(done.error()));
  }
  call.engine().submit(core::PoolRemoved{pool.id});
  return success_body();
}

}  // namespace

void add_storage_commands(CommandTable& table) {
  table.add({"listStoragePools",
             "Lists storage pools",
             "storagepool",
             kPoolFields,
             {{"id", ParamType::kUuid, kOptional, "the ID of the pool"},
              {"name", ParamType::kText, kOptional, "the name of the pool"},
              {"path", ParamType::kText, kOptional, "the path of the pool", 1024},
              {"zoneid", ParamType::kUuid, kOptional, "only pools of this zone"},
              {"podid", ParamType::kUuid, kOptional, "only pools of this pod"},
              {"clusterid", ParamType::kUuid, kOptional, "only pools of this cluster"},
              {"hostid", ParamType::kUuid, kOptional, "only pools that this host has"},
              {"scope", ParamType::kText, kOptional, "CLUSTER"},
              {"status", ParamType::kText, kOptional, "Up"}},
             list_pools,
             {},
             true});
  table.add({"createStoragePool",
             "Adds a shared directory as primary storage",
             "storagepool",
             kPoolFields,
             {{"name", ParamType::kText, kRequired, "the name of the pool"},
              {"url", ParamType::kText, kRequired, "SharedMountPoint://localhost/path", 1200},
              {"zoneid", ParamType::kUuid, kRequired, "the zone of the pool"},
              {"clusterid", ParamType::kUuid, kRequired, "the cluster whose hosts mount it"},
              {"podid", ParamType::kUuid, kOptional, "the pod of the cluster"},
              {"scope", ParamType::kText, kOptional, "CLUSTER"},
              {"tags", ParamType::kText, kOptional, "tags of the pool"},
              {"provider", ParamType::kText, kOptional, "accepted, not used"},
              {"hypervisor", ParamType::kText, kOptional, "accepted, always KVM"}},
             Change{create_pool},
             "STORAGE.POOL.CREATE"});
  table.add({"deleteStoragePool",
             "Forgets a storage pool that holds no disks of VMs",
             "success",
             "success:boolean",
             {{"id", ParamType::kUuid, kRequired, "the ID of the pool"},
              {"forced", ParamType::kBool, kOptional, "accepted; a pool in use stays"}},
             Change{delete_pool},
             "STORAGE.POOL.DELETE"});
}

}  // namespace mold::manager::api
