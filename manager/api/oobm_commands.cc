// Out-of-band management: the BMC of a host, its switch, and power actions through the brain.
#include <utility>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"
#include "manager/power/power_settings.h"

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
  const std::string driver = to_lower(params.text("driver"));
  // A client that knows nothing of options leaves them as they are; another driver has others.
  if (params.has("details")) {
    settings.options = params.map("details");
  } else if (driver != settings.driver) {
    settings.options.clear();
  }
  settings.driver = driver;
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
  if (!on) call.services().power.switched_off({host.id, {}});
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
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  if (const auto switched = switch_oobm(call, host, on); !switched) {
    end_job_failed(call, job.id, switched.error().status, switched.error().text);
    return BegunJob{job.uuid, {}};
  }
  Object row = oobm_view(call.services(), *call.inventory().hosts().find(host.id));
  row.set("status", Value(true));
  end_job(call, job.id, single_body("outofbandmanagement", std::move(row)));
  return BegunJob{job.uuid, {}};
}

// For every host that stands in the place; on: only those that are configured. One that cannot be
// switched keeps none of the others from it, and the job says which.
ApiResult<BegunJob> switch_for_place(Call& call, bool on, const PlaceFilter& where) {
  call.about(where.cluster != nullptr ? "Cluster" : "Zone",
             where.cluster != nullptr ? where.cluster->uuid : where.zone->uuid,
             std::string(on ? "Enabling" : "Disabling") + " out-of-band management of all hosts");
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, HostId{}));
  const auto hosts = call.inventory().hosts().all();  // a copy: the table changes below
  std::string refused;
  int code = 0;
  for (const auto& [id, host] : hosts) {
    if (!is_live(host) || host.oobm.enabled == on || (on && !host.oobm.configured)) continue;
    if (!where.matches(place_of(call.inventory(), host.cluster))) continue;
    const auto switched = switch_oobm(call, host, on);
    if (switched) continue;
    code = switched.error().status;
    refused += (refused.empty() ? "" : "; ") + host.name + ": " + switched.error().text;
  }
  if (refused.empty())
    end_job(call, job.id, success_body());
  else
    end_job_failed(call, job.id, code, "not switched: " + refused);
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

// The brain gives every request the policy's deadline; a person's own one has a limit of its own.
ApiResult<Duration> read_timeout(Call& call) {
  const PowerSetting& limits = *find_power_setting(kActionTimeout);
  const std::int64_t seconds =
      call.params().integer("timeout").value_or(power_setting(call.inventory(), kActionTimeout));
  if (seconds < limits.least || seconds > limits.most) {
    return refuse(call.params().wrong("timeout", "seconds, from " + std::to_string(limits.least) +
                                                     " to " + std::to_string(limits.most)));
  }
  return Duration{seconds * 1000};
}

ApiResult<BegunJob> power_action(Call& call) {
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  MOLD_API_TRY(const core::PowerVerb verb, read_verb(call.params()));
  MOLD_API_TRY(const Duration timeout, read_timeout(call));
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
  const auto& jobs = call.engine().state().jobs;
  if (const auto asked = jobs.find(job.id); asked != jobs.end() && asked->second.op) {
    call.services().power.set_deadline(asked->second.op, timeout);
  }
  return BegunJob{job.uuid, {}};
}

// What outlives the call while the BMC is being talked to. The job is open, and in the transaction
// that the BMC is not asked before; whatever happens then, it ends.
struct PasswordChange {
  Engine& engine;
  JobId job;
  std::string host_uuid;
  std::string host_name;
  AccountId account;
  UserId user;

