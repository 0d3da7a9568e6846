#include "agentd/link/power_link.h"

#include <algorithm>
#include <utility>

#include "lib/runtime/journal_log.h"
#include "lib/wire/codec.h"
#include "lib/wire/limits.h"

namespace mold::agentd {
namespace {

// A manager that does not know this poll is asked again now and then: it may be updated.
constexpr Duration kUnknownHere{60'000};
constexpr std::size_t kRemembered = 256;
constexpr std::size_t kMostFenced = 64;

wire::PowerOutcome refused(const wire::PowerOrder& order, ErrorKind error, std::string text) {
  wire::PowerOutcome outcome;
  outcome.ticket = order.ticket;
  outcome.outcome = core::Outcome::kFailed;
  outcome.error = error;
  outcome.text = std::move(text);
  return outcome;
}

}  // namespace

PowerLink::PowerLink(runtime::EventLoop& loop, runtime::HttpClient& client, const Peer& peer)
    : loop_(loop),
      client_(client),
      peer_(peer),
      poll_timer_(loop),
      report_timer_(loop),
      backoff_(kRetryFirst, kRetryLast, static_cast<std::uint64_t>(loop.wall().ms)),
      alive_(std::make_shared<bool>(true)) {}

PowerLink::~PowerLink() {
  *alive_ = false;
}

void PowerLink::start(Epoch epoch, Duration poll_wait) {
  stop();
  epoch_ = epoch;
  poll_wait_ = poll_wait;
  open_ = true;
  backoff_.reset();
  // A manager that was restored from a backup counts its OpIds anew: what an earlier session asked
  // under one of them says nothing about this one's.
  under_way_.clear();
  done_.clear();
  if (power_ != nullptr) poll();
}

// What is under way goes on to its end, but nobody waits for it: the manager counts it as unknown.
void PowerLink::stop() {
  open_ = false;
  clock_ms_.reset();
  poll_call_.cancel();
  report_call_.cancel();
  poll_timer_.cancel();
  report_timer_.cancel();
  outcomes_.clear();
  fenced_.clear();
}

void PowerLink::redial() {
  if (!open_) return;
  clock_ms_.reset();  // another machine's clock
  poll_call_.cancel();
  report_call_.cancel();
  if (power_ != nullptr) poll_timer_.start_after(backoff_.next(), [this] { poll(); });
  send_report();
}

void PowerLink::note_clock(std::uint64_t clock_ms) {
  if (clock_ms == 0 || !open_) return;
  clock_ms_ = clock_ms;
  clock_heard_ = loop_.now();
}

std::optional<std::uint64_t> PowerLink::clock_floor() const {
  if (!clock_ms_) return std::nullopt;
  return *clock_ms_ + static_cast<std::uint64_t>((loop_.now() - clock_heard_).count());
}

// ---- requests -----------------------------------------------------------------------------------

void PowerLink::poll() {
  poll_timer_.cancel();
  if (!open_) return;
  const std::string path = std::string(wire::kPowerPath) + "?epoch=" + std::to_string(epoch_.value);
  poll_call_ =
      client_.send(make_request(peer_, "GET", path, "", poll_wait_ + kPollSlack),
                   [this](const Result<runtime::HttpResponse>& response) { polled(response); });
}

void PowerLink::polled(const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict != Verdict::kOk) {
    const bool unknown_here = response && response->status == 404;
    poll_timer_.start_after(unknown_here ? kUnknownHere : backoff_.next(), [this] { poll(); });
    return;  // beats and orders notice a lost manager or session
  }
  poll_timer_.start_after(kPollRest, [this] { poll(); });
  const auto message = wire::decode_power_orders(result.body);
  if (!message) {
    poll_timer_.start_after(backoff_.next(), [this] { poll(); });
    runtime::log_warning("link: power requests are wrong: " + message.error().what);
    return;
  }
  backoff_.reset();
  for (const wire::PowerOrder& order : message->orders) take(order);
}

void PowerLink::take(const wire::PowerOrder& order) {
  const auto clock = clock_floor();
  if (!clock) {
    return add_outcome(
        refused(order, ErrorKind::kBusy, "this agent does not know the manager's clock yet"));
  }
  if (*clock > order.not_after_ms) {
    return add_outcome(refused(order, ErrorKind::kTimeout,
                               "held up on its way to the agent by " +
                                   std::to_string(*clock - order.not_after_ms) +
                                   " ms too long: not carried out"));
  }
  if (order.task == wire::PowerTask::kIdentify) return identify(order);
  if (order.op) {
    const auto known = std::find_if(done_.begin(), done_.end(),
                                    [&order](const Done& done) { return done.op == order.op; });
    if (known != done_.end()) {
      wire::PowerOutcome again = known->outcome;
      again.ticket = order.ticket;
      return add_outcome(std::move(again));
    }
    auto& waiting = under_way_[order.op];
    waiting.push_back(order.ticket);
    if (waiting.size() > 1) return;
  }
  carry_out(order);
}

void PowerLink::carry_out(const wire::PowerOrder& order) {
  runtime::log_info("power " + std::string(core::to_string(order.verb)) + " by " +
                    order.target.driver + " at " + order.target.address + ", asked by the manager");
  const Duration deadline{static_cast<std::int64_t>(order.deadline_ms)};
  power_->request(order.target, order.verb, deadline,
                  [this, alive = alive_, session = epoch_, op = order.op,
                   ticket = order.ticket](const port::PowerResult& result) {
                    if (!*alive) return;
                    wire::PowerOutcome outcome;
                    outcome.ticket = ticket;
                    outcome.outcome = result.outcome;
                    outcome.state = result.state;
                    outcome.error = result.error;
                    outcome.text = result.text;
                    finished(session, op, std::move(outcome));
                  });
}

void PowerLink::identify(const wire::PowerOrder& order) {
  const Duration deadline{static_cast<std::int64_t>(order.deadline_ms)};
  power_->identify(order.target, deadline,
                   [this, alive = alive_, session = epoch_,
                    ticket = order.ticket](const port::IdentityResult& result) {
                     if (!*alive) return;
                     wire::PowerOutcome outcome;
                     outcome.ticket = ticket;
                     outcome.outcome = result.outcome;
                     outcome.error = result.error;
                     outcome.text = result.text;
                     outcome.uuid = result.identity.uuid;
                     outcome.serial = result.identity.serial;
                     outcome.model = result.identity.model;
                     finished(session, OpId{}, std::move(outcome));
                   });
}

void PowerLink::finished(Epoch session, OpId op, wire::PowerOutcome outcome) {
  std::vector<std::uint64_t> tickets{outcome.ticket};
  if (op) {
    auto waiting = under_way_.extract(op);
    if (!waiting.empty()) tickets = std::move(waiting.mapped());
    // What certainly was not carried out may be tried again under the same name.
    if (outcome.outcome != core::Outcome::kFailed) {
      done_.push_back({op, outcome});
      if (done_.size() > kRemembered) done_.pop_front();
    }
  }
  if (session != epoch_) return;
  for (const std::uint64_t ticket : tickets) {
    outcome.ticket = ticket;
    add_outcome(outcome);
  }
}

// ---- reports ------------------------------------------------------------------------------------

void PowerLink::add_outcome(wire::PowerOutcome outcome) {
  if (!open_) return;
  outcomes_.push_back(std::move(outcome));
  if (!report_timer_.armed()) report_timer_.start_after(Duration{1}, [this] { send_report(); });
}

void PowerLink::report_fenced(const std::string& by, const std::string& node,
                              const std::string& text) {
  runtime::log_info(by + " fenced " + node + ": " + text);
  // Without a session nobody could say later whether the node came back in between.
  if (!open_ || !clock_ms_ || fenced_.size() >= kMostFenced) return;
  wire::FencedNode fenced;
  fenced.node = node;
  fenced.by = by;
  fenced.text = text;
  fenced.heard_after_ms = *clock_ms_;
  fenced_.push_back(std::move(fenced));
  if (!report_timer_.armed()) report_timer_.start_after(Duration{1}, [this] { send_report(); });
}

void PowerLink::send_report() {
  if (!open_ || report_call_.running() || (outcomes_.empty() && fenced_.empty())) return;
  wire::PowerReport message;
  message.epoch = epoch_;
  const std::size_t count = std::min(outcomes_.size(), wire::limits::kPowerOrders);
  message.outcomes.assign(outcomes_.begin(),
                          outcomes_.begin() + static_cast<std::ptrdiff_t>(count));
  message.fenced.assign(fenced_.begin(), fenced_.end());
  report_call_ = client_.send(
      make_request(peer_, "POST", wire::kPowerPath, wire::encode(message), kCallTimeout),
      [this, count, fenced = fenced_.size()](const Result<runtime::HttpResponse>& response) {
        report_answered(count, fenced, response);
      });
}

void PowerLink::report_answered(std::size_t outcomes, std::size_t fenced,
                                const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict == Verdict::kOk || result.verdict == Verdict::kInvalid) {
    if (result.verdict == Verdict::kInvalid)
      runtime::log_error("link: the manager refuses power outcomes: " + result.text);
    outcomes_.erase(outcomes_.begin(), outcomes_.begin() + static_cast<std::ptrdiff_t>(outcomes));
    fenced_.erase(fenced_.begin(), fenced_.begin() + static_cast<std::ptrdiff_t>(fenced));
    report_timer_.start_after(Duration{1}, [this] { send_report(); });
    return;
  }
  report_timer_.start_after(backoff_.next(), [this] { send_report(); });
}

}  // namespace mold::agentd
