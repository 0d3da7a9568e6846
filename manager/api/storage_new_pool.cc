#include "manager/api/storage_new_pool.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"
#include "manager/storage/pool_kind.h"
#include "manager/storage/pool_url.h"

namespace mold::manager::api {
namespace {

// A pool on its way: the record, and the key that is not sealed yet.
struct NewPool {
  PoolRecord record;
  Secret key;
};

ApiResult<HostId> local_host(Call& call, const Cluster& cluster, const std::string& named) {
  for (const auto& [id, host] : call.inventory().hosts().all()) {
    if (!is_live(host) || host.cluster != cluster.id) continue;
    if (iequals(host.uuid, named) || iequals(host.name, named) || host.address == named) return id;
  }
  return refuse(
      call.params().wrong("url", "no host of the cluster has that uuid, name or address"));
}

ApiResult<void> check_scope(const Params& params, core::PoolKind kind) {
  if (!params.has("scope")) return {};
  const bool local = kind == core::PoolKind::kLocal;
  if (iequals(params.text("scope"), local ? "HOST" : "CLUSTER")) return {};
  return refuse(params.wrong(
      "scope", local ? "a local pool has the scope HOST" : "a shared pool has the scope CLUSTER"));
}

ApiResult<const Cluster*> read_cluster(Call& call) {
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
  return cluster;
}

ApiResult<void> check_extras(const Params& params) {
  if (params.flag("managed", false)) {
    return refuse(params.wrong("managed", "there are no storage plugins that manage themselves"));
  }
  if (params.flag("istagarule", false)) {
    return refuse(params.wrong("istagarule", "tags are plain words here"));
  }
  if (const auto bytes = params.integer("capacitybytes"); bytes && *bytes < 0) {
    return refuse(params.wrong("capacitybytes", "it is in bytes, from 0"));
  }
  return {};
}

ApiResult<NewPool> read_new_pool(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const Cluster* cluster, read_cluster(call));
  const auto extras = check_extras(params);
  if (!extras) return refuse(extras.error());
  Result<PoolUrl> url = parse_pool_url(params.text("url"));
  if (!url) return refuse(params.wrong("url", url.error().what));
  const auto scope = check_scope(params, url->kind);
  if (!scope) return refuse(scope.error());
  NewPool made;
  PoolRecord& pool = made.record;
  pool.uuid = runtime::new_uuid();
  pool.cluster = cluster->id;
  pool.name = params.text("name");
  pool.kind = url->kind;
  pool.type = pool_type_name(url->kind);
  pool.url = url->shown;
  pool.path = url->kind == core::PoolKind::kNfs ? nfs_mount_path(pool.uuid) : url->path;
  pool.source = url->source;
  pool.user = url->user;
  pool.tags = joined_tags(params.list("tags"));
  pool.capacity_bytes = static_cast<std::uint64_t>(params.integer("capacitybytes").value_or(0));
  if (url->kind == core::PoolKind::kLocal) {
    MOLD_API_TRY(pool.host, local_host(call, *cluster, url->host));
    pool.scope = "HOST";
    pool.heartbeat = false;  // its VMs live and die with the host
  }
  MOLD_API_TRY(const std::optional<core::PoolPolicy> policy, read_policy(params));
  pool.policy = policy.value_or(pool.policy);
  made.key = std::move(url->key);
  return made;
}

port::CephAccess access_of(const NewPool& wanted) {
  port::CephAccess access;
  access.mon_host = wanted.record.source;
  access.pool = ceph_pool_of(wanted.record);
  access.user = wanted.record.user;
  access.key = wanted.key;
  return access;
}

ApiResult<Value> keep_pool(Call& call, NewPool wanted) {
  const auto sealed = call.services().storage.seal_key(wanted.record.uuid, wanted.key);
  if (!sealed) return refuse(from_error(sealed.error()));
  wanted.record.sealed_key = *sealed;
  const Result<PoolRecord> pool = call.inventory().create(std::move(wanted.record));
  if (!pool) return refuse(from_error(pool.error()));
  call.engine().submit(core::PoolAdded{core_pool(*pool)});
  call.services().storage.keys().look();
  call.about("StoragePool", pool->uuid, "Successfully created storage pool " + pool->name);
  return single_body("storagepool", pool_view(call.services(), *pool));
}

void take_facts(PoolRecord& pool, const port::CephPoolFacts& facts) {
  pool.ceph_fsid = facts.fsid;
  pool.cephx = facts.cephx;
  if (facts.total_bytes != 0) pool.capacity_bytes = facts.total_bytes;
}

ApiResult<Value> keep_moved(Call& call, NewPool wanted) {
  const PoolRecord* const now = call.inventory().pools().find(wanted.record.id);
  if (now == nullptr) return refuse(call.params().unknown("id"));
  if (!now->ceph_fsid.empty() && now->ceph_fsid != wanted.record.ceph_fsid) {
    return refuse(call.params().wrong("url", "that is another Ceph cluster"));
  }
  const auto sealed = call.services().storage.seal_key(wanted.record.uuid, wanted.key);
  if (!sealed) return refuse(from_error(sealed.error()));
  wanted.record.sealed_key = *sealed;
  // Not what happened to it meanwhile.
  wanted.record.state = now->state;
  wanted.record.stopped_vms = now->stopped_vms;
  if (const Status done = call.inventory().update(wanted.record); !done) {
    return refuse(from_error(done.error()));
  }
  call.engine().submit(core::PoolAdded{core_pool(wanted.record)});
  call.services().storage.keys().look();
  call.about("StoragePool", now->uuid, "Successfully updated storage pool " + wanted.record.name);
  return single_body("storagepool", pool_view(call.services(), wanted.record));
}

// Looks at the Ceph pool, then `keep`.
void probe_first(const CallPtr& call, NewPool wanted,
                 ApiResult<Value> (*keep)(Call& call, NewPool wanted)) {
  const port::CephAccess access = access_of(wanted);
  call->services().storage.probe(access, [call, wanted = std::move(wanted),
                                          keep](const Result<port::CephPoolFacts>& facts) mutable {
    if (!facts) return call->fail(from_error(facts.error()));
    if (const Status open = call->engine().admits(); !open) {
      return call->fail(from_error(open.error()));
    }
    take_facts(wanted.record, *facts);
    finish_change(call, keep(*call, std::move(wanted)));
  });
}

}  // namespace

