#include "fencing/drivers/ipmi.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "fencing/drivers/ipmi_text.h"
#include "lib/runtime/child_process.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

// The state that ends a verb's read-back; kUnknown where none can be read back.
PowerState wished_state(PowerVerb verb) {
  switch (verb) {
    case PowerVerb::kOff:
    case PowerVerb::kSoft:
      return PowerState::kOff;
    case PowerVerb::kOn:
    case PowerVerb::kReset:
    case PowerVerb::kCycle:
      return PowerState::kOn;
    case PowerVerb::kStatus:
      return PowerState::kUnknown;
  }
  return PowerState::kUnknown;
}

// One request from its first reading to its one answer.
class Request {
 public:
  Request(runtime::EventLoop& loop, const IpmiSettings& settings, port::PowerTarget target,
          PowerVerb verb, Duration deadline)
      : loop_(loop),
        settings_(settings),
        target_(std::move(target)),
        verb_(verb),
        started_(loop.now()),
        deadline_(loop.now() + deadline),
        pause_(loop) {}

  void start(std::function<void(port::PowerResult)> done) {
    done_ = std::move(done);
    read_state([this](PowerState state, const IpmiVerdict& verdict) { first(state, verdict); });
  }

 private:
  using OnState = std::function<void(PowerState, const IpmiVerdict&)>;

  void run(const std::string& action, std::function<void(Result<runtime::ChildResult>)> then) {
    runtime::ChildSpec spec;
    spec.program = settings_.program;
    spec.args = {"-I", settings_.interface,
                 "-R", std::to_string(settings_.retries),
                 "-N", std::to_string(settings_.timeout_s)};
    if (!settings_.cipher_suite.empty()) {
      spec.args.insert(spec.args.end(), {"-C", settings_.cipher_suite});
    }
    if (!settings_.privilege.empty())
      spec.args.insert(spec.args.end(), {"-L", settings_.privilege});
    spec.args.insert(spec.args.end(), {"-v", "-H", target_.address, "-p", target_.port});
    if (!target_.username.empty()) spec.args.insert(spec.args.end(), {"-U", target_.username});
    spec.args.insert(spec.args.end(), {"-E", "chassis", "power", action});
    runtime::ChildSecret secret;
    secret.text = target_.password;
    secret.env_name = "IPMI_PASSWORD";
    spec.secret = std::move(secret);
    spec.deadline = std::clamp(deadline_ - loop_.now(), Duration{200}, settings_.call_deadline);
    spec.output_cap = 16 * 1024;
    child_ = runtime::run_child(loop_, std::move(spec), std::move(then));
  }

  void read_state(OnState then) {
    run("status", [then = std::move(then)](Result<runtime::ChildResult> result) {
      if (!result) {
        then(PowerState::kUnknown, {IpmiReach::kBroken, result.error().kind, result.error().what});
        return;
      }
      const IpmiVerdict verdict = classify(*result);
      then(verdict.reach == IpmiReach::kAnswered ? parse_power_state(result->out)
                                                 : PowerState::kUnknown,
           verdict);
    });
  }

  void first(PowerState state, const IpmiVerdict& verdict) {
    state_ = state;
    if (state == PowerState::kUnknown) {
      // Nothing was asked of the chassis yet: certainly not carried out.
      tell("the power state cannot be read: " + advice(verdict));
      finish(verb_ == PowerVerb::kStatus ? Outcome::kUnknown : Outcome::kFailed, verdict.error);
      return;
    }
    tell(std::string("read ") + std::string(core::to_string(state)));
    if (verb_ == PowerVerb::kStatus) {
      finish(Outcome::kConfirmed);
      return;
    }
    const bool restarts = verb_ == PowerVerb::kReset || verb_ == PowerVerb::kCycle;
    if (restarts && state == PowerState::kOff) {
      tell("a machine that is off cannot be restarted; switch it on");
      finish(Outcome::kFailed, ErrorKind::kConflict);
      return;
    }
    if (!restarts && state == wished_state(verb_)) {
      tell("already there");
      finish(Outcome::kConfirmed);
      return;
    }
    act();
  }

