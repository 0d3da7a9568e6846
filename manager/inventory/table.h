#pragma once
// Records of one kind in memory, by id (ordered) and by uuid. Loop thread only.
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/text.h"

namespace mold::manager {

// False for tombstones.
template <class Record>
[[nodiscard]] bool is_live(const Record& record) {
  if constexpr (requires { record.removed; }) return !record.removed.has_value();
  return true;
}

template <class Id, class Record>
class RecordTable {
 public:
  [[nodiscard]] const Record* find(Id id) const {
    const auto it = rows_.find(id);
    return it == rows_.end() ? nullptr : &it->second;
  }
  // Any letter case.
  [[nodiscard]] const Record* find_uuid(std::string_view uuid) const {
    const auto it = by_uuid_.find(to_lower(uuid));
    return it == by_uuid_.end() ? nullptr : find(it->second);
  }
  // The same without tombstones.
  [[nodiscard]] const Record* find_live(Id id) const { return live_or_none(find(id)); }
  [[nodiscard]] const Record* find_live_uuid(std::string_view uuid) const {
    return live_or_none(find_uuid(uuid));
  }
  [[nodiscard]] const std::map<Id, Record>& all() const { return rows_; }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  // For the Inventory alone.
  void put(Record record) {
    by_uuid_[record.uuid] = record.id;
    const Id id = record.id;
    rows_.insert_or_assign(id, std::move(record));
  }
  void erase(Id id) {
    const auto it = rows_.find(id);
    if (it == rows_.end()) return;
    by_uuid_.erase(it->second.uuid);
    rows_.erase(it);
  }

 private:
  static const Record* live_or_none(const Record* record) {
    return record != nullptr && is_live(*record) ? record : nullptr;
  }
  std::map<Id, Record> rows_;
  std::map<std::string, Id, std::less<>> by_uuid_;
};

}  // namespace mold::manager
