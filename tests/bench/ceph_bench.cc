// How long it takes from "isolate this host" to the proof, on a real cluster at the usual pace of
// its monitors (they gather changes for a second; the first after a pause does not wait for it):
//
//   ceph-bench TRIALS
//
// Each trial: a fresh host with one disk that its client writes to. Half of them come right after
// another change to the cluster, which is when monitors take longest.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "tests/contract/ceph_cluster.h"

namespace {

using namespace mold;

constexpr Duration kDeadline{20'000};

double quantile(std::vector<double> all, double part) {
  std::sort(all.begin(), all.end());
  return all[static_cast<std::size_t>(static_cast<double>(all.size() - 1) * part + 0.5)];
}

template <class Answer, class Ask>
Answer wait(contract::RealCephRig& rig, const Ask& ask) {
  std::optional<Answer> answer;
  ask([&](Answer told) { answer = std::move(told); });
  MOLD_CHECK(rig.loop().run_until([&] { return answer.has_value(); }, kDeadline * 2), "an answer");
  return std::move(*answer);
}

struct Trial {
  double ms = 0;
  bool proven = false;
};

Trial run_trial(contract::RealCephRig& rig, bool at_rest) {
  const std::string user = rig.fresh("mold-host-");
  const auto key = wait<port::CephStorage::Key>(
      rig, [&](auto done) { rig.storage().grant(rig.fencer(), user, {"vms"}, kDeadline, done); });
  const std::string image = rig.make_image();
  const auto victim = rig.connect(user, key.key);
  MOLD_CHECK(victim && victim->open(image) == 0 && victim->write(image) == 0, "a writing client");
  if (at_rest) {
    ::sleep(2);
  } else {
    rig.list_by_hand("127.0.0.9:0/" + std::to_string(::rand() % 60'000 + 1), Duration{60'000});
  }
  const port::IsolationOrder order{user, {victim->address()}, {image}, "", Duration{86'400'000}};
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = wait<port::IsolationAnswer>(
      rig, [&](auto done) { rig.storage().isolate(rig.fencer(), order, kDeadline, done); });
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  return {took.count(),
          answer.outcome == core::Outcome::kConfirmed && victim->write(image) == -ESHUTDOWN};
}

bool print(const char* name, contract::RealCephRig& rig, int trials, bool at_rest) {
  std::vector<double> times;
  int proven = 0;
  for (int i = 0; i < trials; ++i) {
    const Trial trial = run_trial(rig, at_rest);
    times.push_back(trial.ms);
    proven += trial.proven ? 1 : 0;
  }
  std::printf("  %-34s p50 %5.0f ms  p99 %5.0f ms  proven %d of %d\n", name, quantile(times, 0.5),
              quantile(times, 0.99), proven, trials);
  return proven == trials;
}

}  // namespace

int main(int argc, char** argv) {
  const int trials = argc > 1 ? parse_number<int>(argv[1]).value_or(30) : 30;
  contract::RealCephRig rig;
  contract::CephCluster::get().stock_pace();
  std::printf("Isolation of a host in Ceph, from the request to the proof\n");
  const bool rest = print("after a pause of the monitors", rig, trials, true);
  const bool busy = print("right after another change", rig, trials, false);
  return rest && busy ? 0 : 1;
}
