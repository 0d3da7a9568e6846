#pragma once
// The manager's memory on disk: one SQLite file, one writing connection on a lane of one thread,
// one reading connection on another. Made, used and destroyed on the loop thread. There is never
// more than one writer: the lane is given all the time it needs, and a second manager on the same
// directory is refused (lock file). A write is idempotent and all or nothing.
//
// Errors of opening: kConflict (another manager runs here), kUnsupported (written by a newer
// program), kCorrupt (quick_check), and those of lib/runtime/sqlite.h.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/brain.h"
#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/runtime/event_loop.h"
#include "lib/runtime/worker_lane.h"
#include "manager/store/records.h"
#include "manager/store/rows.h"

namespace mold::manager {

// Rows of the brain's state that one batch writes or deletes.
struct CoreRows {
  std::vector<core::Host> hosts;
  std::vector<core::Vm> vms;
  std::vector<core::Pool> pools;
  std::vector<core::Job> jobs;
  std::vector<HostId> hosts_gone;
  std::vector<VmId> vms_gone;
  std::vector<PoolId> pools_gone;
  std::vector<JobId> jobs_gone;
  std::optional<OpId> next_op;
  std::optional<Generation> min_generation;

  [[nodiscard]] bool empty() const;
};
struct WriteSet {
  CoreRows core;
  std::vector<RowChange> rows;

  [[nodiscard]] bool empty() const { return core.empty() && rows.empty(); }
};

// Everything that is read at start.
struct Restored {
  core::State core;
  InventoryData inventory;
  std::vector<JobRecord> jobs;
  std::vector<CertificateRecord> certificates;
  std::vector<EnrolTokenRecord> tokens;
  std::vector<DeviceDoubt> doubts;
  std::vector<PoolKeyRecord> pool_keys;
  std::uint64_t next_job = 1;
  std::uint64_t next_event = 1;
  std::uint64_t next_evidence = 1;
};

struct EventFilter {
  std::string type;  // exact; empty: any
  std::optional<EventLevel> level;
  std::string keyword;  // in the description
  std::string uuid;
  std::string resource_uuid;
  std::optional<WallTime> from;
  std::optional<WallTime> to;
  std::uint64_t after_id = 0;  // only newer ones (followers)
  bool oldest_first = false;
  std::uint64_t offset = 0;
  std::uint64_t limit = 500;
};
struct EventPage {
  std::uint64_t total = 0;
  std::vector<EventRecord> events;
};
struct EvidenceFilter {
  HostId host;
  std::uint64_t after_id = 0;
  std::optional<WallTime> from;
  std::uint64_t limit = 2000;  // the newest ones; told oldest first
};

class Store {
 public:
  struct Options {
    std::string directory;            // made when missing, mode 0700
    std::string mark_directory = {};  // mark.h; none: the store is believed
    std::uint64_t evidence_per_host = 2000;
    std::uint64_t events_kept = 200'000;
  };
  // Blocks: at start-up only. Migrates, checks, and reads everything.
  static Result<std::unique_ptr<Store>> open(runtime::EventLoop& loop, Options options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // What open() read; to be taken once.
  [[nodiscard]] Restored take_restored();

  // One transaction. `done` once, on the loop, never inside this call; never kTimeout or kUnknown.
  // At most one write is under way at a time (REQUIRES).
  void write(std::shared_ptr<const WriteSet> set, std::function<void(Status)> done);
  void read_events(EventFilter filter, std::function<void(Result<EventPage>)> done);
  void read_evidence(EvidenceFilter filter,
                     std::function<void(Result<std::vector<EvidenceRecord>>)> done);

  // For tests: called on the lane before each transaction; an error is the outcome of the write.
  void set_fault(std::function<Status()> fault);

 private:
  struct Writer;
  struct Reader;
  Store(runtime::EventLoop& loop, Options options);

  Options options_;
  UniqueFd lock_;
  std::shared_ptr<Writer> writer_;
  std::shared_ptr<Reader> reader_;
  Restored restored_;
  runtime::WorkerLane write_lane_;
  runtime::WorkerLane read_lane_;
};

}  // namespace mold::manager
