// The parts of http_server.h that need no server: reading what a request says.
#include <algorithm>

#include "lib/base/text.h"
#include "lib/runtime/http_client.h"
#include "lib/runtime/http_server.h"

namespace mold::runtime {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
      continue;
    }
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

std::vector<QueryPair> parse_query(std::string_view raw, std::size_t max_pairs) {
  std::vector<QueryPair> pairs;
  while (!raw.empty() && pairs.size() < max_pairs) {
    const auto end = std::min(raw.find('&'), raw.size());
    const std::string_view part = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    QueryPair pair;
    pair.raw_name = std::string(part.substr(0, equals));
    if (equals != std::string_view::npos) pair.raw_value = std::string(part.substr(equals + 1));
    pair.name = percent_decode(pair.raw_name, true);
    pair.value = percent_decode(pair.raw_value, true);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

std::string_view ServerRequest::header(std::string_view name) const {
  return find_header(headers, name);
}

const std::string* ServerRequest::query_value(std::string_view name) const {
  const auto place =
      std::find_if(query.begin(), query.end(), [name](const auto& p) { return p.name == name; });
  return place == query.end() ? nullptr : &place->value;
}

}  // namespace mold::runtime
