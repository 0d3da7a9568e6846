#include "manager/api/lookup.h"

#include "lib/base/text.h"

namespace mold::manager::api {

Place place_of(const Inventory& inventory, ClusterId cluster) {
  Place place;
  place.cluster = inventory.clusters().find(cluster);
  if (place.cluster != nullptr) place.pod = inventory.pods().find(place.cluster->pod);
  if (place.pod != nullptr) place.zone = inventory.zones().find(place.pod->zone);
  return place;
}

bool PlaceFilter::matches(const Place& place) const {
  return same_or_any(zone, place.zone) && same_or_any(pod, place.pod) &&
         same_or_any(cluster, place.cluster);
}

ApiResult<PlaceFilter> read_place_filter(Call& call) {
  PlaceFilter filter;
  MOLD_API_TRY(filter.zone, find_optional(call, call.inventory().zones(), "zoneid"));
  MOLD_API_TRY(filter.pod, find_optional(call, call.inventory().pods(), "podid"));
  MOLD_API_TRY(filter.cluster, find_optional(call, call.inventory().clusters(), "clusterid"));
  return filter;
}

ApiResult<const HostRecord*> live_host(Call& call, std::string_view param) {
  return find_optional(call, call.inventory().hosts(), param);
}

ApiResult<std::optional<bool>> read_allocation(const Params& params) {
  const std::string text = params.text("allocationstate");
  if (text.empty()) return std::optional<bool>();
  if (iequals(text, "Enable") || iequals(text, "Enabled")) return std::optional<bool>(true);
  if (iequals(text, "Disable") || iequals(text, "Disabled")) return std::optional<bool>(false);
  return refuse(params.wrong("allocationstate", "write Enabled or Disabled"));
}

std::string_view allocation_name(bool enabled) {
  return enabled ? "Enabled" : "Disabled";
}

}  // namespace mold::manager::api
