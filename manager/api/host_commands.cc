// Hosts: the record, its enrolment, admission and removal. Power is in oobm_commands.cc, HA in
// ha_commands.cc.
#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "manager/api/cluster_commands.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/urls.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

struct HostFilter {
  PlaceFilter place;
  std::vector<std::string> ids;
  HostId holds;  // of virtualmachineid; none with has_vm: the VM is placed nowhere
  bool has_vm = false;
};

ApiResult<HostFilter> read_host_filter(Call& call) {
  HostFilter filter;
  MOLD_API_TRY(filter.place, read_place_filter(call));
  const auto checked = check_ids(call, call.inventory().hosts());
  if (!checked) return refuse(checked.error());
  filter.ids = call.params().list("ids");
  MOLD_API_TRY(const VmRecord* vm, find_optional(call, call.inventory().vms(), "virtualmachineid"));
  filter.has_vm = vm != nullptr;
  if (vm != nullptr) {
    if (const core::Vm* known = core_vm(call.services(), vm->id)) filter.holds = known->host;
  }
  return filter;
}

bool power_matches(Call& call, const HostRecord& host) {
  const Params& params = call.params();
  const auto wanted = params.flag("outofbandmanagementenabled");
  if (wanted && *wanted != host.oobm.enabled) return false;
  const std::string state = params.text("outofbandmanagementpowerstate");
  return state.empty() ||
         iequals(state, power_state_name(host, power_state(call.services(), host)));
}

bool host_matches(Call& call, const HostFilter& filter, const HostRecord& host) {
  const Params& params = call.params();
  if (!is_live(host)) return false;
  if (params.has("id") && host.uuid != params.text("id")) return false;
  if (!filter.ids.empty() &&
      std::find(filter.ids.begin(), filter.ids.end(), host.uuid) == filter.ids.end()) {
    return false;
  }
  if (filter.has_vm && host.id != filter.holds) return false;
  if (params.has("name") && host.name != params.text("name")) return false;
  if (params.has("type") && !iequals(params.text("type"), "Routing")) return false;
  const std::string state = params.text("state");
  if (!state.empty() && !iequals(state, host_state_name(core_host(call.services(), host.id),
                                                        call.engine().brain().policy(),
                                                        call.services().loop.now()))) {
    return false;
  }
  const std::string resource = params.text("resourcestate");
  if (!resource.empty() && !iequals(resource, allocation_name(host.enabled))) return false;
  return filter.place.matches(place_of(call.inventory(), host.cluster)) &&
         power_matches(call, host) && keyword_matches(params, host.name);
}

ApiResult<Value> list_hosts(Call& call) {
  MOLD_API_TRY(const HostFilter filter, read_host_filter(call));
  const HostUses uses = host_uses(call.engine().state());
  return paged_list(
      call, call.inventory().hosts().all(),
      [&](const auto& entry) { return host_matches(call, filter, entry.second); },
      [&](const auto& entry) { return host_view(call.services(), entry.second, &uses); });
}

// The cluster named by clusterid or clustername; a name that is not there yet makes the cluster.
ApiResult<ClusterId> cluster_for(Call& call, const Pod& pod) {
  const Params& params = call.params();
  MOLD_API_TRY(const Cluster* cluster,
               find_optional(call, call.inventory().clusters(), "clusterid"));
  if (cluster != nullptr) {
    if (cluster->pod != pod.id) {
      return refuse(params.wrong("clusterid", "the cluster is in another pod"));
    }
    return cluster->id;
  }
  const std::string name = params.text("clustername");
  if (name.empty()) {
    return refuse(invalid_parameter("addHost needs one of clusterid and clustername"));
  }
  for (const auto& [id, known] : call.inventory().clusters().all()) {
    if (known.pod == pod.id && known.name == name) return id;
  }
  MOLD_API_TRY(const Cluster made, make_cluster(call, pod.id, name));
  return made.id;
}

ApiResult<HostRecord> read_new_host(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const Zone* zone, find_named(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(const Pod* pod, find_named(call, call.inventory().pods(), "podid"));
  if (pod->zone != zone->id) return refuse(params.wrong("podid", "the pod is in another zone"));
  if (!iequals(params.text("hypervisor"), "KVM")) {
    return refuse(params.wrong("hypervisor", "only KVM is supported"));
  }
  const std::optional<std::string> address = host_of_url(params.text("url"));
  if (!address) return refuse(params.wrong("url", "write kvm://HOST, http://HOST or HOST"));
  HostRecord host;
  host.address = *address;
  host.name = params.has("name") ? params.text("name") : *address;
  host.tags = params.list("hosttags");
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(params));
  host.enabled = enabled.value_or(true);
  // Before a cluster is made for nothing.
  if (const Status fine = call.inventory().check_but_cluster(host); !fine) {
    return refuse(from_error(fine.error()));
  }
  MOLD_API_TRY(host.cluster, cluster_for(call, *pod));
  return host;
}

