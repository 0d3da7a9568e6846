#pragma once
// One agent's session as the listener keeps it: its epoch, the orders waiting for their results,
// and the poll it has parked here. An order stays until its result came or the brain no longer
// waits for it; it is handed out once, and again when the brain sends it again or a later poll
// finds it still unanswered (the answer to the earlier one may have been lost). Loop thread only.
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/engine/order.h"
#include "lib/base/ids.h"
#include "lib/base/time.h"
#include "lib/runtime/async_reply.h"
#include "lib/runtime/event_loop.h"
#include "manager/agents/parked_poll.h"

namespace mold::manager {

class AgentSession {
 public:
  // Answers a parked poll: with orders (maybe none), or with a refusal.
  using AnswerOrders =
      std::function<bool(const runtime::AsyncReplyPtr&, const std::vector<core::Order>&)>;
  using Wanted = std::function<bool(const core::Order&)>;

  AgentSession(runtime::EventLoop& loop, AnswerOrders answer, Wanted wanted);

  [[nodiscard]] Epoch epoch() const { return epoch_; }
  // A new session: what was queued under the old epoch is dropped. The parked poll is handed back.
  runtime::AsyncReplyPtr open(Epoch epoch);
  // False when the queue is full (the brain sends again).
  bool queue(const core::Order& order);
  void answered(OpId op);
  // Answers at once when there is something to hand out, else parks up to `wait`. An older parked
  // poll is answered empty.
  void poll(runtime::AsyncReplyPtr reply, Duration wait);
  runtime::AsyncReplyPtr take_parked() { return poll_.take(); }
  [[nodiscard]] std::size_t waiting() const { return orders_.size(); }
  [[nodiscard]] bool parked() const { return poll_.parked(); }

 private:
  struct Waiting {
    core::Order order;
    std::optional<Instant> handed_out;
  };
  void drop_unwanted();
  void hand_out();

  runtime::EventLoop& loop_;
  AnswerOrders answer_;
  Wanted wanted_;
  Epoch epoch_;
  std::deque<Waiting> orders_;
  ParkedPoll poll_;
};

}  // namespace mold::manager
