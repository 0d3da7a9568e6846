// Which machine is behind a BMC, as the BMC tells it.
#include <utility>

#include "fencing/drivers/redfish_talk.h"

namespace mold::fencing {
namespace {

using core::Outcome;

class RedfishIdentity final : public RedfishTalk {
 public:
  RedfishIdentity(const RedfishHouse& house, const port::PowerTarget& target,
                  RedfishEndpoint endpoint, Duration deadline,
                  std::function<void(port::IdentityResult)> done)
      : RedfishTalk(house, target, std::move(endpoint), deadline), done_(std::move(done)) {}

 private:
  void begin() override {
    locate([this](const Result<Located>& located) {
      if (!located) {
        tell("the system cannot be read: " + located.error().what);
        done_as(Outcome::kUnknown, located.error().kind, {});
        return;
      }
      const RedfishSystem& system = located->system;
      port::MachineIdentity identity;
      identity.uuid = system.uuid;
      identity.serial = system.serial;
      identity.model = system.manufacturer;
      if (!system.model.empty())
        identity.model += (identity.model.empty() ? "" : " ") + system.model;
      tell("UUID " + (identity.uuid.empty() ? "not said" : identity.uuid) + ", serial " +
           (identity.serial.empty() ? "not said" : identity.serial));
      done_as(Outcome::kConfirmed, ErrorKind::kInternal, std::move(identity));
    });
  }

  void on_deadline() override {
    tell("time is up");
    done_as(Outcome::kUnknown, ErrorKind::kTimeout, {});
  }

  void done_as(Outcome outcome, ErrorKind error, port::MachineIdentity identity) {
    port::IdentityResult result{outcome, std::move(identity), error, story()};
    finish([done = std::move(done_), result = std::move(result)] { done(result); });
  }

  std::function<void(port::IdentityResult)> done_;
};

}  // namespace

std::unique_ptr<RedfishTalk> make_redfish_identity(const RedfishHouse& house,
                                                   const port::PowerTarget& target,
                                                   RedfishEndpoint endpoint, Duration deadline,
                                                   std::function<void(port::IdentityResult)> done) {
  return std::make_unique<RedfishIdentity>(house, target, std::move(endpoint), deadline,
                                           std::move(done));
}

}  // namespace mold::fencing