ApiResult<Value> add_host(Call& call) {
  MOLD_API_TRY(HostRecord wanted, read_new_host(call));
  const Result<HostRecord> host = call.inventory().create(std::move(wanted));
  if (!host) return refuse(from_error(host.error()));
  core::HostAdded added;
  added.host.id = host->id;
  added.host.cluster = host->cluster;
  added.host.name = host->name;
  added.host.admits_vms = host->enabled;
  call.engine().submit(added);
  const Result<Secret> token = call.services().agents.make_enrol_token(host->id);
  if (!token) return refuse(from_error(token.error()));
  call.about("Host", host->uuid, "Successfully added host " + host->name);
  Object row = host_view(call.services(), *host);
  row.set("enrolmenttoken", Value(token->reveal()));
  Array one;
  one.emplace_back(std::move(row));
  return list_body("host", std::move(one), 1);
}

ApiResult<Value> issue_token(Call& call) {
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "id"));
  call.about("Host", host->uuid, "New enrolment token for host " + host->name);
  const Result<Secret> token = call.services().agents.make_enrol_token(host->id);
  if (!token) return refuse(from_error(token.error()));
  Object row;
  row.set("hostid", Value(host->uuid)).set("hostname", Value(host->name));
  row.set("enrolmenttoken", Value(token->reveal()));
  return single_body("hostenrolment", std::move(row));
}

ApiResult<Value> update_host(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const HostRecord* found, find_named(call, call.inventory().hosts(), "id"));
  HostRecord host = *found;
  if (auto name = params.maybe_text("name")) host.name = std::move(*name);
  if (params.has("hosttags")) host.tags = params.list("hosttags");
  if (auto note = params.maybe_text("annotation")) host.details["annotation"] = std::move(*note);
  MOLD_API_TRY(const std::optional<bool> enabled, read_allocation(params));
  const bool changed = enabled && *enabled != host.enabled;
  host.enabled = enabled.value_or(host.enabled);
  if (const Status done = call.inventory().update(host); !done) {
    return refuse(from_error(done.error()));
  }
  if (changed) call.engine().submit(core::HostAdmissionSet{host.id, host.enabled});
  call.about("Host", host.uuid,
             "Successfully updated host " + host.name +
                 (changed ? ": " + std::string(allocation_name(host.enabled)) : ""));
  return single_body("host", host_view(call.services(), host));
}

ApiResult<Value> delete_host(Call& call) {
  MOLD_API_TRY(const HostRecord* found, find_named(call, call.inventory().hosts(), "id"));
  const HostRecord host = *found;
  const HostUse use = use_of(call.engine().state(), host.id);
  if (use.vms != 0) {
    return refuse({536, 4375,
                   "host " + host.name + " holds " + std::to_string(use.vms) +
                       " VMs that may run there; stop them, or let HA prove it dead first"});
  }
  if (const core::Host* known = core_host(call.services(), host.id);
      known != nullptr && known->awaited) {
    return refuse({536, 4375,
                   "host " + host.name +
                       " was not heard of since the manager's store was found older than the "
                       "world: it may run anything; boot it, or confirm that it is dead first"});
  }
  if (host.enabled && !call.params().flag("forced", false) &&
      call.services().agents.view(host.id).connected) {
    return refuse({536, 4375, "host " + host.name + " is enabled and connected: disable it first"});
  }
  call.about("Host", host.uuid, "Successfully deleted host " + host.name);
  if (const Status done = call.inventory().remove(host.id); !done) {
    return refuse(from_error(done.error()));
  }
  if (const Status done = call.services().agents.revoke(host.id); !done) {
    return refuse(from_error(done.error()));
  }
  core::HostRemoved gone;
  gone.host = host.id;
  call.engine().submit(gone);
  return success_body();
}

