#include "manager/api/urls.h"

#include <algorithm>

#include "lib/base/text.h"
#include "manager/api/utf8.h"

namespace mold::manager::api {
namespace {

// What follows "scheme://", without regard to letter case of the scheme.
std::optional<std::string_view> after_scheme(std::string_view url, std::string_view scheme) {
  const std::size_t end = url.find("://");
  if (end == std::string_view::npos || !iequals(url.substr(0, end), scheme)) return std::nullopt;
  return url.substr(end + 3);
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

std::optional<std::string> path_after_host(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::string path(rest.substr(slash));
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (!is_plain_path(path)) return std::nullopt;
  return path;
}

}  // namespace

std::optional<std::string> host_of_url(std::string_view url) {
  std::string_view rest = trim(url);
  const std::size_t scheme = rest.find("://");
  if (scheme != std::string_view::npos) {
    const std::string_view name = rest.substr(0, scheme);
    if (!iequals(name, "kvm") && !iequals(name, "http") && !iequals(name, "https")) {
      return std::nullopt;
    }
    rest = rest.substr(scheme + 3);
  }
  rest = rest.substr(0, rest.find('/'));
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && parse_number<std::uint16_t>(rest.substr(colon + 1))) {
    rest = rest.substr(0, colon);
  }
  if (rest.empty() || rest.size() > 253 || rest[0] == '.' || rest[0] == '-' ||
      !std::all_of(rest.begin(), rest.end(), is_host_char)) {
    return std::nullopt;
  }
  return std::string(rest);
}

std::optional<std::string> path_of_file_url(std::string_view url) {
  const auto rest = after_scheme(trim(url), "file");
  if (!rest || rest->empty() || rest->back() == '/') return std::nullopt;
  return path_after_host(*rest);
}

std::optional<std::string> snapshot_of_url(std::string_view url) {
  url = trim(url);
  if (url.size() < 4 || !iequals(url.substr(0, 4), "rbd:")) return std::nullopt;
  const std::string_view rest = url.substr(4);
  const std::size_t slash = rest.find('/');
  const std::size_t at = rest.find('@');
  if (slash == 0 || slash == std::string_view::npos || at == std::string_view::npos ||
      at < slash + 2 || at + 1 == rest.size()) {
    return std::nullopt;
  }
  return "rbd:" + std::string(rest);
}

bool is_plain_path(std::string_view path) {
  if (path.size() < 2 || path.size() > 1024 || path[0] != '/' || path.back() == '/') return false;
  const bool clean = std::none_of(path.begin(), path.end(), [](char c) {
    return is_control(c) || c == '\n' || c == '\r' || c == '\t';
  });
  if (!clean) return false;
  for (const std::string& part : split(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

}  // namespace mold::manager::api
