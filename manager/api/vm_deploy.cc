#include "manager/api/vm_deploy.h"

#include <algorithm>
#include <utility>

#include "core/placement/pool_choice.h"
#include "lib/base/text.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"
#include "manager/storage/pool_kind.h"

namespace mold::manager::api {
namespace {

constexpr std::int64_t kMaxDiskGb = 1024 * 1024;
constexpr std::uint64_t kGiB = 1024ULL * 1024 * 1024;

// What was asked for, found and checked.
struct Wanted {
  const Zone* zone = nullptr;
  const ServiceOffering* offering = nullptr;
  const Template* tmpl = nullptr;
  const HostRecord* host = nullptr;  // pinned, or null
  const Cluster* cluster = nullptr;  // asked for, or null
  std::uint64_t disk_bytes = 0;      // 0: as large as the template
};

ApiResult<std::uint64_t> disk_size(const Params& params, const ServiceOffering& offering) {
  const auto asked = params.integer("rootdisksize");
  if (!asked) return offering.root_disk_bytes;
  if (*asked < 1 || *asked > kMaxDiskGb) {
    return refuse(params.wrong("rootdisksize", "it is in GB, from 1"));
  }
  return static_cast<std::uint64_t>(*asked) * kGiB;
}

ApiResult<Wanted> read_wanted(Call& call) {
  const Params& params = call.params();
  Wanted wanted;
  MOLD_API_TRY(wanted.zone, find_named(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(wanted.offering,
               find_named(call, call.inventory().offerings(), "serviceofferingid"));
  MOLD_API_TRY(wanted.tmpl, find_named(call, call.inventory().templates(), "templateid"));
  MOLD_API_TRY(wanted.host, live_host(call, "hostid"));
  MOLD_API_TRY(wanted.cluster, find_optional(call, call.inventory().clusters(), "clusterid"));
  MOLD_API_TRY(wanted.disk_bytes, disk_size(params, *wanted.offering));
  if (params.has("hypervisor") && !iequals(params.text("hypervisor"), "KVM")) {
    return refuse(params.wrong("hypervisor", "only KVM is supported"));
  }
  if (wanted.tmpl->zone && wanted.tmpl->zone != wanted.zone->id) {
    return refuse(params.wrong("templateid", "the template is in another zone"));
  }
  if (wanted.host != nullptr) {
    const Place place = place_of(call.inventory(), wanted.host->cluster);
    if (place.zone == nullptr || place.zone->id != wanted.zone->id ||
        !same_or_any(wanted.cluster, place.cluster)) {
      return refuse(params.wrong("hostid", "the host is in another zone or cluster"));
    }
    wanted.cluster = place.cluster;
  }
  return wanted;
}

std::vector<std::string> split_tags(const std::string& text) {
  std::vector<std::string> tags;
  for (const std::string& part : split(text, ',')) {
    if (const std::string_view tag = trim(part); !tag.empty()) tags.emplace_back(tag);
  }
  return tags;
}

std::size_t usable_hosts(Call& call, ClusterId cluster) {
  const core::Policy& policy = call.engine().brain().policy();
  const Instant now = call.services().loop.now();
  std::size_t usable = 0;
  for (const auto& [id, host] : call.engine().state().hosts) {
    usable += host.cluster == cluster && host.admits_vms && beats(host, policy, now) ? 1U : 0U;
  }
  return usable;
}

core::PoolCandidate candidate_of(Call& call, const PoolRecord& pool) {
  core::PoolCandidate made;
  made.id = pool.id;
  made.host = pool.host;
  made.open = takes_disks(pool);
  made.tags = split_tags(pool.tags);
  made.total_bytes = pool.capacity_bytes;
  made.free_bytes = pool.capacity_bytes;
  if (const auto report = call.services().agents.pool_report(pool.id)) {
    made.total_bytes = report->total_bytes;
    made.free_bytes = report->free_bytes;
  }
  made.promised_bytes = promised_bytes(call.engine().state(), pool.id);
  return made;
}

// As core/placement chooses, of those that can take the template.
const PoolRecord* best_pool(Call& call, const Wanted& wanted, ClusterId cluster) {
  core::PoolWish wish;
  wish.tags = split_tags(wanted.offering->storage_tags);
  wish.bytes = wanted.disk_bytes != 0 ? wanted.disk_bytes : wanted.tmpl->size_bytes;
  if (wanted.host != nullptr) wish.host = wanted.host->id;
  std::vector<core::PoolCandidate> candidates;
  for (const PoolRecord* pool : call.inventory().pools_of(cluster)) {
    if (takes_template(*pool, *wanted.tmpl)) candidates.push_back(candidate_of(call, *pool));
  }
  const auto best = core::choose_pool(candidates, wish);
  return best ? call.inventory().pools().find(*best) : nullptr;
}

// The cluster with most hosts that can take VMs now, among those with a pool.
ApiResult<const PoolRecord*> choose_pool(Call& call, const Wanted& wanted) {
  const PoolRecord* chosen = nullptr;
  std::size_t most = 0;
  for (const auto& [id, cluster] : call.inventory().clusters().all()) {
    if (!same_or_any(wanted.cluster, &cluster)) continue;
    const Place place = place_of(call.inventory(), id);
    if (!same_or_any(wanted.zone, place.zone) || !cluster.enabled) continue;
    const PoolRecord* pool = best_pool(call, wanted, id);
    const std::size_t usable = usable_hosts(call, id);
    if (pool == nullptr || (chosen != nullptr && usable <= most)) continue;
    chosen = pool;
    most = usable;
  }
  if (chosen == nullptr) {
    return refuse({533, 4325,
                   "no enabled cluster of zone " + wanted.zone->name +
                       " has a storage pool that is up, has room, and the tags of the offering"});
  }
  return chosen;
}

VmRecord new_record(Call& call, const Wanted& wanted, const PoolRecord& pool) {
  const Params& params = call.params();
  VmRecord vm;
  vm.name = params.text("name");
  vm.display_name = params.text("displayname");
  vm.group = params.text("group");
  vm.user_data = params.text("userdata");
  vm.details = params.map("details");
  vm.account = call.caller().account;
  vm.zone = wanted.zone->id;
  vm.cluster = pool.cluster;
  vm.offering = wanted.offering->id;
  vm.template_id = wanted.tmpl->id;
  vm.pool = pool.id;
  return vm;
}

core::Vm brain_vm(const VmRecord& record, const Wanted& wanted, const PoolRecord& pool) {
  core::Vm vm;
  vm.id = record.id;
  vm.cluster = record.cluster;
  vm.spec.name = record.instance_name;
  vm.spec.uuid = record.uuid;
  vm.spec.cpus = wanted.offering->cpus;
  vm.spec.cpu_mhz = wanted.offering->cpu_mhz;
  vm.spec.memory_bytes = wanted.offering->memory_bytes;
  vm.spec.disks.push_back(new_disk(pool, *wanted.tmpl, record.uuid, wanted.disk_bytes));
  vm.ha = wanted.offering->offer_ha;
  if (wanted.host != nullptr) vm.pinned_host = wanted.host->id;
  return vm;
}

ApiResult<BegunJob> deploy_vm(Call& call) {
  MOLD_API_TRY(const Wanted wanted, read_wanted(call));
  MOLD_API_TRY(const PoolRecord* pool, choose_pool(call, wanted));
  const Result<VmRecord> record = call.inventory().create(new_record(call, wanted, *pool));
  if (!record) return refuse(from_error(record.error()));
  call.about("VirtualMachine", record->uuid, "Deploying VM " + record->name);
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kDeploy, record->id, HostId{}));
  core::VmDeployed deployed;
  deployed.vm = brain_vm(*record, wanted, *pool);
  deployed.job = job.id;
  deployed.start = call.params().flag("startvm", true);
  call.engine().submit(deployed);
  return BegunJob{job.uuid, record->uuid};
}

}  // namespace

void add_deploy_command(CommandTable& table) {
  table.add({"deployVirtualMachine",
             "Makes a virtual machine from a template and starts it",
             "virtualmachine",
             kVmFields,
             {{"zoneid", ParamType::kUuid, kRequired, "the zone"},
              {"serviceofferingid", ParamType::kUuid, kRequired, "the service offering"},
              {"templateid", ParamType::kUuid, kRequired, "the template"},
              {"name", ParamType::kText, kOptional, "the host name"},
              {"displayname", ParamType::kText, kOptional, "the name for people"},
              {"hostid", ParamType::kUuid, kOptional, "start it on this host"},
              {"clusterid", ParamType::kUuid, kOptional, "place it in this cluster"},
              {"startvm", ParamType::kBool, kOptional, "false: only make it"},
              {"rootdisksize", ParamType::kInteger, kOptional, "root disk in GB"},
              {"hypervisor", ParamType::kText, kOptional, "KVM"},
              {"group", ParamType::kText, kOptional, "a group"},
              {"userdata", ParamType::kText, kOptional, "user data, base64", 32768},
              {"details", ParamType::kMap, kOptional, "details[0].key=value"},
              {"networkids", ParamType::kList, kOptional, "accepted, not used"}},
             deploy_vm,
             "VM.CREATE"});
}

}  // namespace mold::manager::api
