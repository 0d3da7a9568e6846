#include "manager/agents/session.h"

#include <algorithm>
#include <utility>

#include "lib/wire/limits.h"

namespace mold::manager {
namespace {

constexpr Duration kHandOutAgain{2'000};

}  // namespace

AgentSession::AgentSession(runtime::EventLoop& loop, AnswerOrders answer, Wanted wanted)
    : loop_(loop),
      answer_(std::move(answer)),
      wanted_(std::move(wanted)),
      poll_(loop, [this](const runtime::AsyncReplyPtr& waited) { answer_(waited, {}); }) {}

runtime::AsyncReplyPtr AgentSession::open(Epoch epoch) {
  epoch_ = epoch;
  orders_.clear();
  return take_parked();
}

bool AgentSession::queue(const core::Order& order) {
  if (order.epoch != epoch_) return true;  // of another session: the brain sends it again
  const auto same = [&order](const Waiting& w) {
    return w.order.op == order.op && w.order.vm == order.vm &&
           w.order.generation == order.generation;
  };
  const auto known = std::find_if(orders_.begin(), orders_.end(), same);
  if (known != orders_.end()) {
    *known = {order, std::nullopt};
  } else {
    if (orders_.size() >= wire::limits::kOrders) drop_unwanted();
    if (orders_.size() >= wire::limits::kOrders) return false;
    orders_.push_back({order, std::nullopt});
  }
  hand_out();
  return true;
}

void AgentSession::answered(OpId op) {
  std::erase_if(orders_, [op](const Waiting& w) { return w.order.op == op; });
}

void AgentSession::drop_unwanted() {
  std::erase_if(orders_, [this](const Waiting& w) { return !wanted_(w.order); });
}

void AgentSession::poll(runtime::AsyncReplyPtr reply, Duration wait) {
  poll_.park(std::move(reply), wait);
  hand_out();
}

void AgentSession::hand_out() {
  if (!poll_.parked()) return;
  drop_unwanted();
  const Instant now = loop_.now();
  const auto is_due = [now](const Waiting& waiting) {
    return !waiting.handed_out || now - *waiting.handed_out >= kHandOutAgain;
  };
  std::vector<core::Order> fresh;
  for (const Waiting& waiting : orders_) {
    if (is_due(waiting)) fresh.push_back(waiting.order);
  }
  if (fresh.empty()) return;
  const runtime::AsyncReplyPtr reply = take_parked();
  if (!answer_(reply, fresh)) return;  // nobody was there: still to be handed out
  for (Waiting& waiting : orders_) {
    if (is_due(waiting)) waiting.handed_out = now;
  }
  // Nobody answers an order without op: handing it out is all.
  std::erase_if(orders_, [](const Waiting& w) { return !w.order.op; });
}

}  // namespace mold::manager
