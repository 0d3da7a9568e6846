// Fence devices beside the BMC, and fence drills: our own commands.
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "manager/api/jobs.h"
#include "manager/api/lookup.h"
#include "manager/api/views.h"

namespace mold::manager::api {
namespace {

constexpr int kUsualLevel = 2;

ApiResult<int> read_level(const Params& params, int otherwise) {
  const std::int64_t level = params.integer("level").value_or(otherwise);
  if (level < 1 || level > 9) return refuse(params.wrong("level", "from 1 to 9"));
  return static_cast<int>(level);
}

// What the call says replaces what stands in `device`.
ApiResult<void> read_device(const Params& params, FenceDevice& device) {
  if (auto name = params.maybe_text("name")) device.name = std::move(*name);
  const std::string driver = to_lower(params.text("driver"));
  if (!driver.empty() && driver != device.driver) device.options.clear();
  if (!driver.empty()) device.driver = driver;
  if (auto address = params.maybe_text("address")) device.address = std::move(*address);
  if (auto port = params.maybe_text("port")) device.port = std::move(*port);
  if (auto user = params.maybe_text("username")) device.username = std::move(*user);
  if (params.has("details")) device.options = params.map("details");
  device.enabled = params.flag("enabled", device.enabled);
  MOLD_API_TRY(device.level, read_level(params, device.level));
  return {};
}

ApiResult<Value> add_device(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  const std::string host_uuid = host->uuid;
  FenceDevice device;
  device.host = host->id;
  device.level = kUsualLevel;
  const auto read = read_device(params, device);
  if (!read) return refuse(read.error());
  const std::string where = " of host " + host->name;
  const Result<FenceDevice> added =
      call.services().power.add_device(std::move(device), Secret(params.text("password")));
  if (!added) return refuse(from_error(added.error()));
  call.about("Host", host_uuid, "Added fence device " + added->name + where);
  return single_body("fencedevice", fence_device_view(call.services(), *added));
}

ApiResult<Value> update_device(Call& call) {
  const Params& params = call.params();
  MOLD_API_TRY(const FenceDevice* found, find_named(call, call.inventory().fence_devices(), "id"));
  FenceDevice device = *found;
  const auto read = read_device(params, device);
  if (!read) return refuse(read.error());
  std::optional<Secret> password;
  if (auto given = params.maybe_text("password")) password = Secret(std::move(*given));
  const Feed feed{device.host, device.id};
  const Status done = call.services().power.update_device(std::move(device), password);
  if (!done) return refuse(from_error(done.error()));
  const FenceDevice& now = *call.inventory().fence_devices().find(feed.device);
  const HostRecord* host = call.inventory().hosts().find(feed.host);
  call.about("Host", host->uuid, "Updated fence device " + now.name + " of host " + host->name);
  return single_body("fencedevice", fence_device_view(call.services(), now));
}

ApiResult<Value> remove_device(Call& call) {
  MOLD_API_TRY(const FenceDevice* found, find_named(call, call.inventory().fence_devices(), "id"));
  const HostRecord* host = call.inventory().hosts().find(found->host);
  call.about("Host", host->uuid, "Removed fence device " + found->name + " of host " + host->name);
  const Status done = call.services().power.remove_device(found->id);
  if (!done) return refuse(from_error(done.error()));
  return success_body();
}

// hostid and clusterid of a list.
struct HostsWanted {
  const HostRecord* host = nullptr;
  const Cluster* cluster = nullptr;

