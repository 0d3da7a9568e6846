#include "agentd/host/memory_trim.h"

#include <malloc.h>
#include <sys/mman.h>

#include <charconv>
#include <string>

#include "lib/base/text.h"
#include "lib/runtime/files.h"

namespace mold::agentd {
namespace {

bool take_hex(std::string_view text, std::size_t& out) {
  const char* const end = text.data() + text.size();
  const auto [ptr, ec] = std::from_chars(text.data(), end, out, 16);
  return ec == std::errc{} && ptr == end && !text.empty();
}

}  // namespace

// "7f0000000000-7f0000021000 r-xp 00001000 08:01 123  /usr/lib/x.so"
bool parse_text_mapping(std::string_view line, TextMapping& out) {
  const std::size_t dash = line.find('-');
  const std::size_t blank = line.find(' ');
  if (dash == std::string_view::npos || blank == std::string_view::npos || dash > blank)
    return false;
  if (line.substr(blank + 1, 5) != "r-xp ") return false;
  if (line.find(" /") == std::string_view::npos) return false;  // vdso, anonymous code
  return take_hex(line.substr(0, dash), out.begin) &&
         take_hex(line.substr(dash + 1, blank - dash - 1), out.end) && out.begin < out.end;
}

std::size_t trim_memory() {
  malloc_trim(0);
  const auto maps = runtime::read_file("/proc/self/maps");
  if (!maps) return 0;
  std::size_t looked_at = 0;
  for (const std::string& line : split(*maps, '\n')) {
    TextMapping mapping;
    if (!parse_text_mapping(line, mapping)) continue;
    // Cannot fail for such a mapping in a way that matters: then the pages just stay.
    static_cast<void>(
        ::madvise(reinterpret_cast<void*>(mapping.begin),  // NOLINT(performance-no-int-to-ptr)
                  mapping.end - mapping.begin, MADV_DONTNEED));
    looked_at += mapping.end - mapping.begin;
  }
  return looked_at;
}

}  // namespace mold::agentd
