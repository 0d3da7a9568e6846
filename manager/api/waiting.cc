#include "manager/api/waiting.h"

#include <memory>
#include <utility>

namespace mold::manager::api {
namespace {

// Lives in its own timer until it ends; the timer's callback may destroy it.
struct Poll {
  Poll(const CallPtr& waiting, Instant until)
      : call(waiting), end(until), timer(waiting->services().loop) {}

  CallPtr call;
  Instant end;
  std::function<bool(const CallPtr&)> look;
  std::function<void(const CallPtr&)> give_up;
  runtime::Timer timer;
};

// By value: cancelling drops the timer's own reference.
void look_again(std::shared_ptr<Poll> poll) {
  const CallPtr call = poll->call;
  if (!call->reply()->open()) {
    poll->timer.cancel();
  } else if (poll->look(call)) {
    poll->timer.cancel();
  } else if (call->services().loop.now() >= poll->end) {
    poll->give_up(call);
    poll->timer.cancel();
  }
}

}  // namespace

const ParamSpec kWaitParam{"wait", ParamType::kInteger, kOptional,
                           "hold the answer for up to so many seconds, at most 60"};

ApiResult<Duration> read_wait(const Params& params) {
  const std::int64_t seconds = params.integer("wait").value_or(0);
  if (seconds < 0 || seconds > kMaxWaitSeconds) {
    return refuse(params.wrong("wait", "seconds, from 0 to 60"));
  }
  return Duration{seconds * 1000};
}

void poll_until(const CallPtr& call, Duration period, Duration limit,
                std::function<bool(const CallPtr&)> look,
                std::function<void(const CallPtr&)> give_up) {
  auto poll = std::make_shared<Poll>(call, call->services().loop.now() + limit);
  poll->look = std::move(look);
  poll->give_up = std::move(give_up);
  // Client gone, server stopped: the timer goes, and with it the poll.
  std::weak_ptr<Poll> weak = poll;
  call->reply()->on_closed([weak] {
    if (const auto gone = weak.lock()) gone->timer.cancel();
  });
  poll->timer.start_periodic(period, [poll] { look_again(poll); });
}

}  // namespace mold::manager::api
