// Primary storage: shared directories, NFS exports, Ceph pools, shared volume groups, and local
// directories of one host.
#include <algorithm>
#include <memory>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/storage_new_pool.h"
#include "manager/api/views.h"
#include "manager/storage/pool_kind.h"

namespace mold::manager::api {
namespace {

bool pool_matches(Call& call, const PoolRecord& pool) {
  const Params& params = call.params();
  const auto differs = [&params](std::string_view name, std::string_view value) {
    return params.has(name) && params.text(name) != value;
  };
  if (differs("id", pool.uuid) || differs("name", pool.name)) return false;
  if (differs("path", pool_path(pool)) && differs("path", pool.path)) return false;
  if (differs("ipaddress", pool_address(call.inventory(), pool))) return false;
  if (params.has("scope") && !iequals(pool.scope, params.text("scope"))) return false;
  return !params.has("status") || iequals(pool_state_name(pool.state), params.text("status"));
}

ApiResult<Value> list_pools(Call& call) {
  const auto checked = check_ids(call, call.inventory().pools());
  if (!checked) return refuse(checked.error());
  MOLD_API_TRY(const PlaceFilter place, read_place_filter(call));
  MOLD_API_TRY(const HostRecord* host, live_host(call, "hostid"));
  return paged_list(
      call, call.inventory().pools().all(),
      [&](const auto& entry) {
        const PoolRecord& pool = entry.second;
        if (host != nullptr &&
            (pool.cluster != host->cluster || (pool.host && pool.host != host->id))) {
          return false;
        }
        return pool_matches(call, pool) &&
               place.matches(place_of(call.inventory(), pool.cluster)) &&
               keyword_matches(call.params(), pool.name);
      },
      [&call](const auto& entry) { return pool_view(call.services(), entry.second); });
}

// Nothing, or Up and Disabled.
ApiResult<std::optional<PoolState>> read_pool_enabled(const Params& params,
                                                      const PoolRecord& pool) {
  const auto enabled = params.flag("enabled");
  if (!enabled) return std::optional<PoolState>{};
  if (pool.state != PoolState::kUp && pool.state != PoolState::kDisabled) {
    return refuse({536, 4375, "storage pool " + pool.name + " is in maintenance"});
  }
  return std::optional{*enabled ? PoolState::kUp : PoolState::kDisabled};
}

ApiResult<PoolRecord> read_changed_pool(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const PoolRecord* found, find_named(call, call.inventory().pools(), "id"));
  PoolRecord pool = *found;
  if (auto name = params.maybe_text("name")) pool.name = std::move(*name);
  if (params.has("tags")) pool.tags = joined_tags(params.list("tags"));
  if (params.flag("istagarule", false)) {
    return refuse(params.wrong("istagarule", "tags are plain words here"));
  }
  if (const auto bytes = params.integer("capacitybytes")) {
    if (*bytes < 0) return refuse(params.wrong("capacitybytes", "it is in bytes, from 0"));
    pool.capacity_bytes = static_cast<std::uint64_t>(*bytes);
  }
  MOLD_API_TRY(const std::optional<core::PoolPolicy> policy, read_policy(params));
  pool.policy = policy.value_or(pool.policy);
  MOLD_API_TRY(const std::optional<PoolState> state, read_pool_enabled(params, pool));
  pool.state = state.value_or(pool.state);
  return pool;
}

ApiResult<Value> keep_changed_pool(Call& call, const PoolRecord& pool) {
  if (const Status done = call.inventory().update(pool); !done) {
    return refuse(from_error(done.error()));
  }
  call.engine().submit(core::PoolAdded{core_pool(pool)});
  call.about("StoragePool", pool.uuid, "Successfully updated storage pool " + pool.name);
  return single_body("storagepool", pool_view(call.services(), pool));
}

void update_pool(const CallPtr& call) {
  if (const Status open = call->engine().admits(); !open) {
    return call->fail(from_error(open.error()));
  }
  ApiResult<PoolRecord> pool = read_changed_pool(*call);
  if (!pool) return call->fail(pool.error());
  if (call->params().has("url")) return move_pool(call, std::move(*pool));
  finish_change(call, keep_changed_pool(*call, *pool));
}

// A VM that was destroyed without its disks leaves the lists with the pool that they are on.
ApiResult<void> forget_destroyed(Call& call, const PoolRecord& pool) {
  std::vector<VmId> destroyed;
  for (const auto& [id, vm] : call.inventory().vms().all()) {
    if (is_live(vm) && vm.pool == pool.id) destroyed.push_back(id);
  }
  if (!destroyed.empty() && !call.params().flag("forced", false)) {
    return refuse({536, 4375,
                   "storage pool " + pool.name + " holds disks of " +
                       std::to_string(destroyed.size()) +
                       " destroyed VMs; expunge them, or forced=true forgets them"});
  }
  for (const VmId id : destroyed) {
    if (const Status done = call.inventory().remove(id); !done) {
      return refuse(from_error(done.error()));
    }
  }
  return {};
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
  const auto forgotten = forget_destroyed(call, pool);
  if (!forgotten) return refuse(forgotten.error());
  call.about("StoragePool", pool.uuid, "Successfully deleted storage pool " + pool.name);
  call.services().storage.keys().before_removal(pool);
  if (const Status done = call.inventory().remove(pool.id); !done) {
    return refuse(from_error(done.error()));
  }
  call.engine().submit(core::PoolRemoved{pool.id});
  call.services().storage.keys().look();
  return success_body();
}

// How a job of maintenance ends: with the pool as it is then.
struct MaintenanceJob {
  std::shared_ptr<Services> services;
  PoolId pool;
  JobId job;
  std::string event_type;
  AccountId account;
  UserId user;

