// How long it takes from "off" to "off is proven", beside the fence agents of the distribution, on
// the same simulated BMCs in one run:
//
//   fence-bench TRIALS REDFISH_FAKE
//
// Our drivers run in this process, as they do in an agent; a fence agent is a program that the
// cluster starts for each action, and gets its settings on standard input. Each BMC takes kBmcTakes
// from the command to the power being off; what is beyond that is what fencing software adds.
// Trials of ours and theirs take turns, so that other load on the machine hits both.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fencing/all_drivers.h"
#include "lib/base/text.h"
#include "lib/runtime/child_process.h"
#include "tests/contract/ipmi_bmc.h"
#include "tests/fakes/loopback.h"

namespace mold::bench {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr Duration kBmcTakes{300};
constexpr Duration kDeadline{60'000};
constexpr int kPolled = 100;
constexpr int kSimulators = 10;

std::int64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Milliseconds of one runner's trials.
class Series {
 public:
  explicit Series(std::string name) : name_(std::move(name)) {}
  void add(double ms, bool proven) {
    ms_.push_back(ms);
    proven_ += proven ? 1 : 0;
  }
  [[nodiscard]] double beyond(double part) const {
    return quantile(part) - static_cast<double>(kBmcTakes.count());
  }
  void print() const {
    std::printf("  %-38s median %7.0f ms  p99 %7.0f ms  beyond the BMC %7.0f ms  off %d of %zu\n",
                name_.c_str(), quantile(0.5), quantile(0.99), beyond(0.5), proven_, ms_.size());
  }
  void print_ratio(const Series& ours) const {
    std::printf(
        "    ours is %.1f times as fast (median), %.1f times (p99), beyond what the BMC takes\n",
        beyond(0.5) / std::max(ours.beyond(0.5), 1.0),
        beyond(0.99) / std::max(ours.beyond(0.99), 1.0));
  }
  [[nodiscard]] bool all_proven() const { return proven_ == static_cast<int>(ms_.size()); }

 private:
  [[nodiscard]] double quantile(double part) const {
    std::vector<double> sorted = ms_;
    std::sort(sorted.begin(), sorted.end());
    const auto last = static_cast<double>(sorted.size() - 1);
    return sorted[static_cast<std::size_t>(last * part + 0.5)];
  }
  std::string name_;
  std::vector<double> ms_;
  int proven_ = 0;
};

class Bench {
 public:
  Bench() : loop_(std::move(*runtime::EventLoop::create())) {
    fencing::FencingSettings settings;
    settings.ipmi.home = MOLD_IPMITOOL_HOME;
    drivers_ = fencing::make_all_drivers(*loop_, std::move(settings));
  }

  port::PowerResult ask(const port::PowerTarget& target, PowerVerb verb) {
    std::optional<port::PowerResult> result;
    drivers_->request(target, verb, kDeadline, [&](port::PowerResult r) { result = std::move(r); });
    loop_->run_until([&] { return result.has_value(); }, kDeadline * 2);
    return result.value_or(port::PowerResult{});
  }
  void time_ours(Series& series, const port::PowerTarget& target) {
    const std::int64_t begin = now_us();
    const auto result = ask(target, PowerVerb::kOff);
    const double ms = static_cast<double>(now_us() - begin) / 1e3;
    series.add(ms, result.outcome == Outcome::kConfirmed);
  }
  // The agent's own judgement ends the time; whether it is true is looked up after that.
  void time_agent(Series& series, const std::string& agent, const std::string& settings,
                  const port::PowerTarget& target) {
    runtime::ChildSpec spec;
    spec.program = "/usr/sbin/" + agent;
    spec.stdin_text = "action=off\nip=" + target.address + "\nipport=" + target.port +
                      "\nusername=" + target.username + "\npassword=" + target.password.reveal() +
                      "\n" + settings;
    spec.deadline = kDeadline;
    std::optional<Result<runtime::ChildResult>> result;
    const std::int64_t begin = now_us();
    const auto child =
        runtime::run_child(*loop_, spec, [&](auto r) { result.emplace(std::move(r)); });
    loop_->run_until([&] { return result.has_value(); }, kDeadline * 2);
    const double ms = static_cast<double>(now_us() - begin) / 1e3;
    const bool done = result && *result && (*result)->ok();
    series.add(ms, done && ask(target, PowerVerb::kStatus).state == PowerState::kOff);
  }

  bool ipmi(int trials) {
    contract::IpmiBmc bmc(*loop_);
    bmc.act_late(kBmcTakes);
    Series ours("Mold ipmitool driver");
    Series theirs("fence_ipmilan, as it comes");
    Series tuned("fence_ipmilan, power_wait=0");
    const std::string lanplus = "lanplus=1\ncipher=3\n";
    for (int i = 0; i < trials; ++i) {
      bmc.set_power(true);
      time_ours(ours, bmc.target());
      bmc.set_power(true);
      time_agent(theirs, "fence_ipmilan", lanplus, bmc.target());
      bmc.set_power(true);
      time_agent(tuned, "fence_ipmilan", lanplus + "power_wait=0\n", bmc.target());
    }
    std::printf("IPMI, off to proven off; the BMC takes %ld ms\n",
                static_cast<long>(kBmcTakes.count()));
    ours.print();
    theirs.print();
    theirs.print_ratio(ours);
    tuned.print();
    tuned.print_ratio(ours);
    return ours.all_proven();
  }

  bool redfish(int trials, const std::string& fake) {
    const port::PowerTarget target = start_fake(fake, kBmcTakes);
    Series ours("Mold redfish driver");
    Series theirs("fence_redfish, as it comes");
    for (int i = 0; i < trials; ++i) {
      ask(target, PowerVerb::kOn);
      time_ours(ours, target);
      ask(target, PowerVerb::kOn);
      time_agent(theirs, "fence_redfish", "ssl_insecure=1\nsystems_uri=/redfish/v1/Systems/1\n",
                 target);
    }
    std::printf("Redfish over TLS, off to proven off; the BMC takes %ld ms\n",
                static_cast<long>(kBmcTakes.count()));
    ours.print();
    theirs.print();
    theirs.print_ratio(ours);
    fake_.cancel();
    return ours.all_proven();
  }

  bool poll_ipmi() {
    std::vector<std::unique_ptr<contract::IpmiBmc>> bmcs;
    std::vector<port::PowerTarget> targets;
    for (int i = 0; i < kSimulators; ++i)
      bmcs.push_back(std::make_unique<contract::IpmiBmc>(*loop_));
    for (int i = 0; i < kPolled; ++i)
      targets.push_back(bmcs[static_cast<std::size_t>(i % kSimulators)]->target());
    return poll("IPMI", targets);
  }
  bool poll_redfish(const std::string& fake) {
    const std::vector<port::PowerTarget> targets(kPolled, start_fake(fake, Duration{0}));
    const bool all = poll("Redfish", targets);
    fake_.cancel();
    return all;
  }

 private:
  bool poll(const char* what, const std::vector<port::PowerTarget>& targets) {
    int answers = 0;
    int read = 0;
    const double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
    const std::int64_t begin = now_us();
    for (const port::PowerTarget& target : targets) {
      drivers_->request(target, PowerVerb::kStatus, kDeadline, [&](const port::PowerResult& r) {
        ++answers;
        read += r.outcome == Outcome::kConfirmed ? 1 : 0;
      });
    }
    loop_->run_until([&] { return answers == static_cast<int>(targets.size()); }, kDeadline * 2);
    const double seconds = static_cast<double>(now_us() - begin) / 1e6;
    const double used = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN) - cpu;
    std::printf(
        "%s, one round over %zu hosts: %d read in %.2f s, %.2f CPU seconds (BMCs not counted)\n",
        what, targets.size(), read, seconds, used);
    return read == static_cast<int>(targets.size());
  }

  // In a process of its own, as for a fence agent; serves when it answers.
  port::PowerTarget start_fake(const std::string& program, Duration late) {
    port::PowerTarget target;
    target.driver = "redfish";
    target.address = "127.0.0.1";
    target.port = std::to_string(fakes::free_port(SOCK_STREAM));
    target.username = "ADMIN";
    target.password = Secret("contract-secret");
    target.options = {{"tls.verify", "false"}, {"system", "/redfish/v1/Systems/1"}};
    runtime::ChildSpec spec;
    spec.program = program;
    spec.args = {"--port", target.port, "--late-ms", std::to_string(late.count())};
    spec.deadline = Duration{3'600'000};
    fake_ = runtime::run_child(*loop_, std::move(spec), [](const auto&) {});
    for (int i = 0; i < 50; ++i)
      if (ask(target, PowerVerb::kStatus).outcome == Outcome::kConfirmed) break;
    return target;
  }

  std::unique_ptr<runtime::EventLoop> loop_;
  std::unique_ptr<fencing::DriverTable> drivers_;
  runtime::ChildHandle fake_;
};

int run(int trials, const std::string& fake) {
  Bench bench;
  bool good = bench.ipmi(trials);
  good = bench.redfish(trials, fake) && good;
  good = bench.poll_ipmi() && good;
  good = bench.poll_redfish(fake) && good;
  return good ? 0 : 1;
}

}  // namespace
}  // namespace mold::bench

int main(int argc, char** argv) {
  const auto trials = argc == 3 ? mold::parse_number<int>(argv[1]) : std::nullopt;
  if (!trials || *trials < 1) {
    std::fprintf(stderr, "usage: fence-bench TRIALS REDFISH_FAKE\n");
    return 2;
  }
  return mold::bench::run(*trials, argv[2]);
}
