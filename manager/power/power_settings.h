#pragma once
// Settings of manager/power that may be changed while the manager runs (updateConfiguration): name,
// default and bounds in one table. Names are CloudStack's where it has them. A value lives in the
// store only when it was set. Loop thread only.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/time.h"
#include "manager/inventory/inventory.h"

namespace mold::manager {

struct PowerSetting {
  std::string_view name;
  std::int64_t fallback = 0;
  std::int64_t least = 0;
  std::int64_t most = 0;
  std::string_view description;
};

inline constexpr std::string_view kActionTimeout = "outofbandmanagement.action.timeout";
inline constexpr std::string_view kPollInterval =
    "outofbandmanagement.background.task.execution.interval";
inline constexpr std::string_view kPollPool = "outofbandmanagement.sync.poolsize";
inline constexpr std::string_view kDrillInterval = "fence.drill.interval";
inline constexpr std::string_view kDrillRetryInterval = "fence.drill.retry.interval";
inline constexpr std::string_view kIdentityEnforced = "fence.identity.enforced";
inline constexpr std::string_view kDrillPool = "fence.drill.poolsize";

std::span<const PowerSetting> power_settings();
// Null when there is no setting of that name.
const PowerSetting* find_power_setting(std::string_view name);
// `name` is one of the table: CHECK.
std::int64_t power_setting(const Inventory& inventory, std::string_view name);
Duration power_setting_seconds(const Inventory& inventory, std::string_view name);
// kNotFound, kInvalid, kUnavailable.
Status set_power_setting(Inventory& inventory, const std::string& name, const std::string& value);

}  // namespace mold::manager
