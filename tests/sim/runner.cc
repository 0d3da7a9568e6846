#include "tests/sim/runner.h"

#include <algorithm>
#include <numeric>

namespace mold::sim {

RunResult Runner::run(const SeedJob& job) {
  draw_plan(job.seed, job.shape, plan_);
  lines_drawn_ = plan_.lines.size();
  if (job.only) {
    std::vector<FaultLine> kept;
    for (const std::size_t number : *job.only) {
      if (number < plan_.lines.size()) kept.push_back(plan_.lines[number]);
    }
    plan_.lines = std::move(kept);
  }
  return world_.run(plan_, job.options);
}

namespace {

bool still_fails(Runner& runner, SeedJob& job, const std::vector<std::size_t>& lines,
                 const std::string& checker) {
  job.only = lines;
  const RunResult result = runner.run(job);
  return !result.ok && result.checker == checker;
}

}  // namespace

std::vector<std::size_t> minimize(Runner& runner, SeedJob job, const std::string& checker) {
  std::vector<std::size_t> lines;
  if (job.only) {
    lines = *job.only;
  } else {
    runner.run(job);
    lines.resize(runner.lines_drawn());
    std::iota(lines.begin(), lines.end(), std::size_t{0});
  }
  for (std::size_t chunk = std::max<std::size_t>(1, lines.size() / 2); chunk > 0;) {
    bool shorter = false;
    for (std::size_t at = 0; at < lines.size();) {
      std::vector<std::size_t> without = lines;
      const auto from = without.begin() + static_cast<std::ptrdiff_t>(at);
      const auto end = std::min(without.size(), at + chunk);
      without.erase(from, without.begin() + static_cast<std::ptrdiff_t>(end));
      if (still_fails(runner, job, without, checker)) {
        lines = std::move(without);
        shorter = true;
      } else {
        at += chunk;
      }
    }
    if (chunk > 1) {
      chunk /= 2;
    } else if (!shorter) {
      break;
    }
  }
  return lines;
}

std::string replay_command(const SeedJob& job) {
  std::string text = "mold-sim --seed " + std::to_string(job.seed);
  if (job.shape.hosts != 0) text += " --hosts " + std::to_string(job.shape.hosts);
  if (job.shape.vms != 0) text += " --vms " + std::to_string(job.shape.vms);
  if (job.shape.minutes != 30) text += " --minutes " + std::to_string(job.shape.minutes);
  if (job.options.mutation != core::Mutation::kNone) {
    text += " --mutation " + std::string(core::to_string(job.options.mutation));
  }
  if (job.options.agent_mutation != core::AgentMutation::kNone) {
    text += " --mutation " + std::string(core::to_string(job.options.agent_mutation));
  }
  if (job.only) {
    text += " --faults ";
    for (std::size_t i = 0; i < job.only->size(); ++i) {
      text += (i == 0 ? "" : ",") + std::to_string((*job.only)[i]);
    }
    if (job.only->empty()) text += "none";
  }
  return text;
}

std::string report(const SeedJob& job, const RunResult& result, Runner& runner,
                   std::size_t tail_lines) {
  SeedJob again = job;
  again.options.listen = true;
  runner.run(again);
  std::string text = "VIOLATION  seed " + std::to_string(job.seed) + "  t=" + seconds(result.at) +
                     " s  " + result.checker + ": " + result.violation + "\n";
  text += "the story's end:\n";
  const std::vector<std::string>& lines = runner.world().story.lines();
  const std::size_t from = lines.size() > tail_lines ? lines.size() - tail_lines : 0;
  for (std::size_t i = from; i < lines.size(); ++i) text += lines[i] + "\n";
  text += "replay:   " + replay_command(job) + " --trace\n";
  text += "shorten:  " + replay_command(job) + " --minimize\n";
  return text;
}

}  // namespace mold::sim
