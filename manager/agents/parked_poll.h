#pragma once
// One long poll that waits for something to be handed out: at most one per agent and purpose. An
// older one, and one whose time is over, is answered empty by `empty`. Loop thread only; dies
// before the loop.
#include <functional>

#include "lib/base/time.h"
#include "lib/runtime/async_reply.h"
#include "lib/runtime/event_loop.h"

namespace mold::manager {

class ParkedPoll {
 public:
  using Empty = std::function<void(const runtime::AsyncReplyPtr&)>;

  ParkedPoll(runtime::EventLoop& loop, Empty empty);

  void park(runtime::AsyncReplyPtr reply, Duration wait);
  // Whoever takes it answers it.
  runtime::AsyncReplyPtr take();
  [[nodiscard]] bool parked() const { return reply_ != nullptr; }
  // Parked, and its agent is still there as far as can be seen.
  [[nodiscard]] bool open() const { return reply_ != nullptr && reply_->open(); }

 private:
  void answer_empty();

  Empty empty_;
  runtime::AsyncReplyPtr reply_;
  runtime::Timer timer_;
};

}  // namespace mold::manager
