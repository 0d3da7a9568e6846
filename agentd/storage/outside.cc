#include "agentd/storage/outside.h"

#include <algorithm>

namespace mold::agentd {
namespace {

// The unit ends first, so that what is told is the program's own end.
constexpr Duration kRunnerExtra{5'000};
constexpr std::size_t kOutputCap = 256 * 1024;

}  // namespace

runtime::ChildSpec outside(const Outside& how, const std::string& program,
                           const std::vector<std::string>& arguments, Duration deadline) {
  runtime::ChildSpec spec;
  spec.output_cap = kOutputCap;
  spec.deadline = deadline;
  if (how.runner.empty()) {
    spec.program = program;
    spec.args = arguments;
    return spec;
  }
  spec.deadline += kRunnerExtra;
  spec.program = how.runner;
  spec.args = {"--quiet",
               "--wait",
               "--pipe",
               "--collect",
               "--service-type=exec",
               "--property=RuntimeMaxSec=" +
                   std::to_string(std::max<std::int64_t>(deadline.count() / 1000, 1)),
               "--property=TimeoutStopSec=2",
               "--setenv=LC_ALL=C",
               "--",
               program};
  spec.args.insert(spec.args.end(), arguments.begin(), arguments.end());
  return spec;
}

}  // namespace mold::agentd