  void act() {
    const std::string action(core::to_string(verb_));
    run(action, [this, action](Result<runtime::ChildResult> result) {
      if (!result) {
        tell(action + " could not be sent: " + result.error().what);
        finish(Outcome::kFailed, result.error().kind);
        return;
      }
      const IpmiVerdict verdict = classify(*result);
      switch (verdict.reach) {
        case IpmiReach::kAnswered:
          accepted_ = true;
          tell(action + " accepted");
          break;
        case IpmiReach::kCommandLost:
          tell(action + " sent, answer lost");
          break;
        case IpmiReach::kNoAnswer:
        case IpmiReach::kDenied:
        case IpmiReach::kBroken:
          tell(action + " not sent: " + advice(verdict));
          finish(Outcome::kFailed, verdict.error);
          return;
        case IpmiReach::kRefused:
          refused_ = true;
          tell(action + " refused");
          break;
      }
      read_back();
    });
  }

  // Only what is read counts: a refused or lost command may have worked, an accepted one may not.
  void read_back() {
    read_state([this](PowerState state, const IpmiVerdict& verdict) {
      if (state != PowerState::kUnknown) state_ = state;
      // A restart leaves no state behind that would tell it from none: only its acceptance counts.
      const bool restart = verb_ == PowerVerb::kReset || verb_ == PowerVerb::kCycle;
      if (restart && !accepted_) {
        tell(refused_ ? "nothing was restarted" : "whether it was restarted is not known");
        finish(refused_ ? Outcome::kFailed : Outcome::kUnknown,
               refused_ ? ErrorKind::kConflict : ErrorKind::kTimeout);
        return;
      }
      if (state == wished_state(verb_)) {
        tell(std::string("read back ") + std::string(core::to_string(state)));
        finish(Outcome::kConfirmed);
        return;
      }
      if (loop_.now() + settings_.poll < deadline_ &&
          !(refused_ && state != PowerState::kUnknown)) {
        pause_.start_after(settings_.poll, [this] { read_back(); });
        return;
      }
      if (state == PowerState::kUnknown) {
        state_ = PowerState::kUnknown;
        tell("then the state could not be read: " + advice(verdict));
        finish(Outcome::kUnknown, verdict.error);
        return;
      }
      tell(std::string("still ") + std::string(core::to_string(state)));
      finish(refused_ ? Outcome::kFailed : Outcome::kUnknown,
             refused_ ? ErrorKind::kConflict : ErrorKind::kTimeout);
    });
  }

  static std::string advice(const IpmiVerdict& verdict) {
    return verdict.advice.empty() ? "the BMC's answer is not understood" : verdict.advice;
  }

  void tell(const std::string& step) {
    const auto ms = (loop_.now() - started_).count();
    story_ += (story_.empty() ? "" : "; ") + step + " (+" + std::to_string(ms) + " ms)";
  }

  void finish(Outcome outcome, ErrorKind error = ErrorKind::kInternal) {
    port::PowerResult result;
    result.outcome = outcome;
    result.state = state_;
    result.error = error;
    result.text = "ipmi " + target_.address + ":" + target_.port + ": " + story_;
    // The completion may destroy this request: hand it out of this call chain.
    loop_.post([done = std::move(done_), result = std::move(result)] { done(result); });
  }

  runtime::EventLoop& loop_;
  const IpmiSettings& settings_;
  port::PowerTarget target_;
  PowerVerb verb_;
  Instant started_;
  Instant deadline_;
  PowerState state_ = PowerState::kUnknown;
  bool accepted_ = false;
  bool refused_ = false;
  std::string story_;
  runtime::Timer pause_;
  runtime::ChildHandle child_;
  std::function<void(port::PowerResult)> done_;
};

class IpmiDriver final : public port::PowerControl {
 public:
  IpmiDriver(runtime::EventLoop& loop, IpmiSettings settings)
      : loop_(loop), settings_(std::move(settings)) {}

  void request(const port::PowerTarget& target, PowerVerb verb, Duration deadline,
               Done done) override {
    const std::uint64_t id = next_id_++;
    auto request = std::make_unique<Request>(loop_, settings_, target, verb, deadline);
    Request* const raw = request.get();
    requests_.emplace(id, std::move(request));
    raw->start([this, id, done = std::move(done)](port::PowerResult result) {
      requests_.erase(id);
      done(std::move(result));
    });
  }

 private:
  runtime::EventLoop& loop_;
  IpmiSettings settings_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Request>> requests_;
};

}  // namespace

std::unique_ptr<port::PowerControl> make_ipmi_driver(runtime::EventLoop& loop,
                                                     IpmiSettings settings) {
  return std::make_unique<IpmiDriver>(loop, std::move(settings));
}

}  // namespace mold::fencing
