#pragma once
// Gives back what start-up needed and nothing needs any more. Some thirty shared libraries come
// with libvirt and libcurl; most of the code that is resident after start-up ran once
// (initialisers, parsers, handshakes), or never: the kernel maps neighbours of what is touched.
// Their text pages are clean and file-backed, so letting go of them is free, and what is used again
// comes back from the page cache at the cost of a minor fault. Any thread.
#include <cstddef>
#include <string_view>

namespace mold::agentd {

// Returns how many bytes of mappings were looked at; 0 where /proc cannot be read.
std::size_t trim_memory();

// One line of /proc/self/maps that is code of a file and nothing else: never writable, so never
// relocated. For tests.
struct TextMapping {
  std::size_t begin = 0;
  std::size_t end = 0;
};
bool parse_text_mapping(std::string_view line, TextMapping& out);

}  // namespace mold::agentd
