#include "manager/store/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "lib/runtime/files.h"
#include "lib/runtime/sqlite.h"
#include "manager/store/history.h"
#include "manager/store/loader.h"
#include "manager/store/mark.h"
#include "manager/store/schema.h"
#include "manager/store/writer.h"

namespace mold::manager {
namespace {

constexpr std::size_t kWriteQueue = 2;  // the engine has one write under way
constexpr std::size_t kReadQueue = 256;
// A write is never given up: the lane must not start a second writer beside a stuck one.
constexpr Duration kForEver{365LL * 24 * 60 * 60'000};
constexpr Duration kReadDeadline{10'000};

Result<UniqueFd> lock_directory(const std::string& directory) {
  const std::string path = directory + "/manager.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return fail(ErrorKind::kConflict, "another manager works in " + directory);
    return fail(errno_error(errno, "locking " + path));
  }
  return fd;
}

}  // namespace

bool CoreRows::empty() const {
  return hosts.empty() && vms.empty() && pools.empty() && jobs.empty() && hosts_gone.empty() &&
         vms_gone.empty() && pools_gone.empty() && jobs_gone.empty() && !next_op && !min_generation;
}

struct Store::Writer {
  Writer(RowWriter writer, std::optional<StoreMark> kept_mark)
      : rows(std::move(writer)), mark(std::move(kept_mark)) {}
  Status planted_fault() {
    const std::lock_guard guard(lock);
    return fault ? fault() : Status{};
  }
  Status write(const WriteSet& set) {
    MOLD_TRY_VOID(rows.write(set));
    return mark && set.core.next_op ? mark->keep(*set.core.next_op) : Status{};
  }
  RowWriter rows;
  std::optional<StoreMark> mark;
  std::mutex lock;  // of `fault` alone
  std::function<Status()> fault;
};
struct Store::Reader {
  runtime::Database db;
};

Store::Store(runtime::EventLoop& loop, Options options)
    : options_(std::move(options)),
      write_lane_(loop, "store-write", 1, kWriteQueue, 0),
      read_lane_(loop, "store-read", 1, kReadQueue, 0) {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(runtime::EventLoop& loop, Options options) {
  MOLD_TRY_VOID(runtime::make_dirs(options.directory, 0700));
  std::unique_ptr<Store> store(new Store(loop, std::move(options)));
  const Options& set = store->options_;
  MOLD_TRY(store->lock_, lock_directory(set.directory));
  const std::string path = set.directory + "/manager.db";
  MOLD_TRY(runtime::Database db, runtime::Database::open(path));
  MOLD_TRY_VOID(db.quick_check());
  MOLD_TRY_VOID(runtime::migrate(db, schema_steps()));
  std::optional<StoreMark> mark;
  std::string older;
  if (!set.mark_directory.empty()) {
    MOLD_TRY(mark, StoreMark::open(set.mark_directory));
    MOLD_TRY(const OpId next_op, load_next_op(db));
    MOLD_TRY(const bool has_hosts, knows_hosts(db));
    older = mark->doubt(next_op, next_op <= OpId{1} && !has_hosts);
    // Nothing new may get the number of something that was forgotten.
    if (!older.empty()) MOLD_TRY_VOID(skip_numbers(db));
    // From now on the lack of a mark means something.
    if (older.empty() && !mark->is_there()) MOLD_TRY_VOID(mark->keep(next_op));
  }
  MOLD_TRY(store->restored_, load_all(db));
  store->restored_.core.older_because = std::move(older);
  runtime::SqliteOptions reading;
  reading.read_only = true;
  MOLD_TRY(runtime::Database reader, runtime::Database::open(path, reading));
  store->writer_ = std::make_shared<Writer>(
      RowWriter(std::move(db), {set.evidence_per_host, set.events_kept}), std::move(mark));
  store->reader_ = std::make_shared<Reader>(Reader{std::move(reader)});
  return store;
}

Restored Store::take_restored() {
  return std::exchange(restored_, Restored{});
}

void Store::write(std::shared_ptr<const WriteSet> set, std::function<void(Status)> done) {
  write_lane_.submit(
      [writer = writer_, set = std::move(set)]() -> Status {
        MOLD_TRY_VOID(writer->planted_fault());
        return writer->write(*set);
      },
      std::move(done), kForEver);
}

void Store::read_events(EventFilter filter, std::function<void(Result<EventPage>)> done) {
  read_lane_.submit(
      [reader = reader_, filter = std::move(filter)] { return find_events(reader->db, filter); },
      std::move(done), kReadDeadline);
}

void Store::read_evidence(EvidenceFilter filter,
                          std::function<void(Result<std::vector<EvidenceRecord>>)> done) {
  read_lane_.submit([reader = reader_, filter] { return find_evidence(reader->db, filter); },
                    std::move(done), kReadDeadline);
}

void Store::set_fault(std::function<Status()> fault) {
  const std::lock_guard guard(writer_->lock);
  writer_->fault = std::move(fault);
}

}  // namespace mold::manager