  [[nodiscard]] bool matches(const HostRecord* record) const {
    return record != nullptr && is_live(*record) && same_or_any(host, record) &&
           (cluster == nullptr || cluster->id == record->cluster);
  }
};

ApiResult<HostsWanted> read_hosts_wanted(Call& call) {
  HostsWanted wanted;
  MOLD_API_TRY(wanted.host, live_host(call, "hostid"));
  MOLD_API_TRY(wanted.cluster, find_optional(call, call.inventory().clusters(), "clusterid"));
  return wanted;
}

ApiResult<Value> list_devices(Call& call) {
  MOLD_API_TRY(const HostsWanted wanted, read_hosts_wanted(call));
  MOLD_API_TRY(const FenceDevice* only,
               find_optional(call, call.inventory().fence_devices(), "id"));
  return paged_list(
      call, call.inventory().fence_devices().all(),
      [&](const auto& entry) {
        return same_or_any(only, &entry.second) &&
               wanted.matches(call.inventory().hosts().find(entry.second.host)) &&
               keyword_matches(call.params(), entry.second.name);
      },
      [&call](const auto& entry) { return fence_device_view(call.services(), entry.second); });
}

ApiResult<Value> list_drills(Call& call) {
  MOLD_API_TRY(const HostsWanted wanted, read_hosts_wanted(call));
  const DrillService& drills = call.services().drills;
  std::vector<core::DrillPath> paths;
  for (const HostId host : drills.book().hosts()) {
    if (!wanted.matches(call.inventory().hosts().find(host))) continue;
    const auto more = drills.book().paths_of(host);
    paths.insert(paths.end(), more.begin(), more.end());
  }
  const Instant now = call.services().loop.now();
  return paged_list(
      call, paths, [](const core::DrillPath&) { return true; },
      [&](const core::DrillPath& path) {
        return fence_drill_view(call.inventory(), drills, path, now);
      });
}

ApiResult<BegunJob> run_drill(Call& call) {
  MOLD_API_TRY(const HostRecord* host, find_named(call, call.inventory().hosts(), "hostid"));
  const HostId id = host->id;
  call.about("Host", host->uuid, "Fence drill of host " + host->name);
  Services& services = call.services();
  if (const Status may = services.drills.check_run(id); !may)
    return refuse(from_error(may.error()));
  MOLD_API_TRY(const JobRecord job, call.open_job(core::JobKind::kOther, VmId{}, id));
  // Rooms, not the call: it may be gone when the devices have answered.
  services.drills.run_when_durable(
      id, [&engine = services.engine, &inventory = services.inventory, &drills = services.drills,
           &loop = services.loop, id, job = job.id](const Status& ran) {
        if (!ran) {
          const ApiError why = from_error(ran.error());
          engine.finish_job(job, core::JobStatus::kFailed, failed_job(why.status, why.text));
          return;
        }
        Array rows;
        for (const core::DrillPath& path : drills.book().paths_of(id)) {
          rows.emplace_back(fence_drill_view(inventory, drills, path, loop.now()));
        }
        const std::size_t total = rows.size();
        engine.finish_job(job, core::JobStatus::kSucceeded,
                          done_job(list_body("fencedrill", std::move(rows), total)));
      });
  return BegunJob{job.uuid, {}};
}

void add_device_commands(CommandTable& table) {
  const ParamSpec address{"address", ParamType::kText, kOptional, "address of the device"};
  const ParamSpec port{"port", ParamType::kText, kOptional, "its port; else the driver's own"};
  const ParamSpec user{"username", ParamType::kText, kOptional, "user of the device"};
  const ParamSpec password{"password",   ParamType::kText, kOptional, "its password; kept sealed",
                           kUsualLength, kSecret};
  const ParamSpec level{"level", ParamType::kInteger, kOptional,
                        "1 to 9, tried in this order; 1: together with the BMC. Default 2"};
  const ParamSpec name{"name", ParamType::kText, kOptional, "name of the device"};
  const ParamSpec enabled{"enabled", ParamType::kBool, kOptional, "whether it is used"};
  const ParamSpec details{"details", ParamType::kMap, kOptional,
                          "options of the driver; never a secret"};
  const ParamSpec id{"id", ParamType::kUuid, kRequired, "the ID of the fence device"};
  table.add({"addFenceDevice",
             "Adds a device that can cut a host's power, beside its BMC",
             "fencedevice",
             kFenceDeviceFields,
             {{"hostid", ParamType::kUuid, kRequired, "the ID of the host"},
              {"driver", ParamType::kText, kRequired, "ipmitool, redfish, fence_agent, ..."},
              address,
              port,
              user,
              password,
              level,
              name,
              enabled,
              details},
             Change{add_device},
             "HOST.FENCE.DEVICE.ADD"});
  table.add({"updateFenceDevice",
             "Updates a fence device; what is not given stays",
             "fencedevice",
             kFenceDeviceFields,
             {id,
              {"driver", ParamType::kText, kOptional, "another driver"},
              address,
              port,
              user,
              password,
              level,
              name,
              enabled,
              details},
             Change{update_device},
             "HOST.FENCE.DEVICE.UPDATE"});
  table.add({"removeFenceDevice",
             "Removes a fence device",
             "success",
             "success:boolean",
             {id},
             Change{remove_device},
             "HOST.FENCE.DEVICE.REMOVE"});
}

}  // namespace

void add_fence_commands(CommandTable& table) {
  const ParamSpec host{"hostid", ParamType::kUuid, kOptional, "only of this host"};
  const ParamSpec cluster{"clusterid", ParamType::kUuid, kOptional, "only of this cluster's hosts"};
  add_device_commands(table);
  table.add({"listFenceDevices",
             "Lists fence devices",
             "fencedevice",
             kFenceDeviceFields,
             {{"id", ParamType::kUuid, kOptional, "the ID of the fence device"}, host, cluster},
             list_devices,
             {},
             true});
  table.add({"listFenceDrills",
             "Lists the ways to cut hosts' power and how well they work",
             "fencedrill",
             kFenceDrillFields,
             {host, cluster},
             list_drills,
             {},
             true});
  table.add({"runFenceDrill",
             "Tries all ways to cut a host's power now, without cutting it",
             "fencedrill",
             kFenceDrillFields,
             {{"hostid", ParamType::kUuid, kRequired, "the ID of the host"}},
             run_drill,
             "HOST.FENCE.DRILL"});
}

}  // namespace mold::manager::api
