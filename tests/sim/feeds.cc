#include "tests/sim/feeds.h"

#include <algorithm>

#include "tests/sim/world.h"

namespace mold::sim {

void Feeds::begin(World& world) {
  world_ = &world;
  outlets_.assign(world.hosts.size(), {});
  for (std::size_t h = 0; h < outlets_.size(); ++h)
    outlets_[h].resize(static_cast<std::size_t>(world.plan().hosts[h].feeds));
}

std::vector<core::FenceLevel> Feeds::levels(std::size_t host) const {
  if (outlets_[host].empty()) return {};
  core::FenceLevel level{2, {}};
  for (std::size_t f = 0; f < outlets_[host].size(); ++f)
    level.devices.emplace_back((host + 1) * 10 + f);
  return {level};
}

void Feeds::set_dead(std::size_t host, std::size_t feed, int by) {
  if (!outlets_[host].empty()) outlets_[host][feed % outlets_[host].size()].dead += by;
}

bool Feeds::dead(DeviceId device) const {
  return outlet(device).dead > 0;
}

bool Feeds::is_off(const Outlet& outlet) const {
  if (outlet.off_at == 0) return false;
  if (outlet.back_after == 0) return true;
  return world_->now < std::max(outlet.off_at, outlet.read_at) + outlet.back_after;
}

bool Feeds::read_off(DeviceId device) {
  Outlet& read = outlet(device);
  const bool off = is_off(read);
  if (off) read.read_at = world_->now;
  return off;
}

void Feeds::switch_off(DeviceId device) {
  const std::size_t host = host_of(device);
  Outlet& cut = outlet(device);
  if (!is_off(cut)) {
    cut.off_at = world_->now;
    cut.read_at = 0;
    const bool comes_back =
        world_->draw(0, 9, Draw::kRepair, host + 1, device.value) < 4 && !world_->healed;
    cut.back_after = comes_back ? world_->plan().policy.fence_reading_fresh.count() +
                                      world_->draw(500, 20'000, Draw::kRepair, host + 1, 99)
                                : 0;
  }
  if (all_off(host)) world_->hosts[host].power_off("loses its last power feed");
}

void Feeds::switch_on(std::size_t host) {
  for (Outlet& outlet : outlets_[host]) outlet.off_at = 0;
}

void Feeds::heal_all() {
  for (std::vector<Outlet>& host : outlets_) host.assign(host.size(), {});
}

bool Feeds::all_off(std::size_t host) const {
  const auto& all = outlets_[host];
  return !all.empty() && std::all_of(all.begin(), all.end(),
                                     [this](const Outlet& outlet) { return is_off(outlet); });
}

}  // namespace mold::sim
