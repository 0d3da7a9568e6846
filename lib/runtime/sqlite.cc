#include "lib/runtime/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/unique_fd.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {
namespace {

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
      return ErrorKind::kBusy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorKind::kCorrupt;
    case SQLITE_CONSTRAINT:
      return ErrorKind::kConflict;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return ErrorKind::kDenied;
    case SQLITE_CANTOPEN:
      return ErrorKind::kUnavailable;
    case SQLITE_IOERR:
      return ErrorKind::kUnavailable;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
    case SQLITE_MISMATCH:
      return ErrorKind::kInvalid;
    case SQLITE_INTERRUPT:
    case SQLITE_ABORT:
      return ErrorKind::kCancelled;
    default:
      return ErrorKind::kInternal;
  }
}

Error sqlite_error(sqlite3* db, int code, std::string_view doing) {
  std::string text(doing);
  if ((code & 0xff) == SQLITE_FULL) {
    text += ": disk full";
  } else {
    // The handle's own message names the table and column; without it, the code's name must do.
    const bool own = db != nullptr && (sqlite3_errcode(db) & 0xff) == (code & 0xff);
    text += std::string(": ") + (own ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  }
  return {kind_of(code), std::move(text)};
}

int as_int(std::size_t size) {
  MOLD_CHECK(size <= 0x7fffffff, "a value too long for SQLite");
  return static_cast<int>(size);
}

// SQLite would make the file readable for all; it holds secrets, sealed ones and names.
Status make_private_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  return {};
}

Status configure(Database& db, const SqliteOptions& options) {
  MOLD_TRY_VOID(db.execute("PRAGMA foreign_keys=ON"));
  if (options.read_only) return {};
  if (options.vfs.empty()) MOLD_TRY_VOID(db.execute("PRAGMA journal_mode=WAL"));
  return db.execute(options.sync == SqliteSync::kExtra ? "PRAGMA synchronous=EXTRA"
                                                       : "PRAGMA synchronous=FULL");
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), raw_(std::exchange(other.raw_, nullptr)), bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(raw_, other.raw_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(raw_);
}

void Statement::note(int code) {
  if (code != SQLITE_OK && bind_error_ == SQLITE_OK) bind_error_ = code;
}

