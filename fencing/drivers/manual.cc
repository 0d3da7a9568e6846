#include "fencing/drivers/manual.h"

#include <utility>

#include "fencing/drivers/target_text.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr const char* kHowTo =
    "; make sure that it is dead (look at it, pull its plug), then say so: "
    "hactl host confirm-dead HOST --reason TEXT";

class ManualDriver final : public port::PowerControl {
 public:
  explicit ManualDriver(runtime::EventLoop& loop) : loop_(loop) {}

  void request(const port::PowerTarget&, PowerVerb verb, Duration, Done done) override {
    const bool reading = verb == PowerVerb::kStatus;
    answer(std::move(done),
           {reading ? Outcome::kUnknown : Outcome::kFailed, PowerState::kUnknown,
            ErrorKind::kUnsupported,
            reading ? "manual: no program can read this machine's power state"
                    : std::string("manual: no program can switch this machine") + kHowTo});
  }

  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    if (!target.options.empty())
      return fail(unknown_option(target.options.begin()->first, "manual", "no options"));
    return {};
  }

  void identify(const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    loop_.post([done = std::move(done)] {
      done({Outcome::kFailed, {}, ErrorKind::kUnsupported, "manual: there is no device to ask"});
    });
  }

  void change_password(const port::PowerTarget&, const Secret&, Duration, Done done) override {
    answer(std::move(done), {Outcome::kFailed, PowerState::kUnknown, ErrorKind::kUnsupported,
                             "manual: there is no device that has a password"});
  }

 private:
  void answer(Done done, port::PowerResult result) {
    loop_.post([done = std::move(done), result = std::move(result)] { done(result); });
  }

  runtime::EventLoop& loop_;
};

}  // namespace

std::unique_ptr<port::PowerControl> make_manual_driver(runtime::EventLoop& loop) {
  return std::make_unique<ManualDriver>(loop);
}

}  // namespace mold::fencing
