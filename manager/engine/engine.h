#pragma once
// The shell of the HA brain: hosts core::Brain on the loop thread and keeps its contract, persist
// before act. Everything submitted or put during one dispatch of the loop gathers in a batch; a
// batch is written in ONE store transaction on the store's lane, the next one gathers meanwhile
// (group commit). Actions, ends of jobs, events for followers and on_committed callbacks of a batch
// are released only when it, and every batch before it, is durable. A batch that changes nothing
// durable (an ordinary beat) costs no transaction.
//
// When the store cannot write (disk full, I/O error) the batch is tried again with a growing pause
// for as long as it takes: no action is carried out, none is lost. Whoever waits is told kUnknown
// after `answer_bound`, and new requests are refused (admits(): kUnavailable). A commit that fails
// for any other reason (constraint, corruption) means that memory and store disagree: the process
// ends and starts anew from what is durable.
//
// Loop thread only. Lives after the store and the loop, dies before them; the brain's time is the
// loop's clock.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/brain.h"
#include "lib/base/result.h"
#include "lib/runtime/event_loop.h"
#include "manager/engine/chronicle.h"
#include "manager/engine/job_book.h"
#include "manager/store/rows.h"
#include "manager/store/store.h"

namespace mold::manager {

using Committed = std::function<void(Status)>;

// Who carries out what the brain wants done. Called on the loop, after the commit.
struct Executors {
  std::function<void(const core::OpenSession&)> open_session;
  std::function<void(const core::RefuseSession&)> refuse_session;
  std::function<void(const core::Order&)> send_order;
  std::function<void(const core::RequestPower&)> request_power;
  std::function<void(const core::RequestIsolation&)> request_isolation;
};

// Makes the final `jobresult` object (JSON text) and the numeric result code of a job that ended:
// called on the loop with the brain's state as it is then.
struct RenderedJob {
  int result_code = 0;
  std::string json;
};
using JobRenderer = std::function<RenderedJob(const JobRecord& job, const core::Job& end)>;

struct NewJob {
  std::string command;
  core::JobKind kind = core::JobKind::kOther;
  VmId vm;
  HostId host;
  AccountId account;
  UserId user;
  std::string instance_type;
  std::string instance_uuid;
  std::string start_event_uuid;
};

struct StoreState {
  bool can_write = true;
  std::string problem;  // "store: cannot write: ..." when it cannot
  std::uint64_t commits = 0;
  std::uint64_t failures = 0;
  std::size_t waiting = 0;  // callbacks not yet released
};

struct EngineLimits {
  Duration answer_bound{10'000};  // who waits longer for a commit is told kUnknown
  Duration retry_first{100};
  Duration retry_last{5'000};
  Duration job_expire{24 * 60 * 60'000};
  std::size_t pending_rows = 200'000;  // readings for the ledger are dropped beyond it
};

// What one turn said at once, before it is durable: only for answers that promise nothing.
struct TurnOutcome {
  bool session_refused = false;  // beats and reports: answer 409
  std::string why;
};

class Engine final : public RowSink {
 public:
  Engine(runtime::EventLoop& loop, Store& store, core::Policy policy, Restored restored,
         EngineLimits limits = {});
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void set_executors(Executors executors) { executors_ = std::move(executors); }
  void set_job_renderer(JobRenderer renderer) { renderer_ = std::move(renderer); }
  // Once, when executors and renderer are set: resumes the brain, ends jobs that the crash cut off.
  void start();

  // Runs the turn at once. `on_committed` comes later, never inside this call: ok when everything
  // changed up to here is durable, kUnknown after answer_bound.
  TurnOutcome submit(const core::Event& event, Committed on_committed = {});
  // The same without a turn: for requests that changed rows only.
  void when_durable(Committed on_committed);

  // RowSink: rows of the batch that is open.
  [[nodiscard]] Status admits() const override;
  void put(RowChange change) override;

  // A job with its number, to be named in an event of the same dispatch. kUnavailable like
  // admits().
  Result<JobRecord> open_job(NewJob job);
  // For jobs that no brain turn ends (the command itself did all the work).
  void finish_job(JobId id, core::JobStatus status, RenderedJob result);
  // Given here: id, uuid, time. Returns the event's uuid.
  std::string note_event(NewEvent event);

  [[nodiscard]] const core::Brain& brain() const { return brain_; }
  [[nodiscard]] const core::State& state() const { return brain_.state(); }
  [[nodiscard]] const JobBook& jobs() const { return jobs_; }
  [[nodiscard]] Chronicle& chronicle() { return chronicle_; }
  [[nodiscard]] StoreState store_state() const;
  // Nothing is open or being written.
  [[nodiscard]] bool idle() const;

 private:
  struct Waiter;
  struct Batch;

  void take_turn(core::Turn turn);
  void take_action(core::Action action);
  void end_job(const core::Job& end);
  [[nodiscard]] bool is_ending(JobId id) const;
  void note(EventRecord event);
  void schedule_flush();
  void flush();
  void write(std::shared_ptr<Batch> batch);
  void on_written(const std::shared_ptr<Batch>& batch, const Status& status);
  void on_write_failed(const std::shared_ptr<Batch>& batch, const Error& error);
  void release(Batch& batch);
  void carry_out(const core::Action& action);
  void arm_timer();
  void answer_overdue();
  void purge_jobs();
  Batch& open_batch();

  runtime::EventLoop& loop_;
  Store& store_;
  EngineLimits limits_;
  core::Brain brain_;
  JobBook jobs_;
  Chronicle chronicle_;
  Executors executors_;
  JobRenderer renderer_;
  std::uint64_t next_job_;
  std::shared_ptr<Batch> open_;
  std::shared_ptr<Batch> writing_;
  std::optional<std::string> problem_;
  Duration retry_pause_{0};
  std::uint64_t commits_ = 0;
  std::uint64_t failures_ = 0;
  bool flush_posted_ = false;
  runtime::Timer brain_timer_;
  runtime::Timer retry_timer_;
  runtime::Timer overdue_timer_;
  runtime::Timer purge_timer_;
  std::shared_ptr<bool> alive_;
};

}  // namespace mold::manager
