// Batches on their way to the disk and back: one at a time, in order, again until it works.
#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"
#include "lib/runtime/systemd_notify.h"
#include "manager/engine/batch.h"
#include "manager/engine/message_ids.h"

namespace mold::manager {
namespace {

// A commit that takes longer than this is told as a problem, though it may still end well.
constexpr Duration kSlowCommit{5'000};

// Trying again may help: the disk is full, the file is locked, read-only, or the device has errors.
bool may_pass(ErrorKind kind) {
  return kind == ErrorKind::kBusy || kind == ErrorKind::kUnavailable ||
         kind == ErrorKind::kDenied || kind == ErrorKind::kTimeout;
}

}  // namespace

void Engine::schedule_flush() {
  if (flush_posted_) return;
  flush_posted_ = true;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    flush_posted_ = false;
    flush();
  });
}

void Engine::flush() {
  if (writing_ || !open_) return;
  const std::shared_ptr<Batch> batch = std::exchange(open_, nullptr);
  auto set = std::make_shared<WriteSet>();
  set->core = snapshot(brain_.state(), batch->changes);
  set->rows = std::move(batch->rows);
  if (set->empty()) {
    release(*batch);
    return;
  }
  batch->set = std::move(set);
  batch->write_began = loop_.now();
  writing_ = batch;
  write(batch);
}

void Engine::write(std::shared_ptr<Batch> batch) {
  const auto set = batch->set;
  store_.write(set, [this, alive = alive_, batch = std::move(batch)](const Status& status) {
    if (*alive) on_written(batch, status);
  });
}

void Engine::on_written(const std::shared_ptr<Batch>& batch, const Status& status) {
  if (!status) {
    on_write_failed(batch, status.error());
    return;
  }
  ++commits_;
  retry_pause_ = Duration{0};
  if (std::exchange(problem_, std::nullopt)) {
    runtime::log(runtime::LogLevel::kNotice, messages::kStoreWritesAgain,
                 "store: can be written again");
    runtime::systemd::status("serving");
  }
  writing_.reset();
  release(*batch);
  if (*alive_) flush();
}

void Engine::on_write_failed(const std::shared_ptr<Batch>& batch, const Error& error) {
  ++failures_;
  if (!may_pass(error.kind)) {
    runtime::log(runtime::LogLevel::kCritical, messages::kStoreBroken, "store: " + error.text());
    check_failed("store", error.text(), __FILE__, __LINE__);
  }
  if (!problem_) {
    problem_ = "store: cannot write: " + error.what;
    runtime::log(runtime::LogLevel::kError, messages::kStoreCannotWrite, *problem_);
    runtime::systemd::status(*problem_);
  }
  retry_pause_ = retry_pause_.count() == 0 ? limits_.retry_first
                                           : std::min(retry_pause_ * 2, limits_.retry_last);
  retry_timer_.start_after(retry_pause_, [this, batch] { write(batch); });
}

// Executors may submit again: that goes into the next batch.
void Engine::release(Batch& batch) {
  const std::shared_ptr<bool> alive = alive_;
  for (JobRecord& job : batch.ended) jobs_.put(std::move(job));
  for (const core::Action& action : batch.actions) {
    carry_out(action);
    if (!*alive) return;
  }
  for (const EventRecord& event : batch.events) {
    chronicle_.published(event);
    if (!*alive) return;
  }
  const auto waiters = std::exchange(batch.waiters, {});
  for (const Waiter& waiter : waiters) {
    waiter.callback({});
    if (!*alive) return;
  }
}

void Engine::carry_out(const core::Action& action) {
  if (const auto* const open = std::get_if<core::OpenSession>(&action)) {
    if (executors_.open_session) executors_.open_session(*open);
  } else if (const auto* const refusal = std::get_if<core::RefuseSession>(&action)) {
    if (executors_.refuse_session) executors_.refuse_session(*refusal);
  } else if (const auto* const send = std::get_if<core::SendOrder>(&action)) {
    if (executors_.send_order) executors_.send_order(send->order);
  } else if (const auto* const power = std::get_if<core::RequestPower>(&action)) {
    if (executors_.request_power) executors_.request_power(*power);
  } else if (const auto* const isolation = std::get_if<core::RequestIsolation>(&action)) {
    if (executors_.request_isolation) executors_.request_isolation(*isolation);
  }
}

// Nobody waits for ever for a disk: the effect is not known, and that is what they are told.
void Engine::answer_overdue() {
  const Instant now = loop_.now();
  std::vector<Committed> overdue;
  std::optional<Instant> oldest;
  for (const auto& batch : {writing_, open_}) {
    if (!batch) continue;
    std::vector<Waiter> patient;
    for (Waiter& waiter : batch->waiters) {
      if (now - waiter.since >= limits_.answer_bound) {
        overdue.push_back(std::move(waiter.callback));
        continue;
      }
      if (!oldest || waiter.since < *oldest) oldest = waiter.since;
      patient.push_back(std::move(waiter));
    }
    batch->waiters = std::move(patient);
  }
  if (oldest) {
    overdue_timer_.start_at(*oldest + limits_.answer_bound, [this] { answer_overdue(); });
  }
  const std::string why = problem_.value_or("store: the write takes very long") +
                          "; whether the request takes effect later is not known";
  const std::shared_ptr<bool> alive = alive_;
  for (const Committed& callback : overdue) {
    callback(fail(ErrorKind::kUnknown, why));
    if (!*alive) return;
  }
}

Status Engine::admits() const {
  if (problem_) return fail(ErrorKind::kUnavailable, *problem_);
  if (writing_ && loop_.now() - writing_->write_began > kSlowCommit)
    return fail(ErrorKind::kUnavailable, "store: cannot write: the disk does not answer");
  return {};
}

StoreState Engine::store_state() const {
  StoreState now;
  const Status admitted = admits();
  now.can_write = admitted.has_value();
  if (!admitted) now.problem = admitted.error().what;
  now.commits = commits_;
  now.failures = failures_;
  for (const auto& batch : {writing_, open_}) now.waiting += batch ? batch->waiters.size() : 0;
  return now;
}

bool Engine::idle() const {
  return !open_ && !writing_;
}

}  // namespace mold::manager
