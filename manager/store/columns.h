#pragma once
// One list of columns per row type, walked by three visitors: ColumnNames (builds the SQL), Binder
// (writes) and RowReader (reads), so that a field cannot be written without being read. Used inside
// the store only. Lane thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/runtime/sqlite.h"
#include "manager/store/names.h"

namespace mold::manager {

template <class T>
concept StoredEnum = requires(T value, std::string_view text) {
  stored_name(value);
  parse_stored(text, value);
};

class ColumnNames {
 public:
  template <class T>
  void operator()(std::string_view name, T&) {
    names.emplace_back(name);
  }
  std::vector<std::string> names;
};

class Binder {
 public:
  explicit Binder(runtime::Statement& statement) : statement_(statement) {}

  void operator()(std::string_view, const std::string& v) {
    statement_.bind(next_++, std::string_view(v));
  }
  void operator()(std::string_view, const bool& v) { integer(v ? 1 : 0); }
  void operator()(std::string_view, const int& v) { integer(v); }
  void operator()(std::string_view, const std::uint32_t& v) { integer(v); }
  // Bit by bit: what an agent may say (incarnation) uses the whole range.
  void operator()(std::string_view, const std::uint64_t& v) {
    integer(static_cast<std::int64_t>(v));
  }
  void operator()(std::string_view, const WallTime& v) { integer(v.ms); }
  void operator()(std::string_view, const std::optional<WallTime>& v) {
    if (v)
      integer(v->ms);
    else
      statement_.bind_null(next_++);
  }
  void operator()(std::string_view, const core::JobStatus& v) { integer(static_cast<int>(v)); }
  void operator()(std::string_view name, const std::vector<std::string>& v) {
    (*this)(name, list_text(v));
  }
  void operator()(std::string_view name, const Details& v) { (*this)(name, details_text(v)); }
  template <class Tag>
  void operator()(std::string_view, const StrongId<Tag>& v) {
    integer(static_cast<std::int64_t>(v.value));
  }
  template <StoredEnum T>
  void operator()(std::string_view, const T& v) {
    statement_.bind(next_++, stored_name(v));
  }
  void none() { statement_.bind_null(next_++); }

 private:
  void integer(std::int64_t v) { statement_.bind(next_++, v); }
  runtime::Statement& statement_;
  int next_ = 1;
};

class RowReader {
 public:
  explicit RowReader(const runtime::Statement& statement) : statement_(statement) {}

  void operator()(std::string_view, std::string& v) { v = statement_.text(next_++); }
  void operator()(std::string_view, bool& v) { v = integer() != 0; }
  void operator()(std::string_view, int& v) { v = static_cast<int>(integer()); }
  void operator()(std::string_view, std::uint32_t& v) { v = static_cast<std::uint32_t>(integer()); }
  void operator()(std::string_view, std::uint64_t& v) { v = static_cast<std::uint64_t>(integer()); }
  void operator()(std::string_view, WallTime& v) { v.ms = integer(); }
  void operator()(std::string_view, std::optional<WallTime>& v) {
    v.reset();
    if (statement_.is_null(next_))
      ++next_;
    else
      v = WallTime{integer()};
  }
  void operator()(std::string_view name, core::JobStatus& v) {
    const std::int64_t number = integer();
    if (number < 0 || number > 2)
      complain(name);
    else
      v = static_cast<core::JobStatus>(number);
  }
  void operator()(std::string_view name, std::vector<std::string>& v) {
    if (!parse_list(statement_.text(next_++), v)) complain(name);
  }
  void operator()(std::string_view name, Details& v) {
    if (!parse_details(statement_.text(next_++), v)) complain(name);
  }
  template <class Tag>
  void operator()(std::string_view, StrongId<Tag>& v) {
    v.value = static_cast<std::uint64_t>(integer());
  }
  template <StoredEnum T>
  void operator()(std::string_view name, T& v) {
    if (!parse_stored(statement_.text(next_++), v)) complain(name);
  }
  // Text of the next column, empty when it is null.
  [[nodiscard]] std::optional<std::string> optional_text() {
    return statement_.optional_text(next_++);
  }
  // The first column that could not be understood, empty when all were.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  void complain(std::string_view name) {
    if (problem_.empty()) problem_ = std::string(name);
  }

 private:
  std::int64_t integer() { return statement_.integer(next_++); }
  const runtime::Statement& statement_;
  int next_ = 0;
  std::string problem_;
};

// Specialised for every row type: table, key and columns() in the order of the SQL.
template <class Record>
struct RowOf;

template <class Record>
std::vector<std::string> column_names() {
  ColumnNames names;
  Record record{};
  RowOf<Record>::columns(names, record);
  return std::move(names.names);
}

// Both forms name every column; the key comes first.
std::string upsert_sql(std::string_view table, const std::vector<std::string>& names,
                       std::size_t key_columns = 1);
std::string select_sql(std::string_view table, const std::vector<std::string>& names,
                       std::string_view rest);

}  // namespace mold::manager
