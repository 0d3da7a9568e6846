// The simulator itself: seeds hold, the same seed is the same run, in a fresh world and in a used
// one, with quiet stretches lived through or left out; and the seeds that once showed something
// still hold.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "lib/base/text.h"
#include "tests/sim/runner.h"

namespace mold::sim {
namespace {

std::string failure(Runner& runner, const SeedJob& job, const RunResult& result) {
  return result.ok ? "" : report(job, result, runner, 40);
}

TEST(Sim, TwoHundredSeedsHold) {
  Runner runner;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const SeedJob job{.seed = seed};
    const RunResult result = runner.run(job);
    ASSERT_TRUE(result.ok) << failure(runner, job, result);
  }
}

TEST(Sim, SameSeedSameHashInAFreshAndInAUsedWorld) {
  Runner used;
  for (std::uint64_t seed = 300; seed < 340; ++seed) {
    Runner fresh;
    const SeedJob job{.seed = seed};
    const RunResult first = used.run(job);
    EXPECT_EQ(first.hash, fresh.run(job).hash) << "seed " << seed;
    EXPECT_EQ(first.hash, used.run(job).hash) << "seed " << seed;
  }
}

TEST(Sim, ListeningDoesNotChangeTheRun) {
  Runner runner;
  for (std::uint64_t seed = 340; seed < 350; ++seed) {
    SeedJob job{.seed = seed};
    const std::uint64_t hash = runner.run(job).hash;
    job.options.listen = true;
    EXPECT_EQ(hash, runner.run(job).hash) << "seed " << seed;
  }
}

TEST(Sim, LeavingOutQuietStretchesChangesNothing) {
  Runner runner;
  Ms skipped = 0;
  for (std::uint64_t seed = 400; seed < 600; ++seed) {
    SeedJob job{.seed = seed};
    const RunResult with = runner.run(job);
    job.options.skip_quiet = false;
    const RunResult without = runner.run(job);
    EXPECT_EQ(with.hash, without.hash) << "seed " << seed;
    EXPECT_EQ(without.skipped, 0);
    skipped += with.skipped;
  }
  EXPECT_GT(skipped, 200 * 5 * 60'000) << "nearly nothing was left out: the test shows nothing";
}

TEST(Sim, DifferentSeedsAreDifferentRuns) {
  Runner runner;
  EXPECT_NE(runner.run({.seed = 1}).hash, runner.run({.seed = 2}).hash);
}

TEST(Sim, MinimizingKeepsTheViolationAndDropsWhatItDoesNotNeed) {
  Runner runner;
  SeedJob job{.seed = 1};
  job.options.mutation = core::Mutation::kSuspicionIsProof;
  RunResult result = runner.run(job);
  while (result.ok && job.seed < 100) {
    ++job.seed;
    result = runner.run(job);
  }
  ASSERT_FALSE(result.ok);
  const std::vector<std::size_t> shortest = minimize(runner, job, result.checker);
  EXPECT_LE(shortest.size(), 3U);
  job.only = shortest;
  EXPECT_EQ(runner.run(job).checker, result.checker);
  EXPECT_NE(replay_command(job).find("--faults "), std::string::npos);
}

// tests/sim/seeds/regressions.txt: "SEED  what it showed"
TEST(Sim, SeedsThatOnceShowedSomethingHold) {
  std::ifstream file(MOLD_SIM_SEEDS);
  ASSERT_TRUE(file) << MOLD_SIM_SEEDS;
  Runner runner;
  std::string line;
  int seeds = 0;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const auto seed = parse_number<std::uint64_t>(split(line, ' ').front());
    ASSERT_TRUE(seed) << line;
    const SeedJob job{.seed = *seed};
    const RunResult result = runner.run(job);
    EXPECT_TRUE(result.ok) << line << "\n" << failure(runner, job, result);
    ++seeds;
  }
  EXPECT_GT(seeds, 0);
}

}  // namespace
}  // namespace mold::sim
