#include "tests/sim/story.h"

#include <cstdio>

namespace mold::sim {

void Story::line(Ms at, std::string_view who, const std::string& text) {
  char head[48];
  std::snprintf(head, sizeof head, "%10s  %-10.*s ", seconds(at).c_str(),
                static_cast<int>(who.size()), who.data());
  lines_.push_back(head + text);
}

}  // namespace mold::sim
