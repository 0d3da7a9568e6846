#include "lib/runtime/sqlite.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

constexpr std::array<Migration, 2> kSteps{{
    {1, "hosts", "CREATE TABLE host(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT"},
    {2, "notes", "ALTER TABLE host ADD COLUMN note ANY; CREATE INDEX host_note ON host(note)"},
}};

Database open_with_steps(const std::string& path) {
  Database db = must(Database::open(path));
  EXPECT_OK(migrate(db, kSteps));
  return db;
}

std::int64_t count(Database& db, const std::string& table) {
  auto statement = must(db.prepare("SELECT count(*) FROM " + table));
  EXPECT_TRUE(must(statement.step()));
  return statement.integer(0);
}

TEST(Sqlite, OpensPrivateWithWalAndForeignKeys) {
  const TempDir dir;
  Database db = must(Database::open(dir.file("x.db")));
  const auto pragma = [&db](const std::string& name) {
    auto statement = must(db.prepare("PRAGMA " + name));
    EXPECT_TRUE(must(statement.step()));
    return statement.text(0);
  };
  EXPECT_EQ(pragma("journal_mode"), "wal");
  EXPECT_EQ(pragma("synchronous"), "2");
  EXPECT_EQ(pragma("foreign_keys"), "1");
  struct stat info {};
  ASSERT_EQ(::stat(dir.file("x.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  SqliteOptions options;
  options.read_only = true;
  EXPECT_FALSE(Database::open(dir.file("none.db"), options));
}

TEST(Sqlite, BindsAndReadsEveryType) {
  Database db = must(Database::open(":memory:"));
  EXPECT_OK(db.execute("CREATE TABLE t(i INTEGER, s TEXT, b BLOB, n TEXT) STRICT"));
  auto insert = must(db.prepare("INSERT INTO t VALUES(?,?,?,?)"));
  const std::string bytes("\0\x01\xff", 3);
  EXPECT_OK(
      insert.bind(1, std::int64_t{-5}).bind(2, "te'xt").bind_blob(3, bytes).bind_null(4).run());
  EXPECT_OK(insert.bind(1, std::optional<std::int64_t>())
                .bind(2, "")
                .bind_blob(3, "")
                .bind(4, std::optional<std::string>("n"))
                .run());
  auto select = must(db.prepare("SELECT * FROM t ORDER BY rowid"));
  ASSERT_TRUE(must(select.step()));
  EXPECT_EQ(select.columns(), 4);
  EXPECT_EQ(select.integer(0), -5);
  EXPECT_EQ(select.text(1), "te'xt");
  EXPECT_EQ(select.blob(2), bytes);
  EXPECT_TRUE(select.is_null(3));
  ASSERT_TRUE(must(select.step()));
  EXPECT_EQ(select.optional_integer(0), std::nullopt);
  EXPECT_FALSE(select.is_null(1)) << "an empty text is not NULL";
  EXPECT_FALSE(select.is_null(2)) << "an empty blob is not NULL";
  EXPECT_EQ(select.optional_text(3), "n");
  EXPECT_FALSE(must(select.step()));
}

TEST(Sqlite, MapsErrors) {
  Database db = open_with_steps(":memory:");
  EXPECT_OK(db.execute("INSERT INTO host(name) VALUES('a')"));
  const auto twice = db.execute("INSERT INTO host(name) VALUES('a')");
  EXPECT_EQ(twice.error().kind, ErrorKind::kConflict);
  EXPECT_NE(twice.error().what.find("host.name"), std::string::npos) << twice.error().what;
  EXPECT_EQ(db.prepare("SELEC").error().kind, ErrorKind::kInternal);
  EXPECT_EQ(db.prepare("").error().kind, ErrorKind::kInternal);
  auto statement = must(db.prepare("SELECT ?"));
  EXPECT_EQ(statement.bind(2, std::int64_t{1}).step().error().kind, ErrorKind::kInvalid);
}

TEST(Sqlite, ATransactionWithoutCommitLeavesNothing) {
  Database db = open_with_steps(":memory:");
  {
    auto transaction = must(Transaction::begin(db));
    EXPECT_OK(db.execute("INSERT INTO host(name) VALUES('a')"));
  }
  EXPECT_EQ(count(db, "host"), 0);
  auto transaction = must(Transaction::begin(db));
  EXPECT_OK(db.execute("INSERT INTO host(name) VALUES('a')"));
  EXPECT_OK(transaction.commit());
  EXPECT_EQ(count(db, "host"), 1);
  EXPECT_FALSE(db.in_transaction());
}

TEST(Sqlite, MigratesStepByStepAndOnlyOnce) {
  const TempDir dir;
  Database db = must(Database::open(dir.file("x.db")));
  EXPECT_OK(migrate(db, std::span(kSteps).first(1)));
  EXPECT_EQ(must(db.user_version()), 1);
  EXPECT_OK(db.execute("INSERT INTO host(name) VALUES('old')"));
  EXPECT_OK(migrate(db, kSteps));
  EXPECT_OK(migrate(db, kSteps));
  EXPECT_EQ(must(db.user_version()), 2);
  EXPECT_EQ(count(db, "host"), 1);
}

TEST(Sqlite, AFailingMigrationChangesNothing) {
  Database db = must(Database::open(":memory:"));
  const std::array<Migration, 2> steps{
      {{1, "good", "CREATE TABLE a(x INTEGER) STRICT"},
       {2, "bad", "CREATE TABLE b(x INTEGER) STRICT; CREATE TABLE a(x INTEGER) STRICT"}}};
  const auto done = migrate(db, steps);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("migration 2 'bad'"), std::string::npos) << done.error().what;
  EXPECT_EQ(must(db.user_version()), 1);
  EXPECT_FALSE(db.prepare("SELECT * FROM b"));
}

TEST(Sqlite, RefusesADatabaseOfANewerProgramAndGaps) {
  Database db = must(Database::open(":memory:"));
  EXPECT_OK(db.execute("PRAGMA user_version=3"));
  const auto done = migrate(db, kSteps);
  EXPECT_EQ(done.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(done.error().what.find("newer program"), std::string::npos);
  const std::array<Migration, 1> gap{{{2, "two", "SELECT 1"}}};
  EXPECT_EQ(migrate(db, gap).error().kind, ErrorKind::kInvalid);
}

TEST(Sqlite, AFullDiskIsBusyAndTheDataStaysWhole) {
  const TempDir dir;
  Database db = must(Database::open(dir.file("x.db")));
  EXPECT_OK(db.execute("CREATE TABLE t(b BLOB) STRICT"));
  EXPECT_OK(db.execute("INSERT INTO t VALUES(zeroblob(100))"));
  EXPECT_OK(db.execute("PRAGMA max_page_count=4"));
  auto transaction = must(Transaction::begin(db));
  const auto full = db.execute("INSERT INTO t VALUES(zeroblob(1000000))");
  EXPECT_EQ(full.error().kind, ErrorKind::kBusy);
  EXPECT_NE(full.error().what.find("disk full"), std::string::npos) << full.error().what;
  transaction.rollback();
  EXPECT_EQ(count(db, "t"), 1);
  EXPECT_OK(db.execute("PRAGMA max_page_count=100000"));
  EXPECT_OK(db.execute("INSERT INTO t VALUES(zeroblob(1000000))"));
  EXPECT_OK(db.quick_check());
}

TEST(Sqlite, ALockedDatabaseIsBusy) {
  const TempDir dir;
  Database a = open_with_steps(dir.file("x.db"));
  SqliteOptions options;
  options.busy_timeout = 1ms;
  Database b = must(Database::open(dir.file("x.db"), options));
  auto transaction = must(Transaction::begin(a));
  EXPECT_EQ(Transaction::begin(b).error().kind, ErrorKind::kBusy);
}

TEST(Sqlite, ADamagedFileIsCorrupt) {
  const TempDir dir;
  const std::string path = dir.file("x.db");
  std::ofstream(path) << std::string(8192, 'x');
  EXPECT_EQ(Database::open(path).error().kind, ErrorKind::kCorrupt);
}

// What was committed is there after kill -9 at any moment; what was not is not, as a whole.
TEST(Sqlite, KillingTheWriterKeepsExactlyTheCommittedRows) {
  const TempDir dir;
  const std::string path = dir.file("x.db");
  { Database db = open_with_steps(path); }
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  const pid_t writer = ::fork();
  if (writer == 0) {
    Database db = must(Database::open(path));
    for (std::int64_t i = 1;; ++i) {
      auto transaction = must(Transaction::begin(db));
      for (const char* half : {"a", "b"}) {
        static_cast<void>(
            db.execute("INSERT INTO host(name) VALUES('" + std::to_string(i) + half + "')"));
      }
      if (!transaction.commit()) ::_exit(1);
      if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) ::_exit(1);
    }
  }
  ::close(pipe_ends[1]);
  std::int64_t told = 0;
  while (told < 200) ASSERT_EQ(::read(pipe_ends[0], &told, sizeof told), ssize_t{sizeof told});
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  while (::read(pipe_ends[0], &told, sizeof told) == ssize_t{sizeof told}) {
  }
  ::close(pipe_ends[0]);
  Database db = must(Database::open(path));
  EXPECT_OK(db.quick_check());
  const std::int64_t rows = count(db, "host");
  EXPECT_EQ(rows % 2, 0) << "half a transaction";
  EXPECT_GE(rows, told * 2) << "a committed row was lost";
  EXPECT_LE(rows, told * 2 + 2);
}

}  // namespace
}  // namespace mold::runtime
