#pragma once
// SQLite with owners and Results. One Database belongs to one thread at a time (usually a lane with
// one thread); it blocks, so it stays off the loop unless the file is small and local. Statements
// die before their database. Tables are expected to be STRICT.
//
// Errors: kBusy (locked by another, or "disk full"), kCorrupt, kConflict (constraint), kDenied,
// kUnsupported (written by a newer program), kUnavailable (I/O error), kInternal (our own SQL).
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace mold::runtime {

enum class SqliteSync : std::uint8_t {
  kFull,   // every commit is synced; WAL
  kExtra,  // also the directory after a journal is removed
};

struct SqliteOptions {
  SqliteSync sync = SqliteSync::kFull;
  Duration busy_timeout{2'000};
  bool read_only = false;
  std::string vfs;  // e.g. "ceph"; empty: the default. WAL only with the default
};

class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters count from 1; chainable. A failed bind is told by the next step().
  template <std::integral T>
  Statement& bind(int index, T value) {
    return bind_integer(index, static_cast<std::int64_t>(value));
  }
  Statement& bind_integer(int index, std::int64_t value);
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, const char* text) { return bind(index, std::string_view(text)); }
  Statement& bind(int index, const std::string& text) {
    return bind(index, std::string_view(text));
  }
  Statement& bind_blob(int index, std::string_view bytes);
  Statement& bind_null(int index);
  Statement& bind(int index, const std::optional<std::int64_t>& value);
  Statement& bind(int index, const std::optional<std::string>& text);

  // True: a row is there. False: done.
  Result<bool> step();
  // For statements without rows: runs to the end and resets, so that it can be bound again.
  Status run();
  // Ready to be bound and stepped again; bindings are cleared.
  void reset();

  // Columns count from 0, REQUIRES step() said true.
  [[nodiscard]] int columns() const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::string blob(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;

 private:
  friend class Database;
  Statement(sqlite3* db, sqlite3_stmt* raw) : db_(db), raw_(raw) {}
  void note(int code);
  sqlite3* db_ = nullptr;
  sqlite3_stmt* raw_ = nullptr;
  int bind_error_ = 0;
};

class Database {
 public:
  // Creates the file (mode 0600) when it is not there and not read_only. ":memory:" works.
  static Result<Database> open(const std::string& path, const SqliteOptions& options = {});
  Database(Database&& other) noexcept;
  Database& operator=(Database&& other) noexcept;
  ~Database();

  Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters, rows are dropped.
  Status execute(const std::string& sql);
  [[nodiscard]] std::int64_t last_insert_id() const;
  [[nodiscard]] std::int64_t changes() const;  // rows changed by the last statement
  Result<std::int64_t> user_version();
  // PRAGMA quick_check; kCorrupt with the first complaint.
  Status quick_check();
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] sqlite3* raw() const { return db_; }

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  sqlite3* db_ = nullptr;
};

// BEGIN IMMEDIATE ... COMMIT; rolls back when it dies without commit(). Not to be nested.
class Transaction {
 public:
  static Result<Transaction> begin(Database& db);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // After a failed commit everything is rolled back.
  Status commit();
  void rollback();

 private:
  explicit Transaction(Database& db) : db_(&db) {}
  Database* db_;
};

// One step of a schema. Versions count up from 1 without gaps; a released step never changes.
struct Migration {
  std::int64_t version;
  std::string_view name;
  std::string_view sql;
};

// Brings the database from its user_version to the last step, each step in its own transaction.
// kUnsupported when the database is newer than the program; kInvalid when the steps have gaps.
Status migrate(Database& db, std::span<const Migration> steps);

}  // namespace mold::runtime
