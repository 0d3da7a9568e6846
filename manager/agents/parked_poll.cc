#include "manager/agents/parked_poll.h"

#include <utility>

namespace mold::manager {

ParkedPoll::ParkedPoll(runtime::EventLoop& loop, Empty empty)
    : empty_(std::move(empty)), timer_(loop) {}

void ParkedPoll::park(runtime::AsyncReplyPtr reply, Duration wait) {
  answer_empty();
  reply_ = std::move(reply);
  timer_.start_after(wait, [this] { answer_empty(); });
}

runtime::AsyncReplyPtr ParkedPoll::take() {
  timer_.cancel();
  return std::exchange(reply_, nullptr);
}

void ParkedPoll::answer_empty() {
  if (const runtime::AsyncReplyPtr waited = take()) empty_(waited);
}

}  // namespace mold::manager
