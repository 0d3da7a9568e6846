#include "manager/engine/engine.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/files.h"
#include "lib/runtime/journal_log.h"
#include "manager/engine/batch.h"
#include "manager/engine/job_result.h"

namespace mold::manager {
namespace {

constexpr Duration kPurgeEvery{60'000};

}  // namespace

Engine::Engine(runtime::EventLoop& loop, Store& store, core::Policy policy, Restored restored,
               EngineLimits limits)
    : loop_(loop),
      store_(store),
      limits_(limits),
      brain_(policy, std::move(restored.core)),
      chronicle_(store, restored.next_event, restored.next_evidence),
      next_job_(restored.next_job),
      brain_timer_(loop),
      retry_timer_(loop),
      overdue_timer_(loop),
      purge_timer_(loop),
      alive_(std::make_shared<bool>(true)) {
  for (JobRecord& job : restored.jobs) jobs_.put(std::move(job));
}

Engine::~Engine() {
  *alive_ = false;
}

void Engine::start() {
  take_turn(brain_.resume(loop_.both()));
  std::vector<JobId> orphans;
  for (const auto& [id, job] : jobs_.all()) {
    if (job.status == core::JobStatus::kPending && !state().jobs.contains(id))
      orphans.push_back(id);
  }
  for (const JobId id : orphans) {
    if (is_ending(id)) continue;
    const int code = kManagerRestarted;
    finish_job(id, core::JobStatus::kFailed,
               {code, error_json(code, "the manager was restarted while this job ran")});
  }
  purge_jobs();
  purge_timer_.start_periodic(kPurgeEvery, [this] { purge_jobs(); });
  arm_timer();
}

TurnOutcome Engine::submit(const core::Event& event, Committed on_committed) {
  core::Turn turn = brain_.step(event, loop_.both());
  TurnOutcome outcome;
  for (const core::Action& action : turn.actions) {
    const auto* const refusal = std::get_if<core::RefuseSession>(&action);
    if (refusal == nullptr) continue;
    outcome.session_refused = true;
    outcome.why = refusal->why;
  }
  take_turn(std::move(turn));
  if (on_committed) when_durable(std::move(on_committed));
  arm_timer();
  return outcome;
}

void Engine::take_turn(core::Turn turn) {
  if (!turn.changes.empty()) open_batch().changes.merge(turn.changes);
  for (core::Action& action : turn.actions) take_action(std::move(action));
}

void Engine::take_action(core::Action action) {
  if (auto* const transition = std::get_if<core::NoteTransition>(&action)) {
    if (auto event = chronicle_.on_transition(*transition, loop_.wall())) note(std::move(*event));
    return;
  }
  if (const auto* const evidence = std::get_if<core::NoteEvidence>(&action)) {
    Batch& batch = open_batch();
    const bool crowded = batch.rows.size() >= limits_.pending_rows;
    if (crowded && evidence->kind == core::EvidenceKind::kReading) return;
    batch.rows.emplace_back(chronicle_.on_evidence(*evidence, loop_.wall()));
    return;
  }
  if (const auto* const end = std::get_if<core::FinishJob>(&action)) {
    end_job(end->job);
    return;
  }
  Batch& batch = open_batch();
  if (const auto* const order = std::get_if<core::SendOrder>(&action);
      order != nullptr && batch.has_order(order->order)) {
    return;
  }
  batch.actions.push_back(std::move(action));
}

void Engine::when_durable(Committed on_committed) {
  open_batch().waiters.push_back({std::move(on_committed), loop_.now()});
  if (!overdue_timer_.armed())
    overdue_timer_.start_after(limits_.answer_bound, [this] { answer_overdue(); });
}

void Engine::put(RowChange change) {
  open_batch().rows.push_back(std::move(change));
}

Result<JobRecord> Engine::open_job(NewJob job) {
  MOLD_TRY_VOID(admits());
  JobRecord record;
  record.id = JobId{next_job_++};
  record.uuid = runtime::new_uuid();
  record.command = std::move(job.command);
  record.kind = job.kind;
  record.vm = job.vm;
  record.host = job.host;
  record.account = job.account;
  record.user = job.user;
  record.instance_type = std::move(job.instance_type);
  record.instance_uuid = std::move(job.instance_uuid);
  record.start_event_uuid = std::move(job.start_event_uuid);
  record.created = loop_.wall();
  put(Counter{"next_job", next_job_});
  put(record);
  jobs_.put(record);
  return record;
}

void Engine::end_job(const core::Job& end) {
  const JobRecord* const job = jobs_.find(end.id);
  if (job == nullptr) {
    runtime::log_warning("a job ended that nobody opened: " + std::to_string(end.id.value));
    return;
  }
  finish_job(end.id, end.status, renderer_ ? renderer_(*job, end) : plain_result(end));
}

void Engine::finish_job(JobId id, core::JobStatus status, RenderedJob result) {
  const JobRecord* const job = jobs_.find(id);
  MOLD_CHECK(job != nullptr, "only an open job can be finished");
  if (job->status != core::JobStatus::kPending || is_ending(id)) return;
  JobRecord ended = *job;
  ended.status = status;
  ended.result_code = result.result_code;
  ended.result_json = std::move(result.json);
  ended.completed = loop_.wall();
  Batch& batch = open_batch();
  batch.rows.emplace_back(ended);
  batch.ended.push_back(std::move(ended));
}

// Its end is decided but not yet durable: the book still says pending.
bool Engine::is_ending(JobId id) const {
  for (const auto& batch : {writing_, open_}) {
    if (batch && std::any_of(batch->ended.begin(), batch->ended.end(),
                             [id](const JobRecord& job) { return job.id == id; }))
      return true;
  }
  return false;
}

std::string Engine::note_event(NewEvent event) {
  EventRecord record = chronicle_.make_event(std::move(event), loop_.wall());
  std::string uuid = record.uuid;
  note(std::move(record));
  return uuid;
}

void Engine::note(EventRecord event) {
  Batch& batch = open_batch();
  batch.rows.emplace_back(event);
  batch.events.push_back(std::move(event));
}

void Engine::arm_timer() {
  const std::optional<Instant> due = brain_.deadline();
  if (!due) {
    brain_timer_.cancel();
    return;
  }
  brain_timer_.start_at(*due, [this] { submit(core::TimePassed{}); });
}

void Engine::purge_jobs() {
  if (!admits()) return;
  const WallTime before{loop_.wall().ms - limits_.job_expire.count()};
  for (const JobId id : jobs_.ended_before(before)) {
    jobs_.erase(id);
    put(RowRemoved{Table::kJobs, id.value});
  }
}

Engine::Batch& Engine::open_batch() {
  if (!open_) open_ = std::make_shared<Batch>();
  schedule_flush();
  return *open_;
}

}  // namespace mold::manager
