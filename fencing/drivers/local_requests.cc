#include "fencing/drivers/local_requests.h"

#include <utility>

namespace mold::fencing {

void LocalRequests::run(std::unique_ptr<PowerDevice> device, PowerWish wish,
                        port::PowerControl::Done done) {
  if (wish.verb == core::PowerVerb::kStatus) {
    readings_.run(std::move(device), std::move(wish), std::move(done));
    return;
  }
  run_power_request(loop_, under_way_, std::move(device), std::move(wish), std::move(done));
}

void LocalRequests::refuse(const Error& error, port::PowerControl::Done done) {
  loop_.post([done = std::move(done), kind = error.kind, text = name_ + ": " + error.what] {
    done({core::Outcome::kFailed, core::PowerState::kUnknown, kind, text});
  });
}

void LocalRequests::refuse_identity(const Error& error,
                                    std::function<void(port::IdentityResult)> done) {
  loop_.post([done = std::move(done), kind = error.kind, text = name_ + ": " + error.what] {
    done({core::Outcome::kFailed, {}, kind, text});
  });
}

}  // namespace mold::fencing
