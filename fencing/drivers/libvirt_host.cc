#include "fencing/drivers/libvirt_host.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fencing/drivers/local_requests.h"
#include "fencing/drivers/power_steps.h"
#include "fencing/drivers/virsh_text.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;
using Ran = std::function<void(const Result<runtime::ChildResult>&)>;

const std::string& domain_of(const port::PowerTarget& target) {
  return target.options.at("domain");  // check() saw it
}

std::string host_name_of(const port::PowerTarget& target) {
  return "libvirt " + target.address + " domain " + domain_of(target);
}

class Virsh {
 public:
  Virsh(runtime::EventLoop& loop, const LibvirtHostSettings& settings, port::PowerTarget target)
      : loop_(loop), settings_(settings), target_(std::move(target)) {}

  void run(const std::string& command, const std::vector<std::string>& more, Duration left,
           Ran then) {
    runtime::ChildSpec spec;
    spec.program = settings_.program;
    spec.args = {"--quiet", "-c", target_.address, command, "--domain", domain_of(target_)};
    spec.args.insert(spec.args.end(), more.begin(), more.end());
    spec.deadline = std::min(left, settings_.call_deadline);
    spec.output_cap = 16 * 1024;
    child_ = runtime::run_child(loop_, std::move(spec), std::move(then));
  }

 private:
  runtime::EventLoop& loop_;
  const LibvirtHostSettings& settings_;
  port::PowerTarget target_;
  runtime::ChildHandle child_;
};

class DomainDevice final : public PowerDevice {
 public:
  DomainDevice(runtime::EventLoop& loop, const LibvirtHostSettings& settings,
               port::PowerTarget target)
      : loop_(loop), virsh_(loop, settings, std::move(target)) {}

  void read(Duration left, std::function<void(PowerReading)> done) override {
    virsh_.run("domstate", {"--reason"}, left,
               [done = std::move(done)](const Result<runtime::ChildResult>& result) {
                 if (result) return done(read_domain_state(*result));
                 done({PowerState::kUnknown, result.error().kind, result.error().what});
               });
  }

  void act(PowerVerb verb, Duration left, std::function<void(PowerActed)> done) override {
    const Instant deadline = loop_.now() + left;
    virsh_.run(
        command_of(verb), {}, left,
        [this, verb, deadline, done = std::move(done)](const Result<runtime::ChildResult>& result) {
          if (!result) {
            done({Sent::kNot, result.error().kind, result.error().what});
          } else if (verb == PowerVerb::kCycle && result->ok()) {
            start_again(deadline, done);
          } else {
            done(read_virsh_action(*result));
          }
        });
  }

 private:
  static std::string command_of(PowerVerb verb) {
    switch (verb) {
      case PowerVerb::kOff:
      case PowerVerb::kCycle:
        return "destroy";
      case PowerVerb::kOn:
        return "start";
      case PowerVerb::kReset:
        return "reset";
      case PowerVerb::kSoft:
        return "shutdown";
      case PowerVerb::kStatus:
        break;
    }
    return "domstate";
  }

  // The second half of a cycle. When it fails the guest is off, and the cycle is not done.
  void start_again(Instant deadline, std::function<void(PowerActed)> done) {
    virsh_.run("start", {}, std::max(deadline - loop_.now(), Duration{200}),
               [done = std::move(done)](const Result<runtime::ChildResult>& result) {
                 PowerActed acted =
                     result ? read_virsh_action(*result)
                            : PowerActed{Sent::kMaybe, result.error().kind, result.error().what};
                 if (acted.sent == Sent::kRefused) acted.sent = Sent::kMaybe;
                 if (acted.sent != Sent::kAccepted)
                   acted.advice = "it is off, and starting it again failed: " + acted.advice;
                 done(acted);
               });
  }

  runtime::EventLoop& loop_;
  Virsh virsh_;
};

// `domuuid`: what the guest's own firmware tables show, unless somebody wrote others into its XML.
class DomainIdentify {
 public:
  DomainIdentify(runtime::EventLoop& loop, const LibvirtHostSettings& settings,
                 const port::PowerTarget& target)
      : name_(host_name_of(target)), domain_(domain_of(target)), virsh_(loop, settings, target) {}

  void start(Duration deadline, std::function<void(port::IdentityResult)> done) {
    virsh_.run("domuuid", {}, deadline,
               [this, done = std::move(done)](const Result<runtime::ChildResult>& result) {
                 done(answer(result));
               });
  }

 private:
  port::IdentityResult answer(const Result<runtime::ChildResult>& result) const {
    port::IdentityResult identity;
    if (!result || !result->ok()) {
      const Error error = result ? virsh_failure(*result) : result.error();
      const bool lost = result && result->timed_out;
      identity.outcome = lost ? Outcome::kUnknown : Outcome::kFailed;
      identity.error = error.kind;
      identity.text = name_ + ": the UUID cannot be read: " + error.what;
      return identity;
    }
    const std::string uuid = to_lower(trim(result->out));
    identity.outcome = Outcome::kConfirmed;
    if (is_uuid(uuid)) identity.identity.uuid = uuid;
    identity.identity.model = "libvirt domain " + domain_;
    identity.text = name_ + ": read UUID " + identity.identity.uuid;
    return identity;
  }

  std::string name_;
  std::string domain_;
  Virsh virsh_;
};

class LibvirtHostDriver final : public port::PowerControl {
 public:
  LibvirtHostDriver(runtime::EventLoop& loop, LibvirtHostSettings settings)
      : loop_(loop),
        settings_(std::move(settings)),
        requests_(loop, "libvirt", settings_.readings_at_once) {}

  void request(const port::PowerTarget& target, PowerVerb verb, Duration deadline,
               Done done) override {
    if (const Status good = check(target); !good)
      return requests_.refuse(good.error(), std::move(done));
    PowerWish wish{host_name_of(target), verb, deadline, settings_.poll};
    auto device = std::make_unique<DomainDevice>(loop_, settings_, target);
    requests_.run(std::move(device), std::move(wish), std::move(done));
  }

  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    return check_libvirt_target(target);
  }

  void identify(const port::PowerTarget& target, Duration deadline,
                std::function<void(port::IdentityResult)> done) override {
    if (const Status good = check(target); !good) {
      requests_.refuse_identity(good.error(), std::move(done));
      return;
    }
    const auto task = std::make_shared<DomainIdentify>(loop_, settings_, target);
    task->start(deadline, [end = requests_.under_way().keep(task),
                           done = std::move(done)](port::IdentityResult result) {
      end([done, result = std::move(result)] { done(result); });
    });
  }

  void change_password(const port::PowerTarget&, const Secret&, Duration, Done done) override {
    requests_.refuse({ErrorKind::kUnsupported, "libvirt is reached without a password of ours"},
                     std::move(done));
  }

 private:
  runtime::EventLoop& loop_;
  LibvirtHostSettings settings_;
  LocalRequests requests_;
};

}  // namespace

std::unique_ptr<port::PowerControl> make_libvirt_host_driver(runtime::EventLoop& loop,
                                                             LibvirtHostSettings settings) {
  return std::make_unique<LibvirtHostDriver>(loop, std::move(settings));
}

}  // namespace mold::fencing
