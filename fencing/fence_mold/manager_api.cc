#include "fencing/fence_mold/manager_api.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace mold::fence_mold {
namespace {

using Json = nlohmann::json;

constexpr Duration kCallLimit = 20s;
constexpr Duration kSignatureLife = 10min;
constexpr std::size_t kMostBytes = 16UL * 1024 * 1024;

ErrorKind kind_of(int http_status, std::int64_t code) {
  if (code == 401 || code == 531) return ErrorKind::kDenied;
  if (http_status == 503) return ErrorKind::kUnavailable;  // stands by, starts or ends
  return ErrorKind::kInternal;
}

Result<Json> open_envelope(int http_status, const std::string& body) {
  const std::string status = "HTTP " + std::to_string(http_status);
  Json answer = Json::parse(body, nullptr, false);
  if (!answer.is_object() || answer.size() != 1 || !answer.begin().value().is_object()) {
    return fail(http_status == 503 ? ErrorKind::kUnavailable : ErrorKind::kUnknown,
                status + " without an API answer in it; is that the manager's URL?");
  }
  Json inside = std::move(answer.begin().value());
  if (http_status == 200 && !inside.contains("errorcode")) return inside;
  const std::int64_t code =
      inside.contains("errorcode") ? number_of(inside, "errorcode") : http_status;
  const std::string text = text_of(inside, "errortext");
  return fail(kind_of(http_status, code),
              (text.empty() ? status : text) + " (" + std::to_string(code) + ")");
}

}  // namespace

std::string text_of(const Json& object, std::string_view key) {
  if (!object.is_object()) return {};
  const auto found = object.find(key);
  if (found == object.end()) return {};
  const auto* const text = found->get_ptr<const std::string*>();
  return text == nullptr ? std::string() : *text;
}

std::int64_t number_of(const Json& object, std::string_view key) {
  if (!object.is_object()) return 0;
  const auto found = object.find(key);
  return found == object.end() || !found->is_number_integer() ? 0 : found->get<std::int64_t>();
}

ManagerApi::ManagerApi(runtime::EventLoop& loop, ManagerAccess access)
    : loop_(loop), access_(std::move(access)), http_(loop) {}

Result<Json> ManagerApi::call(const std::string& url, const std::string& command,
                              runtime::QueryParams params, Instant deadline) {
  params["command"] = command;
  runtime::HttpRequest request;
  // POST for all: a signed query does not end up in anybody's log of URLs.
  request.method = "POST";
  request.url = url;
  request.body =
      runtime::signed_query(std::move(params), access_.credentials.key, access_.credentials.secret,
                            WallTime{loop_.wall().ms + kSignatureLife.count()});
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request.timeout = std::clamp(deadline - loop_.now(), Duration{500}, kCallLimit);
  request.tls.ca_file = access_.ca_file;
  request.tls.verify_peer = !access_.insecure;
  request.tls.verify_host = !access_.insecure;
  request.max_response_bytes = kMostBytes;
  const Duration limit = request.timeout + 5s;
  const auto answer = std::make_shared<std::optional<Result<runtime::HttpResponse>>>();
  const auto handle =
      http_.send(std::move(request), [answer](auto result) { answer->emplace(std::move(result)); });
  loop_.run_until([&answer] { return answer->has_value(); }, limit);
  if (!*answer) return fail(ErrorKind::kCancelled, "interrupted");
  if (!**answer) return fail((*answer)->error());
  return open_envelope((*answer)->value().status, (*answer)->value().body);
}

}  // namespace mold::fence_mold
