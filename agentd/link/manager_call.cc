#include "agentd/link/manager_call.h"

#include <algorithm>
#include <utility>

#include "lib/wire/codec.h"
#include "lib/wire/limits.h"
#include "lib/wire/messages.h"

namespace mold::agentd {
namespace {

constexpr Duration kConnectTimeout{2'000};

Verdict verdict_of(int status, const std::string& error) {
  if (status == 409 && error == wire::kErrorSession) return Verdict::kVoid;
  if (status == 401 || status == 403) return Verdict::kDenied;
  if (status == 503) return Verdict::kElsewhere;
  if (status >= 400 && status < 500 && status != 408 && status != 429) return Verdict::kInvalid;
  return Verdict::kTrouble;
}

}  // namespace

CallResult judge(const Result<runtime::HttpResponse>& response) {
  CallResult out;
  if (!response) {
    out.verdict =
        response.error().kind == ErrorKind::kDenied ? Verdict::kDenied : Verdict::kTrouble;
    out.text = response.error().text();
    return out;
  }
  if (response->status == 200) {
    out.verdict = Verdict::kOk;
    out.body = response->body;
    return out;
  }
  const auto error = wire::decode_error_answer(response->body);
  out.verdict = verdict_of(response->status, error ? error->error : "");
  out.text = "HTTP " + std::to_string(response->status);
  if (error) {
    out.text += " " + error->error + ": " + error->text;
    out.epoch = error->epoch;
  }
  return out;
}

Status check_manager_url(const std::string& url) {
  constexpr std::string_view kScheme = "https://";
  const std::string_view view = url;
  const std::string_view rest = view.substr(std::min(kScheme.size(), view.size()));
  const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']' || c == '_';
  });
  if (view.substr(0, kScheme.size()) != kScheme || rest.empty() || !plain ||
      url.size() > wire::limits::kName) {
    return fail(ErrorKind::kInvalid, "manager '" + url + "' is not of the form https://HOST:8250");
  }
  return {};
}

void ManagerList::set(std::vector<std::string> urls) {
  const std::string present = current();
  urls_ = std::move(urls);
  const auto found = std::find(urls_.begin(), urls_.end(), present);
  at_ = found == urls_.end() ? 0 : static_cast<std::size_t>(found - urls_.begin());
}

const std::string& ManagerList::current() const {
  static const std::string none;
  return urls_.empty() ? none : urls_[at_];
}

void ManagerList::next() {
  if (!urls_.empty()) at_ = (at_ + 1) % urls_.size();
}

runtime::HttpRequest make_request(const Peer& peer, std::string method, std::string_view path,
                                  std::string body, Duration timeout) {
  runtime::HttpRequest request;
  request.method = std::move(method);
  request.url = peer.managers.current() + std::string(path);
  if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  request.timeout = timeout;
  request.connect_timeout = std::min(timeout, kConnectTimeout);
  request.tls.material = peer.tls;
  request.max_response_bytes = wire::limits::kBodyBytes;
  return request;
}

}  // namespace mold::agentd
