#include "manager/api/request.h"

#include <algorithm>

#include "lib/base/text.h"
#include "manager/api/utf8.h"

namespace mold::manager::api {
namespace {

bool is_form(const runtime::ServerRequest& raw) {
  const std::string_view type = raw.header("Content-Type");
  const std::string_view bare = trim(type.substr(0, type.find(';')));
  return bare.empty() || iequals(bare, "application/x-www-form-urlencoded");
}

void take(const std::vector<runtime::QueryPair>& pairs, ApiRequest& request) {
  for (const runtime::QueryPair& pair : pairs) {
    if (pair.name.empty() && pair.value.empty()) continue;  // "a=1&&b=2"
    const std::string lower = to_lower(pair.name);
    const auto old = request.params.find(lower);
    if (old != request.params.end() && old->second != pair.value) {
      request.repeated.push_back(lower);
    }
    request.sent[pair.name] = pair.value;
    request.params[lower] = pair.value;
  }
}

std::size_t count_pairs(std::string_view raw) {
  return raw.empty() ? 0 : static_cast<std::size_t>(std::count(raw.begin(), raw.end(), '&')) + 1;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_control);
}

}  // namespace

std::string_view ApiRequest::get(std::string_view name) const {
  const auto found = params.find(std::string(name));
  return found == params.end() ? std::string_view() : std::string_view(found->second);
}

std::string ApiRequest::warning() const {
  constexpr std::size_t kNames = 4;
  constexpr std::size_t kNameBytes = 64;
  if (repeated.empty()) return {};
  std::string text = "parameters given more than once, the last one counts: ";
  for (std::size_t i = 0; i < std::min(kNames, repeated.size()); ++i)
    text += (i == 0 ? "" : ", ") + repeated[i].substr(0, kNameBytes);
  if (repeated.size() > kNames)
    text += " and " + std::to_string(repeated.size() - kNames) + " more";
  return text;
}

ApiRequest read_request(const runtime::ServerRequest& raw) {
  ApiRequest request;
  request.post = raw.method == "POST";
  request.peer_address = raw.peer_address;
  take(raw.query, request);
  if (request.post && is_form(raw)) {
    take(runtime::parse_query(raw.body, kMaxParameters + 1), request);
  }
  request.format = parse_format(request.get("response"));
  request.command = std::string(request.get("command"));
  return request;
}

ApiResult<void> check_request(const runtime::ServerRequest& raw, const ApiRequest& request) {
  if (request.post && !raw.body.empty() && !is_form(raw)) {
    return refuse({415, 9999, "a POST body must be application/x-www-form-urlencoded", true});
  }
  const std::size_t form_pairs = request.post ? count_pairs(raw.body) : 0;
  if (count_pairs(raw.raw_query) + form_pairs > kMaxParameters) {
    return refuse(invalid_parameter("more than " + std::to_string(kMaxParameters) +
                                    " parameters in one request"));
  }
  for (const auto& [name, value] : request.sent) {
    if (name.empty() || name.find_first_of("&=") != std::string::npos || has_control(name) ||
        !is_utf8(name)) {
      return refuse(malformed("Received a parameter with a name that cannot be a name"));
    }
    if (has_control(value)) {
      return refuse(malformed("Received value for parameter " + name +
                              " is invalid, contains illegal ASCII non-printable characters"));
    }
    if (!is_utf8(value)) {
      return refuse(malformed("Received value for parameter " + name + " is not valid UTF-8"));
    }
  }
  return {};
}

}  // namespace mold::manager::api
