#include "hactl/client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

namespace mold::hactl {
namespace {

constexpr Duration kCallLimit = 60s;
constexpr Duration kSignatureLife = 15min;
constexpr Duration kManagerMayBeAway = 60s;

ErrorKind kind_of_code(std::int64_t code, std::string_view text) {
  switch (code) {
    case 401:
    case 531:
      return ErrorKind::kDenied;
    case 404:
      return ErrorKind::kCorrupt;
    case 405:
    case 430:
      return ErrorKind::kInvalid;
    case 431: {
      const bool unknown_id = text.find("not exist") != std::string_view::npos ||
                              text.find("unable to find") != std::string_view::npos ||
                              text.find("Unable to find") != std::string_view::npos;
      return unknown_id ? ErrorKind::kNotFound : ErrorKind::kInvalid;
    }
    case 432:
      return ErrorKind::kUnsupported;
    case 429:
    case 532:
    case 533:
    case 535:
    case 536:
      return ErrorKind::kBusy;
    default:
      return ErrorKind::kInternal;
  }
}

Error api_error(int http_status, const Json& inside) {
  const std::int64_t code = number_of(inside, "errorcode", http_status);
  std::string text = text_of(inside, "errortext");
  if (text.empty()) text = "the manager answered HTTP " + std::to_string(http_status);
  return Error{kind_of_code(code, text), text + " (" + std::to_string(code) + ")"};
}

// A manager that restarts is away for a moment; what it says is another matter.
bool may_be_away(const Error& error) {
  return error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kUnknown;
}

}  // namespace

bool is_read_only(std::string_view command) {
  return command.starts_with("list") || command.starts_with("query") ||
         command.starts_with("explain") || command.starts_with("get");
}

Result<Json> open_envelope(int http_status, const std::string& body) {
  auto answer = parse_json(body);
  if (!answer || !answer->is_object() || answer->size() != 1) {
    return fail(ErrorKind::kCorrupt,
                "HTTP " + std::to_string(http_status) +
                    " without an API answer in it; is that the manager's URL?");
  }
  Json inside = answer->begin().value();
  if (http_status != 200 || inside.contains("errorcode"))
    return fail(api_error(http_status, inside));
  return inside;
}

Client::Client(runtime::EventLoop& loop, Settings settings)
    : loop_(loop), settings_(std::move(settings)), http_(loop) {}

runtime::HttpRequest Client::request(bool read_only, const std::string& query) const {
  runtime::HttpRequest request;
  request.url = settings_.url;
  request.timeout = kCallLimit;
  request.max_response_bytes = 64UL * 1024 * 1024;
  request.tls.ca_file = settings_.ca_file;
  request.tls.verify_peer = !settings_.insecure;
  request.tls.verify_host = !settings_.insecure;
  if (read_only) {
    request.url += "?" + query;
  } else {
    request.method = "POST";
    request.body = query;
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  }
  return request;
}

Result<runtime::HttpResponse> Client::exchange(bool read_only, const std::string& query) {
  std::optional<Result<runtime::HttpResponse>> answer;
  const runtime::HttpRequest sent = request(read_only, query);
  const auto handle =
      http_.send(sent, [&answer](auto result) { answer.emplace(std::move(result)); });
  loop_.run_until([&answer] { return answer.has_value(); }, kCallLimit + 5s);
  if (!answer) return fail(ErrorKind::kUnknown, "no answer");
  if (*answer) return std::move(*answer);
  // The signed query stays out of what people see and paste.
  Error error = answer->error();
  if (const auto at = error.what.find(sent.url); at != std::string::npos) {
    error.what.replace(at, sent.url.size(), settings_.url);
  }
  if (error.kind == ErrorKind::kTimeout) error.kind = ErrorKind::kUnavailable;
  return fail(std::move(error));
}

Result<Json> Client::call(const std::string& command, Params params) {
  params["command"] = command;
  const bool read_only = is_read_only(command);
  for (int tries = 0;; ++tries) {
    const WallTime expires{loop_.wall().ms + kSignatureLife.count()};
    const std::string query =
        runtime::signed_query(params, settings_.api_key, settings_.secret_key, expires);
    auto response = exchange(read_only, query);
    if (response) return open_envelope(response->status, response->body);
    const bool broke = response.error().kind == ErrorKind::kUnknown;
    if (!read_only || !broke || tries > 0) return fail(std::move(response).error());
  }
}

Result<Json> Client::wait_job(const std::string& job_id, const JobWait& wait) {
  const Instant start = loop_.now();
  Instant last_heard = start;
  while (true) {
    const Instant asked = loop_.now();
    const auto patience = wait.progress ? "1" : "20";  // the manager answers at once when it ended
    auto answer = call("queryAsyncJobResult", {{"jobid", job_id}, {"wait", patience}});
    const Instant now = loop_.now();
    if (answer) {
      last_heard = now;
      const std::int64_t status = number_of(*answer, "jobstatus", 0);
      if (status == 1) return object_of(*answer, "jobresult");
      if (status != 0) {
        const Json& result = object_of(*answer, "jobresult");
        const std::string text = text_of(result, "errortext");
        return fail(ErrorKind::kConflict, text.empty() ? "the job failed" : text);
      }
    } else if (!may_be_away(answer.error()) || now - last_heard > kManagerMayBeAway) {
      return fail(std::move(answer).error());
    }
    if (now - start > wait.limit) {
      return fail(ErrorKind::kTimeout,
                  "job " + job_id + " still runs (hactl job wait " + job_id + ")");
    }
    if (wait.progress) wait.progress(now - start);
    // Only a manager that does not know `wait`, or is away, answers in no time.
    if (loop_.now() - asked < 100ms) pause(300ms);
  }
}

void Client::pause(Duration how_long) {
  loop_.run_until([] { return false; }, how_long);
}

}  // namespace mold::hactl
