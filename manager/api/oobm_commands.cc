// Out-of-band management: the BMC of a host, its switch, and power actions through the brain.
#include <utility>

#include "lib/base/text.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

struct NamedVerb {
  std::string_view name;
  core::PowerVerb verb;
};
constexpr NamedVerb kVerbs[] = {
    {"ON", core::PowerVerb::kOn},       {"OFF", core::PowerVerb::kOff},
    {"RESET", core::PowerVerb::kReset}, {"CYCLE", core::PowerVerb::kCycle},
    {"SOFT", core::PowerVerb::kSoft},   {"STATUS", core::PowerVerb::kStatus},
};

ApiResult<Value> configure_oobm(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  const HostId id = host->id;
  call.about("Host", host->uuid, "Configured out-of-band management of host " + host->name);
  OobmSettings settings = host->oobm;
  settings.configured = true;
  settings.driver = to_lower(params.text("driver"));
  settings.address = params.text("address");
  settings.port = params.text("port");
  settings.username = params.text("username");
  const Status done =
      call.services().power.configure(id, settings, Secret(params.text("password")));
  if (!done) return refuse(from_error(done.error()));
  const HostRecord* now = call.inventory().hosts().find(id);
  Object row = oobm_view(call.services(), *now);
  row.set("status", Value(true));
  return single_body("outofbandmanagement", std::move(row));
}

// Both switches: the record that people see and what the brain may use.
ApiResult<void> switch_oobm(Call& call, HostRecord host, bool on) {
  host.oobm.enabled = on;
  if (const Status done = call.inventory().update(host); !done) {
    return refuse(from_error(done.error()));
  }
  call.engine().submit(core::PowerControlSet{host.id, on});
  return {};
}

ApiResult<BegunJob> switch_for_host(Call& call, bool on) {
  MOLD_API_TRY(const HostRecord* found, find_named(call, call.inventory().hosts(), "hostid"));
  const HostRecord host = *found;
  if (on && !host.oobm.configured) {
    return refuse(invalid_parameter("Out-of-band management is not configured for host " +
                                    host.name + ": configureOutOfBandManagement first"));
  }
  call.about(
      "Host", host.uuid,
      std::string(on ? "Enabling" : "Disabling") + " out-of-band management of host " + host.name);
  const auto switched = switch_oobm(call, host, on);
  if (!switched) return refuse(switched.error());
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  Object row = oobm_view(call.services(), *call.inventory().hosts().find(host.id));
  row.set("status", Value(true));
  end_job(call, job.id, single_body("outofbandmanagement", std::move(row)));
  return BegunJob{job.uuid, {}};
}

// For every host that stands in the place; on: only those that are configured.
ApiResult<BegunJob> switch_for_place(Call& call, bool on, const PlaceFilter& where) {
  call.about(where.cluster != nullptr ? "Cluster" : "Zone",
             where.cluster != nullptr ? where.cluster->uuid : where.zone->uuid,
             std::string(on ? "Enabling" : "Disabling") + " out-of-band management of all hosts");
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  const auto hosts = call.inventory().hosts().all();  // a copy: the table changes below
  for (const auto& [id, host] : hosts) {
    if (!is_live(host) || host.oobm.enabled == on || (on && !host.oobm.configured)) continue;
    if (!where.matches(place_of(call.inventory(), host.cluster))) continue;
    const auto switched = switch_oobm(call, host, on);
    if (!switched) return refuse(switched.error());
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

ApiResult<core::PowerVerb> read_verb(const Params& params) {
  for (const NamedVerb& row : kVerbs) {
    if (iequals(row.name, params.text("action"))) return row.verb;
  }
  return refuse(params.wrong("action", "one of ON, OFF, CYCLE, RESET, SOFT, STATUS"));
}

ApiResult<BegunJob> power_action(Call& call) {
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  MOLD_API_TRY(const core::PowerVerb verb, read_verb(call.params()));
  if (!host->oobm.enabled) {
    return refuse(invalid_parameter(
        "Out-of-band management is not configured or enabled for host " + host->name));
  }
  call.about("Host", host->uuid,
             "Out-of-band power action " + std::string(core::to_string(verb)) + " on host " +
                 host->name + " by " + call.caller().user_name);
  const HostId id = host->id;
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kPower, VmId{}, id));
  call.engine().submit(core::PowerRequested{id, verb, job.id});
  return BegunJob{job.uuid, {}};
}

}  // namespace

void add_oobm_commands(CommandTable& table) {
  const ParamSpec host{"hostid", ParamType::kUuid, kRequired, "the ID of the host"};
  const ParamSpec cluster{"clusterid", ParamType::kUuid, kRequired, "the ID of the cluster"};
  const ParamSpec zone{"zoneid", ParamType::kUuid, kRequired, "the ID of the zone"};
  const std::string_view object = "outofbandmanagement";
  table.add({"configureOutOfBandManagement",
             "Sets the BMC of a host",
             object,
             kOobmFields,
             {host,
              {"driver", ParamType::kText, kRequired, "ipmitool"},
              {"address", ParamType::kText, kRequired, "address of the BMC"},
              {"port", ParamType::kText, kRequired, "port of the BMC, e.g. 623"},
              {"username", ParamType::kText, kRequired, "user of the BMC"},
              {"password", ParamType::kText, kRequired, "its password; kept sealed", kUsualLength,
               kSecret}},
             Change{configure_oobm},
             "HOST.OOBM.CONFIGURE"});
  table.add({"enableOutOfBandManagementForHost",
             "Enables the BMC of a host",
             object,
             kOobmFields,
             {host},
             enable_for_host,
             "HOST.OOBM.ENABLE"});
  table.add({"disableOutOfBandManagementForHost",
             "Disables the BMC of a host",
             object,
             kOobmFields,
             {host},
             disable_for_host,
             "HOST.OOBM.DISABLE"});
  table.add({"enableOutOfBandManagementForCluster",
             "Enables the BMCs of a cluster's hosts",
             "success",
             "success:boolean",
             {cluster},
             enable_for_cluster,
             "HOST.OOBM.ENABLE"});
  table.add({"disableOutOfBandManagementForCluster",
             "Disables the BMCs of a cluster's hosts",
             "success",
             "success:boolean",
             {cluster},
             disable_for_cluster,
             "HOST.OOBM.DISABLE"});
  table.add({"enableOutOfBandManagementForZone",
             "Enables the BMCs of a zone's hosts",
             "success",
             "success:boolean",
             {zone},
             enable_for_zone,
             "HOST.OOBM.ENABLE"});
  table.add({"disableOutOfBandManagementForZone",
             "Disables the BMCs of a zone's hosts",
             "success",
             "success:boolean",
             {zone},
             disable_for_zone,
             "HOST.OOBM.DISABLE"});
  table.add({"issueOutOfBandManagementPowerAction",
             "Acts on the power of a host",
             object,
             kOobmFields,
             {host,
              {"action", ParamType::kText, kRequired, "ON, OFF, CYCLE, RESET, SOFT, STATUS"},
              {"timeout", ParamType::kInteger, kOptional, "accepted; the policy's deadline holds"}},
             power_action,
             "HOST.OOBM.ACTION"});
}

}  // namespace mold::manager::api