ApiResult<std::optional<core::PoolPolicy>> read_policy(const Params& params) {
  std::optional<std::string> text = params.maybe_text("policy");
  for (const auto& [name, value] : params.map("details")) {
    if (!iequals(name, "policy")) {
      return refuse(params.wrong("details", "the only detail of a pool is policy"));
    }
    text = value;
  }
  if (!text) return std::optional<core::PoolPolicy>{};
  const auto policy = core::parse_pool_policy(to_lower(*text));
  if (!policy) {
    return refuse(params.wrong("policy", "one of kill-vms, pause, reset-host, log-only"));
  }
  return std::optional{*policy};
}

std::string joined_tags(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) text += (text.empty() ? "" : ",") + tag;
  return text;
}

void create_pool(const CallPtr& call) {
  if (const Status open = call->engine().admits(); !open) {
    return call->fail(from_error(open.error()));
  }
  ApiResult<NewPool> wanted = read_new_pool(*call);
  if (!wanted) return call->fail(wanted.error());
  if (wanted->record.kind == core::PoolKind::kRbd) {
    return probe_first(call, std::move(*wanted), keep_pool);
  }
  finish_change(call, keep_pool(*call, std::move(*wanted)));
}

void move_pool(const CallPtr& call, PoolRecord pool) {
  const Params& params = call->params();
  Result<PoolUrl> url = parse_pool_url(params.text("url"));
  if (!url) return call->fail(params.wrong("url", url.error().what));
  if (pool.kind != core::PoolKind::kRbd || url->kind != pool.kind || url->path != pool.path) {
    return call->fail(params.wrong(
        "url", "monitors, user and key of an RBD pool can be changed, its place cannot"));
  }
  NewPool wanted;
  wanted.record = std::move(pool);
  wanted.record.url = url->shown;
  wanted.record.source = url->source;
  wanted.record.user = url->user;
  wanted.key = std::move(url->key);
  probe_first(call, std::move(wanted), keep_moved);
}

}  // namespace mold::manager::api
