// The drivers that the programs offer are those that help, manual pages, completion and README
// name: all of them, and no others. The test reads the texts as they ship.
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "fencing/all_drivers.h"
#include "fencing/by_hand/command_line.h"
#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {
namespace {

using Names = std::set<std::string>;

Names offered() {
  const auto loop = runtime::make_loop();
  const auto names = make_all_drivers(*loop)->names();
  return {names.begin(), names.end()};
}

std::string text_of(const std::string& path) {
  std::ifstream file(std::string(MOLD_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// What stands between the first `begin` and the next `end`.
std::string part(const std::string& text, const std::string& begin, const std::string& end) {
  const auto from = text.find(begin);
  EXPECT_NE(from, std::string::npos) << begin;
  if (from == std::string::npos) return {};
  const auto start = from + begin.size();
  return text.substr(start, text.find(end, start) - start);
}

Names words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// Of every line that begins with `begin`, the word behind it.
Names first_words(const std::string& text, const std::string& begin) {
  Names names;
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(begin) || line.size() == begin.size()) continue;
    const std::string rest = line.substr(begin.size());
    if (rest.front() != ' ') names.insert(rest.substr(0, rest.find_first_of(" `")));
  }
  return names;
}

TEST(DriverNames, UsageOfMoldFence) {
  EXPECT_EQ(first_words(part(hand_help(), "Drivers:\n", "\n\n"), "  "), offered());
}

TEST(DriverNames, ManualPages) {
  const std::string page = text_of("packaging/man/mold-fence.8");
  EXPECT_EQ(first_words(part(page, ".SH DRIVERS\n", ".SH "), ".B "), offered());
  const std::string agent =
      part(text_of("packaging/man/fence_mold.8"), "How the device is spoken to:", ".TP");
  for (const std::string& name : offered()) {
    if (name == "manual") continue;  // which a program cannot fence with
    EXPECT_NE(agent.find(name), std::string::npos) << name << " in fence_mold(8)";
  }
}

TEST(DriverNames, Completion) {
  const std::string hand = text_of("packaging/completion/mold-fence");
  EXPECT_EQ(words(part(hand, "local drivers=\"", "\"")), offered());
  const std::string hactl = text_of("packaging/completion/hactl");
  EXPECT_EQ(words(part(hactl, "--driver) COMPREPLY=($(compgen -W \"", "\"")), offered());
}

TEST(DriverNames, Readme) {
  EXPECT_EQ(first_words(text_of("fencing/README.md"), "| `"), offered());
}

}  // namespace
}  // namespace mold::fencing
