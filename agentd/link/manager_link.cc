#include "agentd/link/manager_link.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/runtime/journal_log.h"
#include "lib/wire/codec.h"

namespace mold::agentd {
namespace {

constexpr Duration kHelloTimeout{10'000};
// A session shorter than this is no success: the pauses go on growing.
constexpr Duration kGoodSession{5'000};
// Failures in a row before the next manager of the list is tried.
constexpr int kPatience = 3;

}  // namespace

std::string_view to_string(LinkState state) {
  switch (state) {
    case LinkState::kIdle:
      return "idle";
    case LinkState::kHello:
      return "hello";
    case LinkState::kPausing:
      return "pausing";
    case LinkState::kSession:
      return "session";
  }
  MOLD_UNREACHABLE();
}

ManagerLink::ManagerLink(runtime::EventLoop& loop)
    : loop_(loop),
      client_(loop),
      beater_(loop, peer_),
      outbox_(loop, client_, peer_),
      power_(loop, client_, peer_),
      hello_timer_(loop),
      poll_timer_(loop),
      backoff_(kRetryFirst, kRetryLast, static_cast<std::uint64_t>(loop.wall().ms)),
      poll_backoff_(kRetryFirst, kRetryLast, static_cast<std::uint64_t>(loop.wall().ms) + 1) {}

ManagerLink::~ManagerLink() {
  hooks_ = Hooks{};  // whom they lead to may be half gone
  end_session();
}

void ManagerLink::start(Hooks hooks, std::vector<std::string> managers,
                        std::shared_ptr<const runtime::TlsMaterial> tls) {
  hooks_ = std::move(hooks);
  peer_.managers.set(std::move(managers));
  peer_.tls = std::move(tls);
  beater_.set_hooks({hooks_.make_beat,
                     [this](const wire::BeatAnswer& answer) { beat_answered(answer); },
                     [this](const CallResult& result) { call_failed(result); }});
  outbox_.set_hooks(
      {hooks_.make_report, [this](const CallResult& result) { call_failed(result); }});
  say_hello();
}

void ManagerLink::set_managers(std::vector<std::string> managers) {
  if (!managers.empty()) peer_.managers.set(std::move(managers));
}

void ManagerLink::set_tls(std::shared_ptr<const runtime::TlsMaterial> tls) {
  peer_.tls = std::move(tls);
}

ManagerLink::Status ManagerLink::status() const {
  return {state_,         peer_.managers.current(), epoch_,
          trouble_,       beater_.last_answer(),    beater_.last_round_trip(),
          beater_.sent(), beater_.failed(),         outbox_.results_waiting()};
}

void ManagerLink::set_state(LinkState state) {
  if (state_ == state) return;
  runtime::log(runtime::Transition{"link", peer_.managers.current(), std::string(to_string(state_)),
                                   std::string(to_string(state)), trouble_});
  state_ = state;
  if (hooks_.on_change) hooks_.on_change();
}

void ManagerLink::note_trouble(const std::string& text) {
  if (trouble_ == text) return;
  trouble_ = text;
  runtime::log_warning("link: " + text, {{"MANAGER", peer_.managers.current()}});
  if (hooks_.on_change) hooks_.on_change();
}

// ---- hello --------------------------------------------------------------------------------------

void ManagerLink::say_hello() {
  if (!hooks_.may_hello) return;  // not started
  const bool was_good =
      state_ == LinkState::kSession && loop_.now() - session_since_ >= kGoodSession;
  const bool was_short = state_ == LinkState::kSession && !was_good;
  end_session();
  if (state_ == LinkState::kHello || state_ == LinkState::kPausing) return;
  if (was_good) backoff_.reset();
  if (was_short) {
    pause_then_hello("the session ended at once");
  } else {
    hello();
  }
}

void ManagerLink::reconnect() {
  end_session();
  hello_call_.cancel();
  hello_timer_.cancel();
  backoff_.reset();
  set_state(LinkState::kIdle);
  hello();
}

void ManagerLink::hello() {
  if (!hooks_.may_hello || !hooks_.may_hello()) return set_state(LinkState::kIdle);
  if (peer_.managers.current().empty()) return pause_then_hello("no manager is known");
  set_state(LinkState::kHello);
  hello_repeated_ = false;
  send_hello();
}

void ManagerLink::send_hello() {
  wire::HelloRequest message = hooks_.make_hello();
  message.epoch = told_epoch_;
  auto request =
      make_request(peer_, "POST", wire::kHelloPath, wire::encode(message), kHelloTimeout);
  hello_call_ = client_.send(
      std::move(request),
      [this, said = std::move(message)](const Result<runtime::HttpResponse>& response) {
        hello_answered(said, response);
      });
}

void ManagerLink::hello_answered(const wire::HelloRequest& said,
                                 const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict == Verdict::kOk) {
    const auto answer = wire::decode_hello_answer(result.body);
    if (answer) return open_session(said, *answer);
    peer_.managers.next();
    return pause_then_hello("the answer to hello is wrong: " + answer.error().what);
  }
  if (result.epoch && result.epoch != said.epoch) {
    told_epoch_ = result.epoch;
    // Said again with a list of now. Once only: a manager that changes its mind each time is asked
    // with pauses.
    if (!hello_repeated_) {
      hello_repeated_ = true;
      return send_hello();
    }
  }
  const std::string why = "hello: " + result.text;
  peer_.managers.next();
  pause_then_hello(why);
}

void ManagerLink::pause_then_hello(const std::string& why) {
  note_trouble(why);
  set_state(LinkState::kPausing);
  hello_timer_.start_after(backoff_.next(), [this] {
    set_state(LinkState::kIdle);
    hello();
  });
}

// ---- session ------------------------------------------------------------------------------------

void ManagerLink::open_session(const wire::HelloRequest& said, const wire::HelloAnswer& answer) {
  epoch_ = told_epoch_ = answer.epoch;
  session_since_ = loop_.now();
  poll_wait_ = Duration{answer.poll_wait_ms};
  failures_ = 0;
  trouble_.clear();
  adopt_managers(answer.managers);
  set_state(LinkState::kSession);
  hooks_.on_session(said, answer);
  if (state_ != LinkState::kSession || epoch_ != answer.epoch) return;  // the brain refused it
  beater_.start(epoch_, Duration{answer.beat_interval_ms});
  outbox_.start(epoch_);
  power_.start(epoch_, poll_wait_);
  poll_backoff_.reset();
  poll();
}

// The one that answered stays in the list whatever it says: it is known to work.
void ManagerLink::adopt_managers(const std::vector<std::string>& told) {
  if (told.empty()) return;
  std::vector<std::string> urls;
  for (const std::string& url : told) {
    if (check_manager_url(url)) urls.push_back(url);
  }
  const std::string present = peer_.managers.current();
  if (std::find(urls.begin(), urls.end(), present) == urls.end()) urls.push_back(present);
  peer_.managers.set(std::move(urls));
}

void ManagerLink::end_session() {
  beater_.stop();
  outbox_.stop();
  power_.stop();
  poll_call_.cancel();
  poll_timer_.cancel();
  epoch_ = Epoch{};
  if (state_ == LinkState::kSession) set_state(LinkState::kIdle);
}

void ManagerLink::poll() {
  poll_timer_.cancel();
  if (state_ != LinkState::kSession) return;
  const std::string path =
      std::string(wire::kOrdersPath) + "?epoch=" + std::to_string(epoch_.value);
  const Instant asked = loop_.now();
  poll_call_ = client_.send(
      make_request(peer_, "GET", path, "", poll_wait_ + kPollSlack),
      [this, asked](const Result<runtime::HttpResponse>& response) { polled(asked, response); });
}

void ManagerLink::polled(Instant asked, const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict != Verdict::kOk) {
    poll_timer_.start_after(poll_backoff_.next(), [this] { poll(); });
    call_failed(result);
    return;
  }
  const auto answer = wire::decode_orders_answer(result.body);
  if (!answer) {
    poll_timer_.start_after(poll_backoff_.next(), [this] { poll(); });
    call_failed({Verdict::kTrouble, {}, "the orders are wrong: " + answer.error().what, {}});
    return;
  }
  poll_backoff_.reset();
  const Duration rest = loop_.now() - asked < kPollRest ? kPollRest : Duration{1};
  poll_timer_.start_after(rest, [this] { poll(); });
  const Epoch session = epoch_;
  for (const wire::Order& order : answer->orders) {
    if (epoch_ != session) return;  // an order before made the brain want a new hello
    hooks_.on_order(order);
  }
}

void ManagerLink::beat_answered(const wire::BeatAnswer& answer) {
  power_.note_clock(answer.clock_ms);
  if (failures_ > 0) {
    // The way is open again: a poll parked on a dead connection would not notice for long.
    failures_ = 0;
    poll_backoff_.reset();
    poll_call_.cancel();
    poll_timer_.start_after(Duration{1}, [this] { poll(); });
  }
  if (!trouble_.empty()) {
    trouble_.clear();
    runtime::log_info("link: beats are answered again");
    if (hooks_.on_change) hooks_.on_change();
  }
  if (answer.pools) hooks_.on_pools(answer.pools_version, *answer.pools);
}

void ManagerLink::call_failed(const CallResult& result) {
  if (state_ != LinkState::kSession) return;
  if (result.verdict == Verdict::kVoid) {
    note_trouble("the manager ended the session: " + result.text);
    hooks_.on_void();
    // The brain answers that with SayHello; if it did not, there is no session all the same.
    if (state_ == LinkState::kSession) say_hello();
    return;
  }
  note_trouble(result.text);
  ++failures_;
  if (result.verdict == Verdict::kElsewhere || failures_ >= kPatience) try_next_manager();
}

void ManagerLink::try_next_manager() {
  if (peer_.managers.size() < 2) return;
  peer_.managers.next();
  failures_ = 1;  // still cut: a beat that gets through makes the poll dial anew
  beater_.redial();
  outbox_.redial();
  power_.redial();
  poll_call_.cancel();
  poll_timer_.start_after(poll_backoff_.next(), [this] { poll(); });
  if (hooks_.on_change) hooks_.on_change();
}

}  // namespace mold::agentd
