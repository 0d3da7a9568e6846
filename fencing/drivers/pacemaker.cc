#include "fencing/drivers/pacemaker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fencing/drivers/least_run.h"
#include "fencing/drivers/pacemaker_text.h"
#include "fencing/drivers/target_text.h"
#include "fencing/drivers/under_way.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/files.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr Duration kHistoryLimit = 5s;
constexpr Duration kHistoryPause = 200ms;

std::string node_of(const port::PowerTarget& target) {
  const auto named = target.options.find("node");
  return named == target.options.end() ? target.address : named->second;
}

// One off or on from its order to its one answer.
class FenceTask {
 public:
  FenceTask(runtime::EventLoop& loop, const PacemakerSettings& settings, PowerAgents& agents,
            std::string node, PowerVerb verb, Duration deadline)
      : loop_(loop),
        settings_(settings),
        devices_(loop, settings.devices.program, agents),
        node_(std::move(node)),
        tag_("mold-" + runtime::new_uuid()),
        verb_(verb),
        started_(loop.now()),
        deadline_(loop.now() + deadline),
        pause_(loop) {}

  void start(std::function<void(port::PowerResult)> done) {
    done_ = std::move(done);
    devices_.check(std::max(deadline_ - loop_.now(), kLeastRun), [this](const Status& power) {
      if (power) return ask();
      tell("not asked: " + power.error().what);
      finish(Outcome::kFailed, power.error().kind);
    });
  }