  void end(const Status& result) const {
    Engine& engine = services->engine;
    const PoolRecord* const record = services->inventory.pools().find(pool);
    NewEvent event;
    event.type = event_type;
    event.level = result ? EventLevel::kInfo : EventLevel::kError;
    event.account = account;
    event.user = user;
    event.resource_type = "StoragePool";
    if (record != nullptr) event.resource_uuid = record->uuid;
    const std::string name = record == nullptr ? std::string("a deleted one") : record->name;
    event.description =
        "storage pool " + name + ": " +
        (result ? std::string(record == nullptr ? "gone" : pool_state_name(record->state))
                : result.error().what);
    engine.note_event(std::move(event));
    if (result && record != nullptr) {
      engine.finish_job(job, core::JobStatus::kSucceeded,
                        done_job(single_body("storagepool", pool_view(*services, *record))));
    } else {
      const ApiError why = result ? ApiError{431, 4350, "the storage pool was deleted", false}
                                  : from_error(result.error());
      engine.finish_job(job, core::JobStatus::kFailed, failed_job(why.status, why.text));
    }
  }
};

using Maintain = Status (PoolMaintenance::*)(PoolId, PoolMaintenance::Done);

ApiResult<BegunJob> begin_maintenance(Call& call, Maintain what, std::string_view doing) {
  MOLD_API_TRY(const PoolRecord* found, find_named(call, call.inventory().pools(), "id"));
  const PoolId id = found->id;
  call.about("StoragePool", found->uuid, std::string(doing) + " storage pool " + found->name);
  auto end = std::make_shared<MaintenanceJob>();
  end->services = std::make_shared<Services>(call.services());
  end->pool = id;
  end->event_type = std::string(call.spec().event_type);
  end->account = call.caller().account;
  end->user = call.caller().user;
  const Status begun = (call.services().storage.maintenance().*what)(
      id, [end](const Status& result) { end->end(result); });
  if (!begun) return refuse(from_error(begun.error()));
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  end->job = job.id;
  return BegunJob{job.uuid, {}};
}

ApiResult<BegunJob> enable_maintenance(Call& call) {
  return begin_maintenance(call, &PoolMaintenance::prepare, "Preparing maintenance of");
}
ApiResult<BegunJob> cancel_maintenance(Call& call) {
  return begin_maintenance(call, &PoolMaintenance::cancel, "Ending maintenance of");
}

constexpr ParamSpec kPoolUrl{"url",
                             ParamType::kText,
                             false,
                             "where it is: rbd://, nfs://, SharedMountPoint://, clvm://, "
                             "Filesystem://",
                             2048,
                             false,
                             true};
constexpr ParamSpec kPoolPolicy{"policy", ParamType::kText, kOptional,
                                "what a host does with VMs whose lease it lost: kill-vms, pause, "
                                "reset-host or log-only"};
constexpr ParamSpec kPoolDetails{"details", ParamType::kMap, kOptional,
                                 "details[0].policy=, the same as policy"};
constexpr ParamSpec kPoolBytes{"capacitybytes", ParamType::kInteger, kOptional,
                               "its size until hosts tell"};
constexpr ParamSpec kPoolTags{"tags", ParamType::kList, kOptional, "tags of the pool"};
constexpr ParamSpec kPoolTagRule{"istagarule", ParamType::kBool, kOptional, "false"};
constexpr ParamSpec kPoolIops{"capacityiops", ParamType::kInteger, kOptional, "accepted, not used"};

void add_new_pool_command(CommandTable& table) {
  ParamSpec url = kPoolUrl;
  url.required = true;
  table.add({"createStoragePool",
             "Adds primary storage",
             "storagepool",
             kPoolFields,
             {{"name", ParamType::kText, kRequired, "the name of the pool"},
              url,
              {"zoneid", ParamType::kUuid, kRequired, "the zone of the pool"},
              {"clusterid", ParamType::kUuid, kRequired, "the cluster whose hosts have it"},
              {"podid", ParamType::kUuid, kOptional, "the pod of the cluster"},
              {"scope", ParamType::kText, kOptional, "CLUSTER; HOST for a local pool"},
              kPoolTags,
              kPoolPolicy,
              kPoolDetails,
              kPoolBytes,
              kPoolIops,
              kPoolTagRule,
              {"managed", ParamType::kBool, kOptional, "false"},
              {"provider", ParamType::kText, kOptional, "accepted, not used"},
              {"hypervisor", ParamType::kText, kOptional, "accepted, always KVM"}},
             Later{create_pool},
             "STORAGE.POOL.CREATE"});
  table.add({"updateStoragePool",
             "Changes a storage pool",
             "storagepool",
             kPoolFields,
             {{"id", ParamType::kUuid, kRequired, "the ID of the pool"},
              {"name", ParamType::kText, kOptional, "its new name"},
              {"enabled", ParamType::kBool, kOptional, "false: no new disks"},
              kPoolUrl,
              kPoolTags,
              kPoolPolicy,
              kPoolDetails,
              kPoolBytes,
              kPoolIops,
              kPoolTagRule},
             Later{update_pool},
             "STORAGE.POOL.UPDATE"});
}

}  // namespace

