#include "manager/power/power_settings.h"

#include <algorithm>
#include <array>

#include "lib/base/check.h"
#include "lib/base/text.h"

namespace mold::manager {
namespace {

constexpr std::int64_t kDay = 24LL * 60 * 60;

constexpr std::array kTable{
    PowerSetting{kActionTimeout, 60, 1, 300,
                 "seconds for one power action of a person, read-back included"},
    PowerSetting{kPollInterval, 30, 1, kDay, "seconds between two readings of a host's power"},
    PowerSetting{kPollPool, 50, 1, 1000, "BMCs that are read at the same time"},
    PowerSetting{kDrillInterval, 600, 10, kDay,
                 "seconds between two fence drills of a path that works"},
    PowerSetting{kDrillRetryInterval, 60, 5, kDay,
                 "seconds between two fence drills of a path that does not work"},
    PowerSetting{kIdentityEnforced, 1, 0, 1,
                 "1: a device of which a drill says that it is another machine's is not used"},
    PowerSetting{kDrillPool, 10, 1, 1000, "fence drills at the same time"},
};

}  // namespace

std::span<const PowerSetting> power_settings() {
  return kTable;
}

const PowerSetting* find_power_setting(std::string_view name) {
  const auto* const found = std::find_if(
      kTable.begin(), kTable.end(), [name](const PowerSetting& row) { return row.name == name; });
  return found == kTable.end() ? nullptr : found;
}

std::int64_t power_setting(const Inventory& inventory, std::string_view name) {
  const PowerSetting* const spec = find_power_setting(name);
  MOLD_CHECK(spec != nullptr, name);
  // What an older or newer version stored may lie outside of today's bounds.
  const auto stored = parse_number<std::int64_t>(inventory.setting(name));
  return std::clamp(stored.value_or(spec->fallback), spec->least, spec->most);
}

Duration power_setting_seconds(const Inventory& inventory, std::string_view name) {
  return Duration{power_setting(inventory, name) * 1'000};
}

Status set_power_setting(Inventory& inventory, const std::string& name, const std::string& value) {
  const PowerSetting* const spec = find_power_setting(name);
  if (spec == nullptr) return fail(ErrorKind::kNotFound, "no such setting");
  const auto number = parse_number<std::int64_t>(trim(value));
  if (!number || *number < spec->least || *number > spec->most) {
    return fail(ErrorKind::kInvalid, "value: must be a whole number from " +
                                         std::to_string(spec->least) + " to " +
                                         std::to_string(spec->most));
  }
  return inventory.set_setting(name, std::to_string(*number));
}

}  // namespace mold::manager
