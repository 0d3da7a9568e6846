#include "manager/store/columns.h"

namespace mold::manager {
namespace {

std::string joined(const std::vector<std::string>& names, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) text += (i == from ? "" : ", ") + names[i];
  return text;
}

}  // namespace

std::string upsert_sql(std::string_view table, const std::vector<std::string>& names,
                       std::size_t key_columns) {
  std::string marks;
  std::string updates;
  for (std::size_t i = 0; i < names.size(); ++i) {
    marks += (i == 0 ? "?" : ", ?") + std::to_string(i + 1);
    if (i < key_columns) continue;
    updates += (updates.empty() ? "" : ", ") + names[i] + " = excluded." + names[i];
  }
  return "INSERT INTO " + std::string(table) + " (" + joined(names, 0, names.size()) +
         ") VALUES (" + marks + ") ON CONFLICT (" + joined(names, 0, key_columns) +
         ") DO UPDATE SET " + updates;
}

std::string select_sql(std::string_view table, const std::vector<std::string>& names,
                       std::string_view rest) {
  return "SELECT " + joined(names, 0, names.size()) + " FROM " + std::string(table) + " " +
         std::string(rest);
}

}  // namespace mold::manager