// Agents dial in by themselves: all there is to do is to tell whether this one has.
ApiResult<BegunJob> reconnect_host(Call& call) {
  MOLD_API_TRY(const HostRecord* found, find_named(call, call.inventory().hosts(), "id"));
  const HostRecord host = *found;
  call.about("Host", host.uuid, "Reconnecting host " + host.name);
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  if (call.services().agents.view(host.id).connected) {
    end_job(call, job.id, single_body("host", host_view(call.services(), host)));
  } else {
    end_job_failed(call, job.id, 530,
                   "the agent of host " + host.name + " is not connected; it dials in by itself");
  }
  return BegunJob{job.uuid, {}};
}

void add_host_changes(CommandTable& table) {
  const ParamSpec id{"id", ParamType::kUuid, kRequired, "the ID of the host"};
  const ParamSpec tags{"hosttags", ParamType::kList, kOptional, "tags of the host"};
  const ParamSpec allocation{"allocationstate", ParamType::kText, kOptional,
                             "Enable or Disable: whether new VMs may be placed on it"};
  table.add({"addHost",
             "Adds a host and makes a token with which its agent enrols",
             "host",
             kHostFields,
             {{"hypervisor", ParamType::kText, kRequired, "KVM"},
              {"zoneid", ParamType::kUuid, kRequired, "the zone of the host"},
              {"podid", ParamType::kUuid, kRequired, "the pod of the host"},
              {"url", ParamType::kText, kRequired, "kvm://HOST, http://HOST or HOST"},
              {"clusterid", ParamType::kUuid, kOptional, "the cluster of the host"},
              {"clustername", ParamType::kText, kOptional, "or its name; made when missing"},
              {"name", ParamType::kText, kOptional, "the name; else HOST of the url"},
              {"username", ParamType::kText, kOptional, "not needed"},
              {"password", ParamType::kText, kOptional, "not needed"},
              tags,
              allocation},
             Change{add_host},
             "HOST.ADD",
             false,
             kSecretAnswer});
  table.add({"issueHostEnrolmentToken",
             "Makes a new one-time token for a host",
             "hostenrolment",
             "hostid:string hostname:string enrolmenttoken:string",
             {id},
             Change{issue_token},
             "HOST.ENROLMENT.TOKEN",
             false,
             kSecretAnswer});
  table.add({"updateHost",
             "Updates a host",
             "host",
             kHostFields,
             {id,
              {"name", ParamType::kText, kOptional, "the name of the host"},
              tags,
              allocation,
              {"annotation", ParamType::kText, kOptional, "a note about the host"}},
             Change{update_host},
             "HOST.EDIT"});
  table.add({"deleteHost",
             "Deletes a host that holds no VMs; its certificates die",
             "success",
             "success:boolean",
             {id, {"forced", ParamType::kBool, kOptional, "also when enabled and connected"}},
             Change{delete_host},
             "HOST.DELETE"});
  table.add({"reconnectHost",
             "Tells whether the agent of a host is connected",
             "host",
             kHostFields,
             {id},
             reconnect_host,
             "HOST.RECONNECT"});
}

}  // namespace

void add_host_commands(CommandTable& table) {
  table.add(
      {"listHosts",
       "Lists hosts",
       "host",
       kHostFields,
       {{"id", ParamType::kUuid, kOptional, "the ID of the host"},
        {"ids", ParamType::kUuidList, kOptional, "the IDs of the hosts"},
        {"name", ParamType::kText, kOptional, "the name of the host"},
        {"type", ParamType::kText, kOptional, "the host type: Routing"},
        {"state", ParamType::kText, kOptional, "Up, Alert, Disconnected, Down or Connecting"},
        {"resourcestate", ParamType::kText, kOptional, "Enabled or Disabled"},
        {"zoneid", ParamType::kUuid, kOptional, "only hosts of this zone"},
        {"podid", ParamType::kUuid, kOptional, "only hosts of this pod"},
        {"clusterid", ParamType::kUuid, kOptional, "only hosts of this cluster"},
        {"virtualmachineid", ParamType::kUuid, kOptional, "the host that this VM is placed on"},
        {"hypervisor", ParamType::kText, kOptional, "not a filter: all hosts are KVM"},
        {"details", ParamType::kList, kOptional, "accepted; rows are always complete"},
        {"outofbandmanagementenabled", ParamType::kBool, kOptional, "by out-of-band management"},
        {"outofbandmanagementpowerstate", ParamType::kText, kOptional, "On, Off or Unknown"}},
       list_hosts,
       {},
       true});
  add_host_changes(table);
}

}  // namespace mold::manager::api
