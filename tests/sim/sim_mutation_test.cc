// The checkers can fail: every planted bug of both brains is found within 2,000 seeds. Prints which
// seed caught it and by which checker.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "tests/sim/runner.h"

namespace mold::sim {
namespace {

constexpr std::uint64_t kSeeds = 2000;

void expect_caught(const RunOptions& options, const std::string& name) {
  Runner runner;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RunResult result = runner.run({.seed = seed, .options = options});
    if (result.ok) continue;
    std::printf("%-34s seed %4llu  %s\n", name.c_str(), static_cast<unsigned long long>(seed),
                result.checker.c_str());
    // A violation that the seed shows without the bug, too, would prove nothing.
    EXPECT_TRUE(runner.run({.seed = seed}).ok) << "seed " << seed << " fails without any mutation";
    return;
  }
  ADD_FAILURE() << name << " survived " << kSeeds << " seeds";
}

class BrainMutation : public testing::TestWithParam<int> {};

TEST_P(BrainMutation, IsCaught) {
  const auto mutation = static_cast<core::Mutation>(GetParam());
  expect_caught({.mutation = mutation}, std::string(core::to_string(mutation)));
}
INSTANTIATE_TEST_SUITE_P(All, BrainMutation, testing::Range(1, core::kMutationCount));

class AgentMutation : public testing::TestWithParam<int> {};

TEST_P(AgentMutation, IsCaught) {
  const auto mutation = static_cast<core::AgentMutation>(GetParam());
  expect_caught({.agent_mutation = mutation}, std::string(core::to_string(mutation)));
}
INSTANTIATE_TEST_SUITE_P(All, AgentMutation, testing::Range(1, core::kAgentMutationCount));

}  // namespace
}  // namespace mold::sim
