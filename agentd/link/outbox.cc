#include "agentd/link/outbox.h"

#include <algorithm>
#include <utility>

#include "lib/runtime/journal_log.h"
#include "lib/wire/codec.h"
#include "lib/wire/limits.h"

namespace mold::agentd {
namespace {

constexpr Duration kGather{10};
constexpr Duration kReportEvery{5'000};
constexpr std::size_t kBatch = 256;
// More than this many unanswered orders cannot be: the oldest are asked for again by the manager.
constexpr std::size_t kMostResults = 8192;
static_assert(kBatch <= wire::limits::kResults);

}  // namespace

Outbox::Outbox(runtime::EventLoop& loop, runtime::HttpClient& client, const Peer& peer)
    : loop_(loop),
      client_(client),
      peer_(peer),
      results_retry_(loop),
      report_timer_(loop),
      report_period_(loop),
      backoff_(kRetryFirst, kRetryLast, static_cast<std::uint64_t>(loop.wall().ms)) {}

void Outbox::start(Epoch epoch) {
  stop();
  epoch_ = epoch;
  open_ = true;
  seq_ = 0;
  backoff_.reset();
  report_period_.start_periodic(kReportEvery, [this] { report(); });
  send_results();
  report();
}

void Outbox::stop() {
  open_ = false;
  results_call_.cancel();
  report_call_.cancel();
  results_retry_.cancel();
  report_timer_.cancel();
  report_period_.cancel();
}

void Outbox::redial() {
  if (!open_) return;
  results_call_.cancel();
  report_call_.cancel();
  send_results();
  report();
}

// ---- results ------------------------------------------------------------------------------------

void Outbox::add_result(core::OrderResult result) {
  if (results_.size() >= kMostResults) {
    runtime::log_error("link: too many results wait, the oldest is dropped");
    results_.pop_front();
  }
  results_.push_back(std::move(result));
  // A moment later, so that what one turn of the loop brings forth goes together.
  if (open_ && !results_call_.running() && !results_retry_.armed()) {
    results_retry_.start_after(Duration{1}, [this] { send_results(); });
  }
}

void Outbox::send_results() {
  if (!open_ || results_.empty() || results_call_.running()) return;
  wire::ResultsRequest message;
  message.epoch = epoch_;
  const std::size_t count = std::min(results_.size(), kBatch);
  message.results.assign(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(count));
  results_call_ = client_.send(
      make_request(peer_, "POST", wire::kResultsPath, wire::encode(message), kCallTimeout),
      [this, count](const Result<runtime::HttpResponse>& response) {
        results_answered(count, response);
      });
}

void Outbox::results_answered(std::size_t count, const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict == Verdict::kInvalid) {
    runtime::log_error("link: the manager refuses results, they are dropped: " + result.text);
  }
  if (result.verdict == Verdict::kOk || result.verdict == Verdict::kInvalid) {
    count = std::min(count, results_.size());
    results_.erase(results_.begin(), results_.begin() + static_cast<std::ptrdiff_t>(count));
    backoff_.reset();
    // The call is not over until this returns.
    results_retry_.start_after(Duration{1}, [this] { send_results(); });
    return;
  }
  results_retry_.start_after(backoff_.next(), [this] { send_results(); });
  hooks_.on_failure(result);
}

// ---- report -------------------------------------------------------------------------------------

void Outbox::report() {
  report_due_ = true;
  if (open_ && !report_timer_.armed()) {
    report_timer_.start_after(kGather, [this] { send_report(); });
  }
}

void Outbox::send_report() {
  if (!open_ || report_call_.running()) return;  // the answer sends the next
  report_due_ = false;
  wire::ReportRequest message = hooks_.make_report();
  message.epoch = epoch_;
  message.seq = ++seq_;
  report_call_ = client_.send(
      make_request(peer_, "POST", wire::kReportPath, wire::encode(message), kCallTimeout),
      [this](const Result<runtime::HttpResponse>& response) { report_answered(response); });
}

void Outbox::report_answered(const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict == Verdict::kOk) {
    if (report_due_) report_timer_.start_after(kGather, [this] { send_report(); });
    return;
  }
  if (result.verdict == Verdict::kInvalid) {
    runtime::log_error("link: the manager refuses our report: " + result.text);
  }
  report_due_ = true;
  report_timer_.start_after(backoff_.next(), [this] { send_report(); });
  hooks_.on_failure(result);
}

}  // namespace mold::agentd
