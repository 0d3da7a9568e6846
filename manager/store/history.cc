#include "manager/store/history.h"

#include <algorithm>
#include <limits>

#include "manager/store/row_columns.h"

namespace mold::manager {
namespace {

std::int64_t at_most_sql(std::uint64_t value) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(value, kMost));
}

// The same text for counting and for reading; parameters are bound in bind_where().
std::string where(const EventFilter& filter) {
  std::string text = "WHERE id > ?1 AND created >= ?2 AND created <= ?3";
  if (!filter.type.empty()) text += " AND type = ?4";
  if (filter.level) text += " AND level = ?5";
  if (!filter.keyword.empty()) text += " AND instr(lower(description), lower(?6)) > 0";
  if (!filter.uuid.empty()) text += " AND uuid = ?7";
  if (!filter.resource_uuid.empty()) text += " AND resource_uuid = ?8";
  return text;
}

void bind_where(runtime::Statement& statement, const EventFilter& filter) {
  constexpr auto kLongAgo = std::numeric_limits<std::int64_t>::min();
  constexpr auto kFarAhead = std::numeric_limits<std::int64_t>::max();
  statement.bind(1, at_most_sql(filter.after_id));
  statement.bind(2, filter.from ? filter.from->ms : kLongAgo);
  statement.bind(3, filter.to ? filter.to->ms : kFarAhead);
  if (!filter.type.empty()) statement.bind(4, std::string_view(filter.type));
  if (filter.level) statement.bind(5, to_string(*filter.level));
  if (!filter.keyword.empty()) statement.bind(6, std::string_view(filter.keyword));
  if (!filter.uuid.empty()) statement.bind(7, std::string_view(filter.uuid));
  if (!filter.resource_uuid.empty()) statement.bind(8, std::string_view(filter.resource_uuid));
}

template <class Record>
Result<std::vector<Record>> read_rows(runtime::Statement& statement) {
  std::vector<Record> rows;
  for (;;) {
    MOLD_TRY(const bool more, statement.step());
    if (!more) return rows;
    Record record{};
    RowReader reader(statement);
    RowOf<Record>::columns(reader, record);
    if (!reader.problem().empty())
      return fail(ErrorKind::kCorrupt, "column " + reader.problem() + " makes no sense");
    rows.push_back(std::move(record));
  }
}

}  // namespace

Result<EventPage> find_events(runtime::Database& db, const EventFilter& filter) {
  EventPage page;
  MOLD_TRY(runtime::Statement counting, db.prepare("SELECT count(*) FROM events " + where(filter)));
  bind_where(counting, filter);
  MOLD_TRY(const bool counted, counting.step());
  if (counted) page.total = static_cast<std::uint64_t>(counting.integer(0));
  const std::string order = filter.oldest_first ? " ORDER BY id" : " ORDER BY id DESC";
  MOLD_TRY(runtime::Statement reading,
           db.prepare(select_sql("events", column_names<EventRecord>(),
                                 where(filter) + order + " LIMIT ?9 OFFSET ?10")));
  bind_where(reading, filter);
  reading.bind(9, at_most_sql(filter.limit)).bind(10, at_most_sql(filter.offset));
  MOLD_TRY(page.events, read_rows<EventRecord>(reading));
  return page;
}

Result<std::vector<EvidenceRecord>> find_evidence(runtime::Database& db,
                                                  const EvidenceFilter& filter) {
  MOLD_TRY(runtime::Statement reading,
           db.prepare(select_sql("evidence", column_names<EvidenceRecord>(),
                                 "WHERE host = ?1 AND id > ?2 AND at >= ?3 "
                                 "ORDER BY id DESC LIMIT ?4")));
  reading.bind(1, at_most_sql(filter.host.value)).bind(2, at_most_sql(filter.after_id));
  reading.bind(3, filter.from ? filter.from->ms : std::numeric_limits<std::int64_t>::min());
  reading.bind(4, at_most_sql(filter.limit));
  MOLD_TRY(std::vector<EvidenceRecord> rows, read_rows<EvidenceRecord>(reading));
  std::reverse(rows.begin(), rows.end());
  return rows;
}

}  // namespace mold::manager
