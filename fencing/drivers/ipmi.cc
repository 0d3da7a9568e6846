#include "fencing/drivers/ipmi.h"

#include <utility>

#include "fencing/drivers/ipmi_password.h"
#include "fencing/drivers/ipmi_tool.h"
#include "fencing/drivers/local_requests.h"
#include "fencing/drivers/power_steps.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

std::string advice_of(const IpmiVerdict& verdict) {
  return verdict.advice.empty() ? "the BMC's answer is not understood" : verdict.advice;
}

class IpmiDevice final : public PowerDevice {
 public:
  IpmiDevice(runtime::EventLoop& loop, IpmiSettings settings, const port::PowerTarget& target)
      : tool_(loop, std::move(settings), target) {}

  void read(Duration left, std::function<void(PowerReading)> done) override {
    tool_.run({"chassis", "power", "status"}, left,
              [done = std::move(done)](const IpmiAnswer& answer) {
                const IpmiVerdict& verdict = answer.verdict;
                const bool answered = verdict.reach == IpmiReach::kAnswered;
                done({answered ? parse_power_state(answer.out) : PowerState::kUnknown,
                      answered ? ErrorKind::kCorrupt : verdict.error, advice_of(verdict)});
              });
  }

  void act(PowerVerb verb, Duration left, std::function<void(PowerActed)> done) override {
    tool_.run({"chassis", "power", std::string(core::to_string(verb))}, left,
              [done = std::move(done)](const IpmiAnswer& answer) {
                done({sent(answer.verdict.reach), answer.verdict.error, advice_of(answer.verdict)});
              });
  }

 private:
  static Sent sent(IpmiReach reach) {
    switch (reach) {
      case IpmiReach::kAnswered:
        return Sent::kAccepted;
      case IpmiReach::kCommandLost:
        return Sent::kMaybe;
      case IpmiReach::kRefused:
        return Sent::kRefused;
      case IpmiReach::kNoAnswer:
      case IpmiReach::kDenied:
      case IpmiReach::kBroken:
        return Sent::kNot;
    }
    return Sent::kMaybe;
  }

  IpmiTool tool_;
};

// The GUID, then the inventory; a BMC that answers and has neither is still a BMC that answers.
class IpmiIdentify {
 public:
  IpmiIdentify(runtime::EventLoop& loop, IpmiSettings settings, const port::PowerTarget& target,
               Duration deadline)
      : loop_(loop),
        tool_(loop, std::move(settings), target),
        name_("ipmi " + ipmi_name(target)),
        deadline_(loop.now() + deadline),
        story_(loop) {}

  void start(std::function<void(port::IdentityResult)> done) {
    done_ = std::move(done);
    tool_.run({"raw", "0x06", "0x37"}, deadline_ - loop_.now(),
              [this](const IpmiAnswer& answer) { on_guid(answer); });
  }

 private:
  void on_guid(const IpmiAnswer& answer) {
    switch (answer.verdict.reach) {
      case IpmiReach::kAnswered:
        result_.identity.uuid = parse_system_guid(answer.out);
        story_.tell("read UUID " + result_.identity.uuid);
        break;
      case IpmiReach::kRefused:
        story_.tell("the BMC does not tell a UUID");
        break;
      case IpmiReach::kNoAnswer:
      case IpmiReach::kDenied:
      case IpmiReach::kCommandLost:
      case IpmiReach::kBroken:
        story_.tell("the UUID cannot be read: " + advice_of(answer.verdict));
        result_.error = answer.verdict.error;
        finish(answer.verdict.reach == IpmiReach::kCommandLost ? Outcome::kUnknown
                                                               : Outcome::kFailed);
        return;
    }
    tool_.run_long({"fru", "print", "0"}, deadline_ - loop_.now(), [this](const IpmiAnswer& fru) {
      if (fru.verdict.reach == IpmiReach::kAnswered) {
        const port::MachineIdentity told = parse_fru(fru.out);
        result_.identity.serial = told.serial;
        result_.identity.model = told.model;
        story_.tell("read serial '" + told.serial + "' of '" + told.model + "'");
      } else {
        story_.tell("no inventory: " + advice_of(fru.verdict));
      }
      finish(Outcome::kConfirmed);
    });
  }

  void finish(Outcome outcome) {
    result_.outcome = outcome;
    result_.text = name_ + ": " + story_.text();
    if (const auto call = std::exchange(done_, nullptr)) call(std::move(result_));
  }

  runtime::EventLoop& loop_;
  IpmiTool tool_;
  std::string name_;
  Instant deadline_;
  Story story_;
  port::IdentityResult result_;
  std::function<void(port::IdentityResult)> done_;
};

class IpmiDriver final : public port::PowerControl {
 public:
  IpmiDriver(runtime::EventLoop& loop, IpmiSettings settings)
      : loop_(loop),
        settings_(std::move(settings)),
        requests_(loop, "ipmi", settings_.readings_at_once) {}

  void request(const port::PowerTarget& target, PowerVerb verb, Duration deadline,
               Done done) override {
    const auto settings = settings_for(settings_, target);
    if (!settings) return requests_.refuse(settings.error(), std::move(done));
    PowerWish wish{"ipmi " + ipmi_name(target), verb, deadline, settings->poll};
    auto device = std::make_unique<IpmiDevice>(loop_, *settings, target);
    requests_.run(std::move(device), std::move(wish), std::move(done));
  }

  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    return check_ipmi_target(settings_, target);
  }

  void identify(const port::PowerTarget& target, Duration deadline,
                std::function<void(port::IdentityResult)> done) override {
    const auto settings = settings_for(settings_, target);
    if (!settings) {
      requests_.refuse_identity(settings.error(), std::move(done));
      return;
    }
    const auto task = std::make_shared<IpmiIdentify>(loop_, *settings, target, deadline);
    task->start([end = requests_.under_way().keep(task),
                 done = std::move(done)](port::IdentityResult result) {
      end([done, result = std::move(result)] { done(result); });
    });
  }

  void change_password(const port::PowerTarget& target, const Secret& fresh, Duration deadline,
                       Done done) override {
    const auto settings = settings_for(settings_, target);
    if (!settings) return requests_.refuse(settings.error(), std::move(done));
    change_ipmi_password(loop_, requests_.under_way(), *settings, target, fresh, deadline,
                         std::move(done));
  }

 private:
  runtime::EventLoop& loop_;
  IpmiSettings settings_;
  LocalRequests requests_;
};

}  // namespace

std::unique_ptr<port::PowerControl> make_ipmi_driver(runtime::EventLoop& loop,
                                                     IpmiSettings settings) {
  return std::make_unique<IpmiDriver>(loop, std::move(settings));
}

}  // namespace mold::fencing
