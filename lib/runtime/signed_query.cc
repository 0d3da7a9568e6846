#include "lib/runtime/signed_query.h"

#include <ctime>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"

namespace mold::runtime {
namespace {

std::string joined_pairs(const QueryParams& params) {
  std::string out;
  for (const auto& [name, value] : params) {
    if (!out.empty()) out += '&';
    out += url_encode(name) + '=' + url_encode(value);
  }
  return out;
}

}  // namespace

std::string url_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_' || c == '.' || c == '*';
    if (bare) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string api_time(WallTime time) {
  const std::time_t seconds = time.ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+0000", &parts);
  return {text, length};
}

std::string signed_query(QueryParams params, std::string_view api_key, const Secret& secret,
                         WallTime expires) {
  params["response"] = "json";
  if (api_key.empty()) return joined_pairs(params);
  params["apikey"] = api_key;
  params["signatureversion"] = "3";
  params["expires"] = api_time(expires);
  const std::string query = joined_pairs(params);
  const std::string mac = hmac_sha256(secret.reveal(), to_lower(query));
  return query + "&signature=" + url_encode(base64_encode(mac));
}

}  // namespace mold::runtime
