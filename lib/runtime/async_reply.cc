#include "lib/runtime/async_reply.h"

#include "lib/runtime/http_server_parts.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {

bool AsyncReply::State::answer(HttpReply the_reply) {
  if (gone) return false;
  if (answered) {
    log(LogLevel::kError, messages::kReplyMisuse, "a request was answered twice");
    return false;
  }
  answered = true;
  reply = std::move(the_reply);
  const auto dropped = std::exchange(on_closed, nullptr);
  if (const auto call = std::exchange(wake, nullptr)) call();
  return true;
}

void AsyncReply::State::close() {
  if (answered || gone) return;
  gone = true;
  wake = nullptr;
  if (const auto call = std::exchange(on_closed, nullptr)) call();
}

AsyncReply::AsyncReply(std::shared_ptr<State> state) : state_(std::move(state)) {}

AsyncReply::~AsyncReply() {
  if (!open()) return;
  log(LogLevel::kError, messages::kReplyMisuse, "a request was dropped without an answer");
  state_->answer({500, "the request was dropped\n", "text/plain", {}, false});
}

bool AsyncReply::answer(HttpReply reply) {
  return state_->answer(std::move(reply));
}

void AsyncReply::on_closed(std::function<void()> callback) {
  if (state_->answered) return;
  if (state_->gone) {
    callback();
    return;
  }
  state_->on_closed = std::move(callback);
}

bool AsyncReply::open() const {
  return !state_->answered && !state_->gone;
}

}  // namespace mold::runtime