 private:
  void ask() {
    const Duration left = deadline_ - loop_.now();
    // The cluster gets all the time but a second: to read its history after it.
    const auto seconds = std::max<std::int64_t>((left - 1s) / 1'000ms, 1);
    run({verb_ == PowerVerb::kOff ? "--fence" : "--unfence", node_, "--tag", tag_, "--timeout",
         std::to_string(seconds)},
        left, [this](Result<runtime::ChildResult> result) { asked(result); });
  }

  void run(std::vector<std::string> args, Duration limit,
           std::function<void(Result<runtime::ChildResult>)> then) {
    runtime::ChildSpec spec;
    spec.program = settings_.program;
    spec.args = std::move(args);
    spec.args.emplace_back("--output-as=xml");
    spec.deadline = std::max(limit, kLeastRun);
    child_ = runtime::run_child(loop_, std::move(spec), std::move(then));
  }

  void asked(const Result<runtime::ChildResult>& result) {
    if (!result) {
      tell("the cluster could not be asked: " + result.error().what);
      finish(Outcome::kFailed, result.error().kind);
    } else if (result->timed_out || result->exit_code < 0) {
      tell("asked the cluster; it did not end in time");
      finish(Outcome::kUnknown, ErrorKind::kTimeout);
    } else if (result->exit_code != 0) {
      const FenceRefusal refusal = read_refusal(result->exit_code, result->out);
      tell(refusal.advice);
      finish(refusal.nothing_done ? Outcome::kFailed : Outcome::kUnknown, refusal.error);
    } else if (verb_ == PowerVerb::kOn) {
      tell("the cluster says that it switched it on; it tells no power state to read back");
      finish(Outcome::kUnknown, ErrorKind::kUnsupported);
    } else {
      tell("the cluster says that it fenced it");
      read_history();
    }
  }

  void read_history() {
    const Duration left = std::clamp(deadline_ - loop_.now(), Duration{1'000}, kHistoryLimit);
    // Verbose: else similar fencings are shown as one, the oldest of them.
    run({"--history", node_, "--verbose"}, left,
        [this](const Result<runtime::ChildResult>& result) {
          const bool readable = result && result->ok() && !result->truncated;
          look(readable ? find_fencing(result->out, node_, tag_) : FencingSeen::kNotThere);
        });
  }

  void look(FencingSeen seen) {
    if (seen == FencingSeen::kSuccess) {
      tell("its history shows our request completed");
      state_ = PowerState::kOff;
      finish(Outcome::kConfirmed, ErrorKind::kInternal);
      return;
    }
    if (seen != FencingSeen::kFailed && loop_.now() + kHistoryPause < deadline_) {
      pause_.start_after(kHistoryPause, [this] { read_history(); });
      return;
    }
    tell(seen == FencingSeen::kFailed ? "but its history shows our request failed"
                                      : "but its history does not show our request completed");
    finish(Outcome::kUnknown, ErrorKind::kUnknown);
  }

  void tell(const std::string& step) {
    const auto ms = (loop_.now() - started_).count();
    story_ += (story_.empty() ? "" : "; ") + step + " (+" + std::to_string(ms) + " ms)";
  }

  void finish(Outcome outcome, ErrorKind error) {
    done_({outcome, state_, error, "pacemaker node " + node_ + ": " + story_});
  }

  runtime::EventLoop& loop_;
  const PacemakerSettings& settings_;
  ClusterDevices devices_;
  std::string node_;
  std::string tag_;  // what the history calls this request
  PowerVerb verb_;
  Instant started_;
  Instant deadline_;
  PowerState state_ = PowerState::kUnknown;
  std::string story_;
  runtime::Timer pause_;
  runtime::ChildHandle child_;
  std::function<void(port::PowerResult)> done_;
};

class PacemakerDriver final : public port::PowerControl {
 public:
  PacemakerDriver(runtime::EventLoop& loop, PacemakerSettings settings)
      : loop_(loop),
        settings_(std::move(settings)),
        agents_(loop, settings_.devices.agents),
        under_way_(loop) {}

  void request(const port::PowerTarget& target, PowerVerb verb, Duration deadline,
               Done done) override {
    if (const Status good = check(target); !good) {
      answer(std::move(done), Outcome::kFailed, good.error().kind, good.error().what);
      return;
    }
    switch (verb) {
      case PowerVerb::kStatus:
        answer(std::move(done), Outcome::kUnknown, ErrorKind::kUnsupported,
               "a cluster does not tell the power state of a node");
        return;
      case PowerVerb::kReset:
      case PowerVerb::kCycle:
      case PowerVerb::kSoft:
        answer(std::move(done), Outcome::kFailed, ErrorKind::kUnsupported,
               "a cluster's fencer switches off and on, nothing else: use off and then on");
        return;
      case PowerVerb::kOff:
      case PowerVerb::kOn:
        break;
    }
    const auto task =
        std::make_shared<FenceTask>(loop_, settings_, agents_, node_of(target), verb, deadline);
    const UnderWay::End end = under_way_.keep(task);
    task->start([end, done = std::move(done)](port::PowerResult result) {
      end([done, result = std::move(result)] { done(result); });
    });
  }

  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    for (const auto& [name, value] : target.options) {
      if (name != "node") return fail(unknown_option(name, "pacemaker", "node"));
    }
    return check_device_address(node_of(target));
  }

  void identify(const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    loop_.post([done = std::move(done)] {
      done({Outcome::kFailed,
            {},
            ErrorKind::kUnsupported,
            "pacemaker: a cluster does not tell which machine a node is"});
    });
  }

  void change_password(const port::PowerTarget&, const Secret&, Duration, Done done) override {
    answer(std::move(done), Outcome::kFailed, ErrorKind::kUnsupported,
           "the passwords of a cluster's devices are in its own configuration");
  }

 private:
  void answer(Done done, Outcome outcome, ErrorKind error, const std::string& text) {
    loop_.post([done = std::move(done), outcome, error, text] {
      done({outcome, PowerState::kUnknown, error, "pacemaker: " + text});
    });
  }

  runtime::EventLoop& loop_;
  PacemakerSettings settings_;
  PowerAgents agents_;
  UnderWay under_way_;
};

}  // namespace

std::unique_ptr<port::PowerControl> make_pacemaker_driver(runtime::EventLoop& loop,
                                                          PacemakerSettings settings) {
  return std::make_unique<PacemakerDriver>(loop, std::move(settings));
}

}  // namespace mold::fencing
