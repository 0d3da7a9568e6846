// Plays every directory under tests/golden/brain/cases: {README, given, script, expect}. With
// MOLD_GOLDEN_UPDATE=1 the expectation is rewritten; read the difference before you commit it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/golden/brain/world.h"

namespace mold::golden {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(MOLD_GOLDEN_DIR)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class BrainGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(BrainGolden, TellsTheExpectedStory) {
  const fs::path dir = fs::path(MOLD_GOLDEN_DIR) / GetParam();
  ASSERT_TRUE(fs::exists(dir / "README")) << "a golden case says what it shows";
  World world;
  std::istringstream given(slurp(dir / "given"));
  for (std::string line; std::getline(given, line);) world.give(line);
  std::istringstream script(slurp(dir / "script"));
  for (std::string line; std::getline(script, line);) world.script(line);
  const std::string story = world.play();
  if (std::getenv("MOLD_GOLDEN_UPDATE") != nullptr) std::ofstream(dir / "expect") << story;
  EXPECT_EQ(story, slurp(dir / "expect"));
}

INSTANTIATE_TEST_SUITE_P(Cases, BrainGolden, ::testing::ValuesIn(cases()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace mold::golden