void add_storage_commands(CommandTable& table) {
  add_new_pool_command(table);
  const ParamSpec id{"id", ParamType::kUuid, kRequired, "the ID of the pool"};
  table.add({"listStoragePools",
             "Lists storage pools",
             "storagepool",
             kPoolFields,
             {{"id", ParamType::kUuid, kOptional, "the ID of the pool"},
              {"name", ParamType::kText, kOptional, "the name of the pool"},
              {"path", ParamType::kText, kOptional, "the path of the pool", 1024},
              {"ipaddress", ParamType::kText, kOptional, "its server or monitors"},
              {"zoneid", ParamType::kUuid, kOptional, "only pools of this zone"},
              {"podid", ParamType::kUuid, kOptional, "only pools of this pod"},
              {"clusterid", ParamType::kUuid, kOptional, "only pools of this cluster"},
              {"hostid", ParamType::kUuid, kOptional, "only pools that this host has"},
              {"scope", ParamType::kText, kOptional, "CLUSTER or HOST"},
              {"status", ParamType::kText, kOptional, "Up, Disabled, Maintenance .."},
              {"storagecustomstats", ParamType::kBool, kOptional, "accepted, there are none"}},
             list_pools,
             {},
             true});
  table.add({"deleteStoragePool",
             "Forgets a storage pool that holds no disks of VMs",
             "success",
             "success:boolean",
             {id,
              {"forced", ParamType::kBool, kOptional,
               "VMs that were destroyed without their disks are forgotten with it"}},
             Change{delete_pool},
             "STORAGE.POOL.DELETE"});
  table.add({"enableStorageMaintenance",
             "Stops the VMs of a storage pool and takes it from all hosts",
             "storagepool",
             kPoolFields,
             {id},
             enable_maintenance,
             "MAINT.PREPARE.PS"});
  table.add({"cancelStorageMaintenance",
             "Brings a storage pool back and starts the VMs that were stopped for it",
             "storagepool",
             kPoolFields,
             {id},
             cancel_maintenance,
             "MAINT.CANCEL.PS"});
}

}  // namespace mold::manager::api