Statement& Statement::bind_integer(int index, std::int64_t value) {
  note(sqlite3_bind_int64(raw_, index, value));
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  const char* const data = text.data() == nullptr ? "" : text.data();
  note(sqlite3_bind_text(raw_, index, data, as_int(text.size()), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  const char* const data = bytes.data() == nullptr ? "" : bytes.data();
  note(sqlite3_bind_blob(raw_, index, data, as_int(bytes.size()), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null(int index) {
  note(sqlite3_bind_null(raw_, index));
  return *this;
}

Statement& Statement::bind(int index, const std::optional<std::int64_t>& value) {
  return value ? bind(index, *value) : bind_null(index);
}

Statement& Statement::bind(int index, const std::optional<std::string>& text) {
  return text ? bind(index, std::string_view(*text)) : bind_null(index);
}

Result<bool> Statement::step() {
  if (bind_error_ != SQLITE_OK) return fail(sqlite_error(nullptr, bind_error_, "binding"));
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = sqlite_error(db_, code, "running a statement");
  sqlite3_reset(raw_);
  return fail(std::move(error));
}

Status Statement::run() {
  while (true) {
    auto row = step();
    if (row && *row) continue;
    reset();
    if (!row) return fail(std::move(row).error());
    return {};
  }
}

void Statement::reset() {
  sqlite3_reset(raw_);
  sqlite3_clear_bindings(raw_);
  bind_error_ = SQLITE_OK;
}

int Statement::columns() const {
  return sqlite3_column_count(raw_);
}
bool Statement::is_null(int column) const {
  return sqlite3_column_type(raw_, column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(raw_, column);
}

std::string Statement::text(int column) const {
  const unsigned char* const data = sqlite3_column_text(raw_, column);
  if (data == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_, column));
  return {reinterpret_cast<const char*>(data), size};
}

std::string Statement::blob(int column) const {
  const void* const data = sqlite3_column_blob(raw_, column);
  if (data == nullptr) return {};
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_, column));
  return {static_cast<const char*>(data), size};
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::optional<std::string> Statement::optional_text(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

Result<Database> Database::open(const std::string& path, const SqliteOptions& options) {
  const bool plain_file = path != ":memory:" && options.vfs.empty();
  if (plain_file && !options.read_only) MOLD_TRY_VOID(make_private_file(path));
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags,
                                   options.vfs.empty() ? nullptr : options.vfs.c_str());
  Database db(raw);
  if (code != SQLITE_OK) return fail(sqlite_error(raw, code, "opening " + path));
  sqlite3_busy_timeout(raw, static_cast<int>(options.busy_timeout.count()));
  if (auto ready = configure(db, options); !ready) return fail(ready.error().context(path));
  return db;
}

Database::Database(Database&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
Database& Database::operator=(Database&& other) noexcept {
  std::swap(db_, other.db_);
  return *this;
}
Database::~Database() {
  sqlite3_close_v2(db_);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v2(db_, sql.data(), as_int(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(db_, code, "preparing a statement"));
  if (raw == nullptr) return fail(ErrorKind::kInternal, "preparing a statement: it is empty");
  return Statement(db_, raw);
}

Status Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(db_, code, "running SQL"));
  return {};
}

std::int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(db_);
}
std::int64_t Database::changes() const {
  return sqlite3_changes64(db_);
}
bool Database::in_transaction() const {
  return sqlite3_get_autocommit(db_) == 0;
}

Result<std::int64_t> Database::user_version() {
  MOLD_TRY(Statement statement, prepare("PRAGMA user_version"));
  MOLD_TRY(const bool row, statement.step());
  if (!row) return fail(ErrorKind::kCorrupt, "a database without user_version");
  return statement.integer(0);
}

Status Database::quick_check() {
  MOLD_TRY(Statement statement, prepare("PRAGMA quick_check(1)"));
  MOLD_TRY(const bool row, statement.step());
  const std::string verdict = row ? statement.text(0) : "no answer";
  if (verdict == "ok") return {};
  log(LogLevel::kError, messages::kDatabaseCorrupt, "a database is damaged: " + verdict);
  return fail(ErrorKind::kCorrupt, "the database is damaged: " + verdict);
}

Result<Transaction> Transaction::begin(Database& db) {
  MOLD_CHECK(!db.in_transaction(), "nested transaction");
  MOLD_TRY_VOID(db.execute("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
Transaction::~Transaction() {
  rollback();
}

Status Transaction::commit() {
  MOLD_CHECK(db_ != nullptr, "commit of a finished transaction");
  // SQLite may have rolled back by itself (disk full, I/O error) with a statement's error dropped.
  if (!db_->in_transaction()) {
    db_ = nullptr;
    return fail(ErrorKind::kCancelled, "the transaction was rolled back by an earlier error");
  }
  auto done = db_->execute("COMMIT");
  if (!done) rollback();
  db_ = nullptr;
  return done;
}

void Transaction::rollback() {
  Database* const db = std::exchange(db_, nullptr);
  // Nothing is left to do when a rollback fails: the journal undoes it at the next opening.
  if (db != nullptr && db->in_transaction()) static_cast<void>(db->execute("ROLLBACK"));
}

namespace {

Status check_steps(std::span<const Migration> steps) {
  std::int64_t expected = 1;
  for (const auto& step : steps) {
    if (step.version != expected) {
      return fail(ErrorKind::kInvalid, "migration '" + std::string(step.name) + "' has version " +
                                           std::to_string(step.version) + ", expected " +
                                           std::to_string(expected));
    }
    ++expected;
  }
  return {};
}

Status migrate_one(Database& db, const Migration& step) {
  MOLD_TRY(Transaction transaction, Transaction::begin(db));
  // Somebody else may have been faster: look again under the lock.
  MOLD_TRY(const std::int64_t have, db.user_version());
  if (have >= step.version) return {};
  MOLD_TRY_VOID(db.execute(std::string(step.sql)));
  MOLD_TRY_VOID(db.execute("PRAGMA user_version=" + std::to_string(step.version)));
  return transaction.commit();
}

}  // namespace

Status migrate(Database& db, std::span<const Migration> steps) {
  MOLD_TRY_VOID(check_steps(steps));
  MOLD_TRY(const std::int64_t have, db.user_version());
  const auto newest = static_cast<std::int64_t>(steps.size());
  if (have > newest) {
    return fail(ErrorKind::kUnsupported, "the database has schema version " + std::to_string(have) +
                                             ", this program knows versions up to " +
                                             std::to_string(newest) +
                                             ": it was written by a newer program");
  }
  for (const auto& step : steps) {
    if (step.version <= have) continue;
    if (auto done = migrate_one(db, step); !done) {
      return fail(done.error().context("migration " + std::to_string(step.version) + " '" +
                                       std::string(step.name) + "'"));
    }
    log(LogLevel::kNotice, messages::kDatabaseMigrated,
        "database schema is now version " + std::to_string(step.version) + " (" +
            std::string(step.name) + ")");
  }
  return {};
}

}  // namespace mold::runtime
