#include "manager/agents/answers.h"

#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/messages.h"

namespace mold::manager {

void answer_ok(const runtime::AsyncReplyPtr& reply, std::string body) {
  runtime::HttpReply answer;
  answer.body = std::move(body);
  reply->answer(std::move(answer));
}

void answer_error(const runtime::AsyncReplyPtr& reply, int status, std::string_view error,
                  const std::string& text, Epoch epoch) {
  runtime::HttpReply answer;
  answer.status = status;
  answer.body = wire::encode(wire::ErrorAnswer{std::string(error), text, epoch});
  reply->answer(std::move(answer));
}

void answer_failure(const runtime::AsyncReplyPtr& reply, const Error& error) {
  switch (error.kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kUnsupported:
      answer_error(reply, 400, wire::kErrorInvalid, error.what);
      return;
    case ErrorKind::kDenied:
      answer_error(reply, 403, wire::kErrorDenied, error.what);
      return;
    case ErrorKind::kNotFound:
      answer_error(reply, 404, wire::kErrorNotFound, error.what);
      return;
    case ErrorKind::kConflict:
      answer_error(reply, 409, wire::kErrorSession, error.what);
      return;
    case ErrorKind::kBusy:
    case ErrorKind::kTimeout:
    case ErrorKind::kUnavailable:
    case ErrorKind::kCancelled:
    case ErrorKind::kUnknown:
      answer_error(reply, 503, wire::kErrorBusy, error.what);
      return;
    case ErrorKind::kCorrupt:
    case ErrorKind::kInternal:
      answer_error(reply, 500, wire::kErrorInternal, error.what);
      return;
  }
}

}  // namespace mold::manager
