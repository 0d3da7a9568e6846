// Fence devices of PowerService: the records, and the ladder that the brain is told.
#include <map>
#include <utility>

#include "manager/power/power_service.h"

namespace mold::manager {

core::FenceDevicesSet fence_ladder(const Inventory& inventory, HostId host) {
  std::map<int, std::vector<DeviceId>> levels;
  for (const FenceDevice* const device : inventory.fence_devices_of(host)) {
    if (device->enabled) levels[device->level].push_back(device->id);
  }
  core::FenceDevicesSet set;
  set.host = host;
  for (auto& [level, devices] : levels) set.levels.push_back({level, std::move(devices)});
  return set;
}

void PowerService::tell_ladder(HostId host) {
  engine_.submit(fence_ladder(inventory_, host));
}

void PowerService::tell_ladders() {
  for (const auto& [id, host] : inventory_.hosts().all()) {
    if (is_live(host) && !inventory_.fence_devices_of(id).empty()) tell_ladder(id);
  }
}

Result<FenceDevice> PowerService::add_device(FenceDevice device, const Secret& password) {
  MOLD_TRY(FenceDevice added, targets_.add(std::move(device), password));
  settings_changed({added.host, added.id});  // so that it is drilled at once
  tell_ladder(added.host);
  return added;
}

Status PowerService::update_device(FenceDevice device, const std::optional<Secret>& password) {
  const Feed feed{device.host, device.id};
  const FenceDevice* const before = inventory_.fence_devices().find(device.id);
  const bool goes = before != nullptr && before->enabled && !device.enabled;
  MOLD_TRY(const bool changed, targets_.update(std::move(device), password));
  if (changed) {
    settings_changed(feed);
  } else if (goes) {
    switched_off(feed);
  }
  tell_ladder(feed.host);
  return {};
}

// What waits in its line is answered when its turn comes: there is no such device any more.
Status PowerService::remove_device(DeviceId device) {
  const FenceDevice* const found = inventory_.fence_devices().find(device);
  if (found == nullptr) return fail(ErrorKind::kNotFound, "no such fence device");
  const Feed feed{found->host, device};
  MOLD_TRY_VOID(inventory_.remove(device));
  settings_changed(feed);
  tell_ladder(feed.host);
  return {};
}

}  // namespace mold::manager
