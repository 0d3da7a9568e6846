// Fence devices and drills as clients see them.
#include "lib/base/check.h"
#include "manager/api/envelope.h"
#include "manager/api/views.h"

namespace mold::manager::api {

const std::string_view kFenceDeviceFields =
    "id:string hostid:string hostname:string name:string level:integer driver:string "
    "address:string port:string username:string enabled:boolean powerstate:string "
    "drillscore:integer drillstate:string drillreason:string created:date details:map";
const std::string_view kFenceDrillFields =
    "hostid:string hostname:string deviceid:string devicename:string level:integer "
    "executorid:string executorname:string state:string score:integer reason:string age:long "
    "nextin:long trials:integer powerstate:string identity:string chosen:boolean "
    "trusted:boolean";

namespace {

std::int64_t whole_seconds(Duration time) {
  return time.count() < 0 ? 0 : time.count() / 1000;
}

}  // namespace

Object fence_device_view(const Services& services, const FenceDevice& device) {
  Object row;
  row.set("id", Value(device.uuid));
  if (const HostRecord* host = services.inventory.hosts().find(device.host)) {
    row.set("hostid", Value(host->uuid)).set("hostname", Value(host->name));
  }
  row.set("name", Value(device.name)).set("level", Value(device.level));
  row.set("driver", Value(device.driver));
  row.set_text("address", device.address);
  row.set_text("port", device.port);
  row.set_text("username", device.username);
  row.set("enabled", Value(device.enabled));
  const PowerService::Reading* reading = services.power.latest(Feed{device.host, device.id});
  row.set("powerstate", Value(power_state_name(reading == nullptr ? core::PowerState::kUnknown
                                                                  : reading->state)));
  const core::DrillView drill =
      services.drills.book().device_view(device.host, device.id, services.loop.now());
  row.set("drillscore", Value(drill.score)).set("drillstate", Value(core::to_string(drill.state)));
  row.set_text("drillreason", drill.reason);
  row.set("created", Value(api_time(device.created)));
  Object details;
  for (const auto& [name, value] : device.options) details.set(name, Value(value));
  if (!details.empty()) row.set("details", Value(std::move(details)));
  return row;
}

Object fence_drill_view(const Inventory& inventory, const DrillService& drills,
                        const core::DrillPath& path, Instant now) {
  Object row;
  if (const HostRecord* host = inventory.hosts().find(path.host)) {
    row.set("hostid", Value(host->uuid)).set("hostname", Value(host->name));
  }
  const FenceDevice* device = inventory.fence_devices().find(path.device);
  if (device != nullptr) row.set("deviceid", Value(device->uuid));
  row.set("devicename", Value(device == nullptr ? std::string("BMC") : device->name));
  row.set("level", Value(device == nullptr ? 1 : device->level));
  const HostRecord* executor = inventory.hosts().find(path.executor);
  if (executor != nullptr) row.set("executorid", Value(executor->uuid));
  row.set("executorname", Value(executor == nullptr ? std::string("manager") : executor->name));
  const core::DrillView view = drills.book().view(path, now);
  row.set("state", Value(core::to_string(view.state))).set("score", Value(view.score));
  row.set_text("reason", view.reason);
  if (view.last) row.set("age", Value(whole_seconds(now - *view.last)));
  if (view.next) row.set("nextin", Value(whole_seconds(*view.next - now)));
  row.set("trials", Value(std::uint64_t{view.trials}));
  row.set("powerstate", Value(power_state_name(view.power)));
  row.set("identity", Value(core::to_string(view.identity)));
  row.set("chosen", Value(drills.choose(Feed{path.host, path.device}) == path.executor));
  row.set("trusted", Value(drills.veto(Feed{path.host, path.device}).empty()));
  return row;
}

void add_fence_drill(Object& row, const DrillService& drills, HostId host, Instant now) {
  const std::optional<core::DrillView> view = drills.book().host_view(host, now);
  if (!view) return;
  row.set("fencedrillscore", Value(view->score));
  row.set("fencedrillstate", Value(core::to_string(view->state)));
  if (view->last) row.set("fencedrillage", Value(whole_seconds(now - *view->last)));
  row.set_text("fencedrillreason", view->reason);
}

}  // namespace mold::manager::api
