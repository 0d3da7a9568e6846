#include "manager/agents/power_desk.h"

#include <algorithm>
#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/limits.h"
#include "manager/agents/answers.h"

namespace mold::manager {
namespace {

// An agent that polls comes again within its wait; one that did not for this long is not there.
constexpr Duration kPollGap{3'000};
// An order that the agent has not taken over by then is not given to it any more, and refused by it
// if it is held up for longer: the host that it is about may be back.
constexpr Duration kTakenWithin{3'000};
// The agent ends a request within its deadline and a second; then the answer has to travel.
constexpr Duration kTravel{4'000};

}  // namespace

PowerDesk::PowerDesk(runtime::EventLoop& loop, Connected connected)
    : loop_(loop), connected_(std::move(connected)), alive_(std::make_shared<bool>(true)) {}

PowerDesk::~PowerDesk() {
  *alive_ = false;
}

// ---- the agents' side ---------------------------------------------------------------------------

PowerDesk::Desk::Desk(runtime::EventLoop& loop)
    : poll(loop, [this, &loop](const runtime::AsyncReplyPtr& waited) {
        last_poll = loop.now();
        answer_ok(waited, wire::encode(wire::PowerOrders{}));
      }) {}

PowerDesk::Desk& PowerDesk::desk_of(HostId host) {
  return desks_.try_emplace(host, loop_).first->second;
}

void PowerDesk::poll(HostId host, runtime::AsyncReplyPtr reply, Duration wait) {
  Desk& desk = desk_of(host);
  desk.last_poll = loop_.now();
  desk.poll.park(std::move(reply), wait);
  hand_out(desk);
}

void PowerDesk::hand_out(Desk& desk) {
  if (!desk.poll.open()) return;
  wire::PowerOrders message;
  std::vector<std::uint64_t> tickets;
  for (auto& [ticket, asked] : desk.asked) {
    if (asked.handed_out || message.orders.size() >= wire::limits::kPowerOrders) continue;
    message.orders.push_back(asked.order);
    tickets.push_back(ticket);
  }
  if (message.orders.empty()) return;
  desk.last_poll = loop_.now();
  // Marked before it goes: whoever cannot be told may have been told half.
  for (const std::uint64_t ticket : tickets) desk.asked[ticket].handed_out = true;
  runtime::HttpReply reply;
  reply.body = wire::encode(message);
  if (desk.poll.take()->answer(std::move(reply))) return;
  // Nobody was there any more: not a byte went out.
  for (const std::uint64_t ticket : tickets) desk.asked[ticket].handed_out = false;
}

void PowerDesk::take_outcomes(HostId host, const std::vector<wire::PowerOutcome>& outcomes) {
  const auto desk = desks_.find(host);
  if (desk == desks_.end()) return;
  for (const wire::PowerOutcome& outcome : outcomes) {
    auto node = desk->second.asked.extract(outcome.ticket);
    if (node.empty() || !node.mapped().handed_out) continue;
    node.mapped().done(outcome);
  }
}

void PowerDesk::end_session(HostId host) {
  const auto found = desks_.find(host);
  if (found == desks_.end()) return;
  Desk& desk = found->second;
  desk.last_poll.reset();
  if (const auto parked = desk.poll.take())
    answer_error(parked, 409, wire::kErrorSession, "another session was opened for this host");
  // What was handed out may still be carried out: it is answered when its time is over, so that
  // nobody reads "on" and thinks the off is not coming any more.
  std::vector<Asked> unsent;
  for (auto at = desk.asked.begin(); at != desk.asked.end();) {
    if (at->second.handed_out) {
      ++at;
      continue;
    }
    unsent.push_back(std::move(at->second));
    at = desk.asked.erase(at);
  }
  for (Asked& asked : unsent)
    fail(std::move(asked), "the agent that was to do it lost its session");
}

// ---- the brain's side ---------------------------------------------------------------------------

bool PowerDesk::available(HostId executor) {
  const auto desk = desks_.find(executor);
  if (desk == desks_.end()) return false;
  if (desk->second.poll.open()) return true;
  return desk->second.last_poll && loop_.now() - *desk->second.last_poll < kPollGap;
}

std::vector<HostId> PowerDesk::candidates(ClusterId cluster) {
  std::vector<HostId> hosts = connected_(cluster);
  std::erase_if(hosts, [this](HostId host) { return !available(host); });
  return hosts;
}

void PowerDesk::request(HostId executor, OpId op, const port::PowerTarget& target,
                        core::PowerVerb verb, Duration deadline, port::PowerControl::Done done) {
  wire::PowerOrder order;
  order.target = target;
  order.op = op;
  order.verb = verb;
  ask(executor, std::move(order), deadline,
      [done = std::move(done)](const wire::PowerOutcome& outcome) {
        done({outcome.outcome, outcome.state, outcome.error, outcome.text});
      });
}

void PowerDesk::identify(HostId executor, const port::PowerTarget& target, Duration deadline,
                         std::function<void(port::IdentityResult)> done) {
  wire::PowerOrder order;
  order.target = target;
  order.task = wire::PowerTask::kIdentify;
  ask(executor, std::move(order), deadline,
      [done = std::move(done)](const wire::PowerOutcome& outcome) {
        done({outcome.outcome,
              {outcome.uuid, outcome.serial, outcome.model},
              outcome.error,
              outcome.text});
      });
}

void PowerDesk::ask(HostId executor, wire::PowerOrder order, Duration deadline,
                    std::function<void(wire::PowerOutcome)> done) {
  const std::uint64_t ticket = next_ticket_++;
  Asked asked;
  asked.order = std::move(order);
  asked.order.ticket = ticket;
  asked.order.deadline_ms = static_cast<std::uint64_t>(deadline.count());
  asked.order.not_after_ms = static_cast<std::uint64_t>((loop_.now() + kTakenWithin).ms);
  asked.done = std::move(done);
  asked.timer = std::make_unique<runtime::Timer>(loop_);
  if (!available(executor)) {
    fail(std::move(asked), "the agent that was to do it is not connected");
    return;
  }
  asked.timer->start_after(kTakenWithin, [this, executor, ticket] { not_taken(executor, ticket); });
  Desk& desk = desk_of(executor);
  desk.asked.emplace(ticket, std::move(asked));
  hand_out(desk);
}

void PowerDesk::not_taken(HostId executor, std::uint64_t ticket) {
  auto& all = desk_of(executor).asked;
  const auto asked = all.find(ticket);
  if (asked == all.end()) return;
  if (!asked->second.handed_out) {
    out_of_time(executor, ticket);
    return;
  }
  const Duration deadline{static_cast<std::int64_t>(asked->second.order.deadline_ms)};
  asked->second.timer->start_after(deadline + kTravel,
                                   [this, executor, ticket] { out_of_time(executor, ticket); });
}

void PowerDesk::out_of_time(HostId executor, std::uint64_t ticket) {
  auto node = desk_of(executor).asked.extract(ticket);
  if (!node.empty()) fail(std::move(node.mapped()), "the agent that was to do it did not answer");
}

void PowerDesk::fail(Asked asked, const std::string& why) {
  wire::PowerOutcome outcome;
  outcome.ticket = asked.order.ticket;
  outcome.outcome = asked.handed_out ? core::Outcome::kUnknown : core::Outcome::kFailed;
  outcome.error = asked.handed_out ? ErrorKind::kUnknown : ErrorKind::kUnavailable;
  outcome.text = why + (asked.handed_out ? ": it may have been carried out" : ": nothing was sent");
  loop_.post([alive = alive_, done = std::move(asked.done), outcome = std::move(outcome)] {
    if (*alive) done(outcome);
  });
}

}  // namespace mold::manager
