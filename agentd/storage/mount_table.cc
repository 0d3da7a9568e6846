#include "agentd/storage/mount_table.h"

#include <algorithm>

#include "lib/base/text.h"

namespace mold::agentd {
namespace {

constexpr std::size_t kFieldsBefore = 6;  // of the optional ones
constexpr std::size_t kFieldPath = 4;

// Blanks, tabs, line ends and backslashes are written as three octal digits.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&text, i](std::size_t n) {
      const char c = i + n < text.size() ? text[i + n] : '\0';
      return c >= '0' && c <= '7' ? c - '0' : -1;
    };
    if (text[i] == '\\' && octal(1) >= 0 && octal(2) >= 0 && octal(3) >= 0) {
      out.push_back(static_cast<char>(octal(1) * 64 + octal(2) * 8 + octal(3)));
      i += 3;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string_view without_end(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

bool plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == ',' || c == '\\';
  });
}

}  // namespace

std::vector<Mount> parse_mountinfo(std::string_view text) {
  std::vector<Mount> out;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> words = split(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < kFieldsBefore || words.end() - dash < 3) continue;
    out.push_back({unescaped(words[kFieldPath]), *(dash + 1), unescaped(*(dash + 2))});
  }
  return out;
}

const Mount* mounted_at(const std::vector<Mount>& mounts, std::string_view path) {
  const auto found =
      std::find_if(mounts.rbegin(), mounts.rend(),
                   [path = without_end(path)](const Mount& mount) { return mount.path == path; });
  return found == mounts.rend() ? nullptr : &*found;
}

Result<NfsSource> parse_nfs_source(std::string_view text) {
  constexpr std::string_view kScheme = "nfs://";
  const auto bad = [text] {
    return fail(ErrorKind::kInvalid, "'" + std::string(text) + "' is not nfs://server/export");
  };
  if (!text.starts_with(kScheme) || !plain(text)) return bad();
  const std::string_view rest = text.substr(kScheme.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || slash == 0) return bad();
  NfsSource out;
  out.path = without_end(rest.substr(slash));
  const std::string_view server = rest.substr(0, slash);
  const auto bracket = server.rfind(']');
  const auto colon = server.find(':', bracket == std::string_view::npos ? 0 : bracket);
  out.server = server.substr(0, colon);
  if (out.server.empty() || out.server.front() == '-') return bad();
  if (colon == std::string_view::npos) return out;
  out.port = server.substr(colon + 1);
  const auto port = parse_number<std::uint16_t>(out.port);
  if (!port || *port == 0) return bad();
  return out;
}

core::MountState state_of(const Mount* mount, const NfsSource& source) {
  if (mount == nullptr) return core::MountState::kNothing;
  const bool right =
      mount->type.starts_with("nfs") && without_end(mount->source) == without_end(source.device());
  return right ? core::MountState::kRight : core::MountState::kWrong;
}

}  // namespace mold::agentd