  void end(const port::PowerResult& result) const {
    const bool done = result.outcome == core::Outcome::kConfirmed;
    NewEvent event;
    event.type = "HOST.OOBM.CHANGE_PASSWORD";
    event.level = done ? EventLevel::kInfo : EventLevel::kError;
    event.description = "Password of the BMC of host " + host_name + ": " + told(result);
    event.account = account;
    event.user = user;
    event.resource_type = "Host";
    event.resource_uuid = host_uuid;
    engine.note_event(std::move(event));
    if (!done) {
      engine.finish_job(job, core::JobStatus::kFailed, failed_job(530, told(result)));
      return;
    }
    Object row;
    row.set("hostid", Value(host_uuid)).set("status", Value(true));
    row.set_text("description", result.text);
    engine.finish_job(job, core::JobStatus::kSucceeded,
                      done_job(single_body("outofbandmanagement", std::move(row))));
  }
  [[nodiscard]] static std::string told(const port::PowerResult& result) {
    switch (result.outcome) {
      case core::Outcome::kConfirmed:
        return "changed";
      case core::Outcome::kFailed:
        return "not changed: " + result.text;
      case core::Outcome::kUnknown:
        if (result.error == ErrorKind::kConflict)  // neither of the two passwords was kept
          return "whether it was changed is not known: " + result.text;
        return "whether it was changed is not known, both are kept, the next login decides: " +
               result.text;
    }
    MOLD_UNREACHABLE();
  }
};

ApiResult<BegunJob> change_password(Call& call) {
  constexpr Duration kChangeDeadline{30'000};
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  if (!host->oobm.configured || !host->oobm.enabled) {
    return refuse(invalid_parameter(
        "Out-of-band management is not configured or enabled for host " + host->name));
  }
  const HostId id = host->id;
  call.about("Host", host->uuid, "Changing the password of the BMC of host " + host->name);
  const std::string given = call.params().text("password");
  const Secret fresh = given.empty() ? make_bmc_password() : Secret(given);
  PowerService& power = call.services().power;
  if (const Status may = power.check_change_password(id, fresh); !may)
    return refuse(from_error(may.error()));
  const std::string uuid = host->uuid;
  const std::string name = host->name;
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, id));
  const PasswordChange change{call.engine(),     job.id, uuid, name, call.caller().account,
                              call.caller().user};
  const Status begun =
      power.change_password(id, fresh, kChangeDeadline,
                            [change](const port::PowerResult& result) { change.end(result); });
  if (!begun) {
    const ApiError why = from_error(begun.error());
    end_job_failed(call, job.id, why.status, why.text);
  }
  return BegunJob{job.uuid, {}};
}

void add_oobm_switches(CommandTable& table, const ParamSpec& host) {
  const ParamSpec cluster{"clusterid", ParamType::kUuid, kRequired, "the ID of the cluster"};
  const ParamSpec zone{"zoneid", ParamType::kUuid, kRequired, "the ID of the zone"};
  const std::string_view object = "outofbandmanagement";
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
}

}  // namespace

void add_oobm_commands(CommandTable& table) {
  const ParamSpec host{"hostid", ParamType::kUuid, kRequired, "the ID of the host"};
  const std::string_view object = "outofbandmanagement";
  table.add({"configureOutOfBandManagement",
             "Sets the BMC of a host",
             object,
             kOobmFields,
             {host,
              {"driver", ParamType::kText, kRequired, "ipmitool, redfish, ..."},
              {"address", ParamType::kText, kRequired, "address of the BMC"},
              {"port", ParamType::kText, kRequired, "port of the BMC, e.g. 623"},
              {"username", ParamType::kText, kRequired, "user of the BMC"},
              {"password", ParamType::kText, kRequired, "its password; kept sealed", kUsualLength,
               kSecret},
              {"details", ParamType::kMap, kOptional, "options of the driver; never a secret"}},
             Change{configure_oobm},
             "HOST.OOBM.CONFIGURE"});
  add_oobm_switches(table, host);
  table.add({"issueOutOfBandManagementPowerAction",
             "Acts on the power of a host",
             object,
             kOobmFields,
             {host,
              {"action", ParamType::kText, kRequired, "ON, OFF, CYCLE, RESET, SOFT, STATUS"},
              {"timeout", ParamType::kInteger, kOptional,
               "seconds, at most 300; else outofbandmanagement.action.timeout"}},
             power_action,
             "HOST.OOBM.ACTION"});
  table.add({"changeOutOfBandManagementPassword",
             "Changes the password on the BMC of a host, then in the store",
             object,
             "hostid:string status:boolean description:string",
             {host,
              {"password", ParamType::kText, kOptional,
               "the new one; 16 random characters when not given", kUsualLength, kSecret}},
             change_password,
             "HOST.OOBM.CHANGE_PASSWORD"});
}

}  // namespace mold::manager::api
