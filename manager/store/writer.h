#pragma once
// Writes a WriteSet in one transaction. Owns the writing connection and its prepared statements;
// lives on the writing lane after start. Errors are those of lib/runtime/sqlite.h; after an error
// nothing of the set is in the file.
#include <cstdint>
#include <map>
#include <string>

#include "lib/base/result.h"
#include "lib/runtime/sqlite.h"
#include "manager/store/store.h"

namespace mold::manager {

class RowWriter {
 public:
  struct Bounds {
    std::uint64_t evidence_per_host = 2000;
    std::uint64_t events_kept = 200'000;
  };
  RowWriter(runtime::Database db, Bounds bounds) : db_(std::move(db)), bounds_(bounds) {}

  Status write(const WriteSet& set);
  [[nodiscard]] runtime::Database& database() { return db_; }

 private:
  Status write_core(const CoreRows& rows);
  Status write_core_host(const core::Host& host);
  Status write_core_vm(const core::Vm& vm);
  Status write_row(const RowChange& change);
  Status remove_row(const RowRemoved& removed);
  Status purge_tokens(const TokensPurged& purge);
  Status end_doubt(const DoubtEnded& ended);
  Status remove_pool_key(const PoolKeyRemoved& removed);
  Status trim();
  template <class Record>
  Status put(const Record& record);
  Status erase(std::string_view table, std::uint64_t id, std::string_view key = "id");
  // A prepared statement, made once.
  Result<runtime::Statement*> statement(const std::string& sql);

  runtime::Database db_;
  Bounds bounds_;
  std::map<std::string, runtime::Statement, std::less<>> statements_;
  std::map<std::string_view, std::string> upserts_;  // by table
  std::map<HostId, std::uint64_t> evidence_since_trim_;
  std::uint64_t events_since_trim_ = 0;
  std::uint64_t newest_event_ = 0;
};

}  // namespace mold::manager
