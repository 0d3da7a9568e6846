#include "tests/sim/cli.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <thread>

#include "lib/base/text.h"
#include "tests/sim/runner.h"

namespace mold::sim {
namespace {

constexpr std::size_t kTail = 40;

struct Options {
  SeedJob job;
  std::uint64_t seeds = 0;  // 0: one seed
  unsigned threads = 1;
  bool trace = false;
  bool minimize = false;
  bool bench = false;
  bool list_mutations = false;
  bool keep_going = false;
  bool help = false;
};

constexpr const char* kUsage =
    "mold-sim: the HA brains of Mold in a simulated cluster, under seeded faults\n"
    "\n"
    "  mold-sim --seeds N [--from S] [--jobs J]   run N seeds; stop at the first violation\n"
    "  mold-sim --seed S [--trace]                one seed; --trace tells the whole story\n"
    "  mold-sim --seed S --minimize               the shortest list of faults that still fails\n"
    "  mold-sim --seed S --faults 3,7,9           only these lines of the seed's list (or: none)\n"
    "  mold-sim --bench                           schedules per second: 5 hosts, 20 VMs, 30 min\n"
    "  mold-sim --list-mutations                  planted bugs, for --mutation NAME\n"
    "\n"
    "  --hosts H --vms V --minutes M   shape of the cluster; drawn from the seed if not given\n"
    "  --mutation NAME                 plant a bug: a checker must find it\n"
    "  --keep-going                    count violations instead of stopping at the first\n"
    "  --no-skip                       live through quiet stretches too\n"
    "\n"
    "exit code: 0 no violation, 1 violation, 2 usage\n";

bool parse_mutation(std::string_view name, RunOptions& options) {
  if (const auto brain = core::parse_mutation(name)) {
    options.mutation = *brain;
    return true;
  }
  for (int i = 0; i < core::kAgentMutationCount; ++i) {
    const auto agent = static_cast<core::AgentMutation>(i);
    if (core::to_string(agent) != name) continue;
    options.agent_mutation = agent;
    return true;
  }
  return false;
}

bool parse_faults(std::string_view text, SeedJob& job) {
  job.only.emplace();
  if (text == "none") return true;
  for (const std::string& part : split(text, ',')) {
    const auto number = parse_number<std::size_t>(part);
    if (!number) return false;
    job.only->push_back(*number);
  }
  return true;
}

// Options with a value. Empty text means fine.
std::string parse_valued(std::string_view name, std::string_view value, Options& o) {
  const auto number = parse_number<std::uint64_t>(value);
  const std::string wrong = std::string(name) + " needs a number, not '" + std::string(value) + "'";
  const auto within = [&](std::uint64_t low, std::uint64_t high) {
    return number && *number >= low && *number <= high;
  };
  if (name == "--mutation") {
    return parse_mutation(value, o.job.options) ? "" : "no mutation '" + std::string(value) + "'";
  }
  if (name == "--faults") return parse_faults(value, o.job) ? "" : "--faults needs 1,2,3 or none";
  if (name == "--seed" || name == "--from") {
    if (!number) return wrong;
    o.job.seed = *number;
  } else if (name == "--seeds") {
    if (!within(1, 1'000'000'000)) return wrong;
    o.seeds = *number;
  } else if (name == "--jobs") {
    if (!within(1, 256)) return wrong;
    o.threads = static_cast<unsigned>(*number);
  } else if (name == "--hosts") {
    if (!within(2, kMaxHosts)) return "--hosts is 2.." + std::to_string(kMaxHosts);
    o.job.shape.hosts = static_cast<int>(*number);
  } else if (name == "--vms") {
    if (!within(1, 60)) return "--vms is 1..60";
    o.job.shape.vms = static_cast<int>(*number);
  } else if (name == "--minutes") {
    if (!within(15, 600)) return "--minutes is 15..600";
    o.job.shape.minutes = static_cast<int>(*number);
  } else {
    return "unknown option " + std::string(name);
  }
  return "";
}

bool parse_flag(std::string_view name, Options& o) {
  if (name == "--trace")
    o.trace = true;
  else if (name == "--minimize")
    o.minimize = true;
  else if (name == "--bench")
    o.bench = true;
  else if (name == "--list-mutations")
    o.list_mutations = true;
  else if (name == "--keep-going")
    o.keep_going = true;
  else if (name == "--no-skip")
    o.job.options.skip_quiet = false;
  else if (name == "--help" || name == "-h")
    o.help = true;
  else
    return false;
  return true;
}

std::string parse(std::span<const char* const> arguments, Options& o) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (parse_flag(name, o)) continue;
    if (i + 1 >= arguments.size()) return "unknown option, or no value: " + std::string(name);
    if (std::string wrong = parse_valued(name, arguments[++i], o); !wrong.empty()) return wrong;
  }
  return "";
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

int list_mutations() {
  for (int i = 1; i < core::kMutationCount; ++i) {
    std::printf("%s\n", std::string(core::to_string(static_cast<core::Mutation>(i))).c_str());
  }
  for (int i = 1; i < core::kAgentMutationCount; ++i) {
    std::printf("%s\n", std::string(core::to_string(static_cast<core::AgentMutation>(i))).c_str());
  }
  return 0;
}

void print_lines(const Plan& plan) {
  for (std::size_t i = 0; i < plan.lines.size(); ++i) {
    std::printf("%s\n", describe(plan.lines[i], i).c_str());
  }
}

int run_one(Options& o) {
  Runner runner;
  o.job.options.listen = o.trace;
  const RunResult result = runner.run(o.job);
  std::printf("seed %llu: %d hosts, %zu VMs, %d pools, faults:\n",
              static_cast<unsigned long long>(o.job.seed), runner.plan().shape.hosts,
              runner.plan().vms.size(), runner.plan().pools);
  print_lines(runner.plan());
  for (const std::string& line : runner.world().story.lines()) std::printf("%s\n", line.c_str());
  if (result.ok) {
    std::printf("ok: converged at %s s, %llu events, hash %016llx\n",
                seconds(runner.world().now).c_str(), static_cast<unsigned long long>(result.events),
                static_cast<unsigned long long>(result.hash));
    return 0;
  }
  std::fputs(report(o.job, result, runner, o.trace ? 0 : kTail).c_str(), stdout);
  return 1;
}

int run_minimize(Options& o) {
  Runner runner;
  const RunResult result = runner.run(o.job);
  if (result.ok) {
    std::printf("seed %llu does not fail; nothing to shorten\n",
                static_cast<unsigned long long>(o.job.seed));
    return 0;
  }
  const std::size_t before = runner.plan().lines.size();
  o.job.only = minimize(runner, o.job, result.checker);
  const RunResult shortest = runner.run(o.job);
  std::printf("%zu of %zu lines are enough for %s:\n", o.job.only->size(), before,
              shortest.checker.c_str());
  for (std::size_t i = 0; i < o.job.only->size(); ++i) {
    std::printf("%s\n", describe(runner.plan().lines[i], (*o.job.only)[i]).c_str());
  }
  std::fputs(report(o.job, shortest, runner, kTail).c_str(), stdout);
  return 1;
}

struct Tally {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> events{0};
  std::atomic<std::uint64_t> violations{0};
  std::atomic<std::uint64_t> hashes{0};
  std::mutex print;
};

void run_seeds_on_this_thread(const Options& o, Tally& tally) {
  Runner runner;
  SeedJob job = o.job;
  while (true) {
    const std::uint64_t i = tally.next++;
    if (i >= o.seeds || (tally.violations > 0 && !o.keep_going)) return;
    job.seed = o.job.seed + i;
    const RunResult result = runner.run(job);
    tally.events += result.events;
    tally.hashes ^= result.hash;
    ++tally.done;
    if (result.ok) continue;
    ++tally.violations;
    const std::lock_guard lock(tally.print);
    if (o.keep_going) {
      std::printf("seed %llu  t=%s s  %s: %s\n", static_cast<unsigned long long>(job.seed),
                  seconds(result.at).c_str(), result.checker.c_str(), result.violation.c_str());
    } else {
      std::fputs(report(job, result, runner, kTail).c_str(), stdout);
    }
  }
}

void show_progress(const Options& o, const Tally& tally,
                   std::chrono::steady_clock::time_point start) {
  const double elapsed = seconds_since(start);
  std::fprintf(stderr, "\r%llu of %llu seeds, %.0f/s, %llu violations ",
               static_cast<unsigned long long>(tally.done),
               static_cast<unsigned long long>(o.seeds), static_cast<double>(tally.done) / elapsed,
               static_cast<unsigned long long>(tally.violations));
}

int run_seeds(const Options& o) {
  Tally tally;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < o.threads; ++i) {
    threads.emplace_back([&] { run_seeds_on_this_thread(o, tally); });
  }
  std::thread progress([&] {
    double shown = 0;
    while (tally.done < o.seeds && (tally.violations == 0 || o.keep_going)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (seconds_since(start) - shown < 2) continue;
      shown = seconds_since(start);
      show_progress(o, tally, start);
    }
    if (shown > 0) std::fputc('\n', stderr);
  });
  for (std::thread& t : threads) t.join();
  if (!o.keep_going && tally.violations > 0) tally.done = o.seeds;
  progress.join();
  const double elapsed = seconds_since(start);
  std::printf(
      "%llu seeds from %llu: %llu violations; %.0f schedules/s, %.2f M events/s, hash %016llx\n",
      static_cast<unsigned long long>(o.seeds), static_cast<unsigned long long>(o.job.seed),
      static_cast<unsigned long long>(tally.violations), static_cast<double>(tally.done) / elapsed,
      static_cast<double>(tally.events) / elapsed / 1e6,
      static_cast<unsigned long long>(tally.hashes));
  return tally.violations == 0 ? 0 : 1;
}

// Of this thread: other work on the machine must not change the figure.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

int run_bench(Options o) {
  o.job.shape = {.hosts = 5, .vms = 20, .minutes = 30};
  Runner runner;
  std::uint64_t events = 0;
  std::uint64_t runs = 0;
  Ms lived = 0;
  const double start = cpu_seconds();
  while (cpu_seconds() - start < 3) {
    o.job.seed = ++runs;
    const RunResult result = runner.run(o.job);
    events += result.events;
    lived += runner.world().active();
  }
  const double elapsed = cpu_seconds() - start;
  std::printf(
      "bench: %.0f schedules/s of CPU time (5 hosts, 20 VMs, 30 virtual minutes, one core), "
      "%.0f events and %.0f s lived through each, %.2f M events/s\n",
      static_cast<double>(runs) / elapsed, static_cast<double>(events) / static_cast<double>(runs),
      static_cast<double>(lived) / 1000 / static_cast<double>(runs),
      static_cast<double>(events) / elapsed / 1e6);
  return 0;
}

}  // namespace

int run_cli(std::span<const char* const> arguments) {
  Options o;
  if (const std::string wrong = parse(arguments, o); !wrong.empty()) {
    std::fprintf(stderr, "mold-sim: %s\n%s", wrong.c_str(), kUsage);
    return 2;
  }
  if (o.help || arguments.empty()) {
    std::fputs(kUsage, o.help ? stdout : stderr);
    return o.help ? 0 : 2;
  }
  if (o.list_mutations) return list_mutations();
  if (o.bench) return run_bench(o);
  if (o.minimize) return run_minimize(o);
  return o.seeds > 0 ? run_seeds(o) : run_one(o);
}

}  // namespace mold::sim
