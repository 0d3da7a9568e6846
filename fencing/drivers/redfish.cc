#include "fencing/drivers/redfish.h"

#include <map>
#include <utility>

#include "fencing/drivers/redfish_talk.h"

namespace mold::fencing {
namespace {

// One connection for each BMC that is asked in a round of polls; more than a few at once trouble
// it.
constexpr runtime::HttpClientLimits kRedfishLimits{
    .total_connections = 512, .connections_per_origin = 4, .idle_connections = 256};

class RedfishDriver final : public port::PowerControl {
 public:
  RedfishDriver(runtime::EventLoop& loop, RedfishSettings settings)
      : settings_(std::move(settings)),
        client_(loop, kRedfishLimits),
        house_{loop, client_, settings_} {}

  void request(const port::PowerTarget& target, core::PowerVerb verb, Duration deadline,
               Done done) override {
    auto endpoint = make_redfish_endpoint(target, settings_);
    if (!endpoint) {
      house_.loop.post([done = std::move(done), error = endpoint.error()] {
        done({.outcome = core::Outcome::kFailed,
              .error = error.kind,
              .text = "redfish: nothing was sent: " + error.what});
      });
      return;
    }
    run(make_redfish_power(house_, target, std::move(*endpoint), verb, deadline, std::move(done)));
  }

  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    MOLD_TRY([[maybe_unused]] const auto endpoint, make_redfish_endpoint(target, settings_));
    return {};
  }

  void identify(const port::PowerTarget& target, Duration deadline,
                std::function<void(port::IdentityResult)> done) override {
    auto endpoint = make_redfish_endpoint(target, settings_);
    if (!endpoint) {
      house_.loop.post([done = std::move(done), error = endpoint.error()] {
        done({.outcome = core::Outcome::kFailed,
              .identity = {},
              .error = error.kind,
              .text = "redfish: nothing was sent: " + error.what});
      });
      return;
    }
    run(make_redfish_identity(house_, target, std::move(*endpoint), deadline, std::move(done)));
  }

  void change_password(const port::PowerTarget& target, const Secret& fresh, Duration deadline,
                       Done done) override {
    auto endpoint = make_redfish_endpoint(target, settings_);
    if (!endpoint) {
      house_.loop.post([done = std::move(done), error = endpoint.error()] {
        done({.outcome = core::Outcome::kFailed,
              .error = error.kind,
              .text = "redfish: nothing was sent: " + error.what});
      });
      return;
    }
    run(make_redfish_password(house_, target, std::move(*endpoint), fresh, deadline,
                              std::move(done)));
  }

 private:
  void run(std::unique_ptr<RedfishTalk> talk) {
    const std::uint64_t id = next_id_++;
    RedfishTalk* const raw = talk.get();
    talks_.emplace(id, std::move(talk));
    raw->start([this, alive = std::weak_ptr(alive_), id] {
      if (!alive.expired()) talks_.erase(id);
    });
  }

  RedfishSettings settings_;
  runtime::HttpClient client_;
  RedfishHouse house_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<RedfishTalk>> talks_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<port::PowerControl> make_redfish_driver(runtime::EventLoop& loop,
                                                        RedfishSettings settings) {
  return std::make_unique<RedfishDriver>(loop, std::move(settings));
}

}  // namespace mold::fencing
