#include "fencing/drivers/fence_agent.h"

#include <algorithm>
#include <utility>

#include "fencing/drivers/agent_metadata.h"
#include "fencing/drivers/fence_agent_text.h"
#include "fencing/drivers/least_run.h"
#include "fencing/drivers/local_requests.h"
#include "fencing/drivers/power_steps.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

const std::string& agent_of(const port::PowerTarget& target) {
  return target.options.at("agent");  // check() saw it
}

std::string agent_name_of(const port::PowerTarget& target) {
  const auto plug = target.options.find("plug");
  return agent_of(target) + (target.address.empty() ? "" : " " + target.address) +
         (plug == target.options.end() ? "" : " plug " + plug->second);
}

class AgentDevice final : public PowerDevice {
 public:
  AgentDevice(runtime::EventLoop& loop, const FenceAgentSettings& settings, PowerAgents& agents,
              port::PowerTarget target)
      : loop_(loop), settings_(settings), agents_(agents), target_(std::move(target)) {}

  // Every request begins with a reading, so no agent acts before it proved to be a power device.
  void read(Duration left, std::function<void(PowerReading)> done) override {
    if (agents_.known(agent_of(target_))) return read_status(left, std::move(done));
    const Instant until = loop_.now() + left;
    child_ = agents_.prove(agent_of(target_), std::min(left, settings_.call_deadline),
                           [this, until, done = std::move(done)](const Status& proven) {
                             if (proven) return read_status(until - loop_.now(), done);
                             const Error& error = proven.error();
                             done({PowerState::kUnknown, error.kind, error.what});
                           });
  }

  void act(PowerVerb verb, Duration left, std::function<void(PowerActed)> done) override {
    run(action_of(verb), left,
        [done = std::move(done)](const Result<runtime::ChildResult>& result) {
          if (result) return done(read_agent_action(*result));
          done({Sent::kNot, result.error().kind, result.error().what});
        });
  }

 private:
  void read_status(Duration left, std::function<void(PowerReading)> done) {
    run("status", left, [done = std::move(done)](const Result<runtime::ChildResult>& result) {
      if (result) return done(read_agent_status(*result));
      done({PowerState::kUnknown, result.error().kind, result.error().what});
    });
  }

  // The contract has one word for a restart and none for a polite end; request() refuses that.
  static std::string action_of(PowerVerb verb) {
    const bool restart = verb == PowerVerb::kReset || verb == PowerVerb::kCycle;
    return restart ? "reboot" : std::string(core::to_string(verb));
  }

  void run(const std::string& action, Duration left,
           std::function<void(const Result<runtime::ChildResult>&)> then) {
    runtime::ChildSpec spec;
    spec.program = settings_.directory + "/" + agent_of(target_);
    spec.stdin_text = fence_agent_input(target_, action).reveal();
    spec.deadline = std::clamp(left, kLeastRun, settings_.call_deadline);
    spec.output_cap = 16 * 1024;
    child_ = runtime::run_child(loop_, std::move(spec), std::move(then));
  }

  runtime::EventLoop& loop_;
  const FenceAgentSettings& settings_;
  PowerAgents& agents_;
  port::PowerTarget target_;
  runtime::ChildHandle child_;
};

class FenceAgentDriver final : public port::PowerControl {
 public:
  FenceAgentDriver(runtime::EventLoop& loop, FenceAgentSettings settings)
      : loop_(loop),
        settings_(std::move(settings)),
        agents_(loop, settings_.directory),
        requests_(loop, "fence_agent", settings_.readings_at_once) {}

  void request(const port::PowerTarget& target, PowerVerb verb, Duration deadline,
               Done done) override {
    if (const Status good = check(target); !good)
      return requests_.refuse(good.error(), std::move(done));
    if (verb == PowerVerb::kSoft) {
      return requests_.refuse(
          {ErrorKind::kUnsupported, "fence agents know no polite shutdown: use off"},
          std::move(done));
    }
    PowerWish wish{agent_name_of(target), verb, deadline, settings_.poll};
    auto device = std::make_unique<AgentDevice>(loop_, settings_, agents_, target);
    requests_.run(std::move(device), std::move(wish), std::move(done));
  }

  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    return check_fence_agent_target(target);
  }

  // Agents have no word for it. That the device answers for this plug is still worth knowing.
  void identify(const port::PowerTarget& target, Duration deadline,
                std::function<void(port::IdentityResult)> done) override {
    request(target, PowerVerb::kStatus, deadline, [done = std::move(done)](port::PowerResult r) {
      const bool read = r.outcome == Outcome::kConfirmed;
      done({r.outcome,
            {},
            r.error,
            r.text + (read ? "; a fence agent does not tell which machine it switches" : "")});
    });
  }

  void change_password(const port::PowerTarget& target, const Secret&, Duration,
                       Done done) override {
    requests_.refuse(
        {ErrorKind::kUnsupported, "fence agents cannot change passwords: change it on " +
                                      target.address + " itself, then configure the new one"},
        std::move(done));
  }

 private:
  runtime::EventLoop& loop_;
  FenceAgentSettings settings_;
  PowerAgents agents_;
  LocalRequests requests_;
};

}  // namespace

std::unique_ptr<port::PowerControl> make_fence_agent_driver(runtime::EventLoop& loop,
                                                            FenceAgentSettings settings) {
  return std::make_unique<FenceAgentDriver>(loop, std::move(settings));
}

}  // namespace mold::fencing
