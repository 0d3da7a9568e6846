#include <algorithm>
#include <array>

#include "tests/tidy/rules.h"

namespace mold::tidy {
namespace {

struct Floor {
  std::string_view room;
  std::vector<std::string_view> may_use;  // besides itself
};

// The longest matching room counts. Arrows go down only; rooms never meet but through lib/.
const std::vector<Floor>& floors() {
  static const std::vector<Floor> table = {
      {"lib/base", {}},
      {"core", {"lib/base"}},
      {"lib/port", {"lib/base", "core"}},
      {"lib/runtime", {"lib/base", "lib/port"}},
      {"lib/wire", {"lib/base", "core"}},
      {"agentd", {"lib", "core"}},
      {"agentd/heartbeat", {"lib", "core"}},
      {"manager", {"lib", "core"}},
      {"fencing", {"lib", "core"}},
      {"hooks", {"lib", "core"}},
      {"maintenance", {"lib", "core"}},
      {"hactl", {"lib"}},
  };
  return table;
}

// Composition roots stand on the floor above: they wire rooms together and decide nothing.
bool is_root(const SourceFile& file) {
  return file.path.ends_with("/main.cc") || file.path == "manager/manager.cc";
}

bool below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

const Floor* floor_of(const SourceFile& file) {
  const Floor* best = nullptr;
  for (const Floor& floor : floors()) {
    if (file.in(floor.room) && (best == nullptr || floor.room.size() > best->room.size())) {
      best = &floor;
    }
  }
  return best;
}

}  // namespace

Problems check_floors(const SourceFile& file) {
  const Floor* const floor = floor_of(file);
  if (floor == nullptr || !file.is_cpp()) return {};
  Problems problems;
  for (const Include& include : includes_of(file)) {
    if (!include.quoted) continue;
    const bool own = below(include.path, floor->room);
    const bool used = std::any_of(floor->may_use.begin(), floor->may_use.end(),
                                  [&](auto folder) { return below(include.path, folder); });
    const bool known = include.path.find('/') != std::string::npos;
    if (own || used || (known && is_root(file) && !below(include.path, "tests"))) continue;
    std::string allowed(floor->room);
    for (const auto folder : floor->may_use) allowed += ", " + std::string(folder);
    problems.push_back(
        {"floors", file.path, include.line,
         known ? "\"" + include.path + "\": this room may include only " + allowed +
                     "; put what both need into lib/port or lib/wire"
               : "write \"" + include.path + "\" as a path from the top of the house"});
  }
  return problems;
}

Problems check_json_stays_in_codecs(const SourceFile& file) {
  constexpr std::array<std::string_view, 5> kWithout = {"lib/base", "core", "lib/port",
                                                        "lib/runtime", "agentd/heartbeat"};
  if (!file.is_cpp() || floor_of(file) == nullptr) return {};
  const bool never =
      std::any_of(kWithout.begin(), kWithout.end(), [&](auto folder) { return file.in(folder); });
  Problems problems;
  for (const Include& include : includes_of(file)) {
    if (!include.path.starts_with("nlohmann/")) continue;
    if (never) {
      problems.push_back({"json-in-codecs", file.path, include.line,
                          "no JSON in this room: hand plain values to a codec of lib/wire"});
    } else if (file.is_header() && include.path != "nlohmann/json_fwd.hpp") {
      problems.push_back({"json-in-codecs", file.path, include.line,
                          "headers take <nlohmann/json_fwd.hpp>; the rest belongs into the .cc"});
    }
  }
  return problems;
}

}  // namespace mold::tidy
