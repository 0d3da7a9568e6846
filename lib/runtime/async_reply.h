#pragma once
// The promise to answer one HTTP request: exactly once, now or much later (a long poll), from the
// loop thread. Dropping the last reference without an answer answers 500, so that no client waits
// for a handler that forgot it. Outlives its server safely.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mold::runtime {

struct HttpReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  bool close = false;  // close the connection after it
};

class AsyncReply {
 public:
  struct State;  // opaque; shared with the server alone
  explicit AsyncReply(std::shared_ptr<State> state);
  ~AsyncReply();
  AsyncReply(const AsyncReply&) = delete;
  AsyncReply& operator=(const AsyncReply&) = delete;

  // False when there was nobody left to answer (client gone, server stopped) or it was answered
  // before (which is also logged: a bug of the handler).
  bool answer(HttpReply reply);
  // Called once on the loop when the client goes away, or the server stops, before the answer. The
  // callback is dropped, uncalled, once answered.
  void on_closed(std::function<void()> callback);
  [[nodiscard]] bool open() const;  // still waiting for an answer

 private:
  std::shared_ptr<State> state_;
};

using AsyncReplyPtr = std::shared_ptr<AsyncReply>;

}  // namespace mold::runtime
