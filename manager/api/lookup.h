#pragma once
// Ids of a call turned into records. An id that names nothing is 431 in the peers' words, for
// filters too: a list filtered by an unknown zone is an error, not an empty list. Loop thread only;
// pointers live until the next change of that table.
#include <string_view>

#include "manager/api/call.h"

namespace mold::manager::api {

// REQUIRES the parameter is a required uuid. Tombstones are not found.
template <class Id, class Record>
ApiResult<const Record*> find_named(const Call& call, const RecordTable<Id, Record>& table,
                                    std::string_view param) {
  const Record* record = table.find_live_uuid(call.params().text(param));
  if (record == nullptr) return refuse(call.params().unknown(param));
  return record;
}

// Null when the parameter was not given.
template <class Id, class Record>
ApiResult<const Record*> find_optional(const Call& call, const RecordTable<Id, Record>& table,
                                       std::string_view param) {
  if (!call.params().has(param)) return static_cast<const Record*>(nullptr);
  return find_named(call, table, param);
}

// True when the filter was not given or names this very record.
template <class Record>
bool same_or_any(const Record* filter, const Record* record) {
  return filter == nullptr || (record != nullptr && filter->id == record->id);
}

// Where things stand. Null while something is missing (an old tombstone).
struct Place {
  const Cluster* cluster = nullptr;
  const Pod* pod = nullptr;
  const Zone* zone = nullptr;
};
Place place_of(const Inventory& inventory, ClusterId cluster);

// Filters zoneid, podid, clusterid of a list, as far as the command declares them.
struct PlaceFilter {
  const Zone* zone = nullptr;
  const Pod* pod = nullptr;
  const Cluster* cluster = nullptr;

  [[nodiscard]] bool matches(const Place& place) const;
};
ApiResult<PlaceFilter> read_place_filter(Call& call);

// id= and ids= of a list, and name=. An id that names nothing is an error.
template <class Id, class Record>
ApiResult<void> check_ids(const Call& call, const RecordTable<Id, Record>& table) {
  auto one = find_optional(call, table, "id");
  if (!one) return refuse(one.error());
  return {};
}

// The host id of the wish "hostid", none when not given.
ApiResult<const HostRecord*> live_host(Call& call, std::string_view param);

// Enable/Enabled, Disable/Disabled in any letter case; nothing when the parameter is absent.
ApiResult<std::optional<bool>> read_allocation(const Params& params);
std::string_view allocation_name(bool enabled);

}  // namespace mold::manager::api
