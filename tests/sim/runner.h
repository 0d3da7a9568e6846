#pragma once
// Runs seeds: draw the plan, keep only the wanted lines, run the world. What the command line and
// the tests share. One runner per thread.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/plan.h"
#include "tests/sim/world.h"

namespace mold::sim {

struct SeedJob {
  std::uint64_t seed = 1;
  Shape shape{};
  RunOptions options{};
  std::optional<std::vector<std::size_t>> only{};  // numbers of the lines to keep, ascending
};

class Runner {
 public:
  RunResult run(const SeedJob& job);
  // Of the latest run: its plan with the lines that were kept, and the world as it ended.
  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const World& world() const { return world_; }
  // How many lines the seed has without `only`.
  [[nodiscard]] std::size_t lines_drawn() const { return lines_drawn_; }

 private:
  Plan plan_;
  World world_;
  std::size_t lines_drawn_ = 0;
};

// The shortest list of lines of a failing seed that still fails in the same checker (delta
// debugging).
std::vector<std::size_t> minimize(Runner& runner, SeedJob job, const std::string& checker);

// Everything that somebody needs to see and replay a violation.
std::string report(const SeedJob& job, const RunResult& result, Runner& runner,
                   std::size_t tail_lines);
std::string replay_command(const SeedJob& job);

}  // namespace mold::sim
