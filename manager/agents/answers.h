#pragma once
// Answers of the agents' door. Pure.
#include <string>
#include <string_view>

#include "lib/base/ids.h"
#include "lib/base/result.h"
#include "lib/runtime/async_reply.h"

namespace mold::manager {

void answer_ok(const runtime::AsyncReplyPtr& reply, std::string body);
void answer_error(const runtime::AsyncReplyPtr& reply, int status, std::string_view error,
                  const std::string& text, Epoch epoch = {});
// What a failure of the house means to an agent: 400 what it said is wrong, 403, 503 try again.
void answer_failure(const runtime::AsyncReplyPtr& reply, const Error& error);

}  // namespace mold::manager
