#include "fencing/by_hand/run.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "core/fencing/identity.h"
#include "fencing/by_hand/secrets.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

// A driver ends within its deadline and the second that a kill takes.
constexpr Duration kGrace = 5s;

std::optional<PowerVerb> verb_of(HandAction action) {
  switch (action) {
    case HandAction::kStatus:
      return PowerVerb::kStatus;
    case HandAction::kOn:
      return PowerVerb::kOn;
    case HandAction::kOff:
      return PowerVerb::kOff;
    case HandAction::kCycle:
      return PowerVerb::kCycle;
    case HandAction::kReset:
      return PowerVerb::kReset;
    case HandAction::kSoft:
      return PowerVerb::kSoft;
    case HandAction::kIdentify:
    case HandAction::kChangePassword:
    case HandAction::kDrill:
      break;
  }
  return std::nullopt;
}

class Hand {
 public:
  Hand(const HandWorld& world, HandCommand command, runtime::EventLoop& loop)
      : world_(world),
        command_(std::move(command)),
        loop_(loop),
        drivers_(world.make_drivers(loop)),
        begun_(loop.now()) {
    account_.action = command_.action;
    account_.device = command_.target.driver;
    if (!command_.target.address.empty()) account_.device += " " + command_.target.address;
    if (!command_.target.port.empty()) account_.device += " port " + command_.target.port;
    if (!command_.target.username.empty()) account_.device += ", user " + command_.target.username;
  }

  HandExit run() {
    if (const Status ready = prepare(); !ready) {
      world_.err("mold-fence: " + ready.error().what + "\n");
      return HandExit::kUsage;
    }
    begun_ = loop_.now();
    say(account_.device + ": " + std::string(to_string(command_.action)) + "\n");
    act();
    account_.took = loop_.now() - begun_;
    world_.out(command_.json ? json_text(account_) : ending_text(account_));
    return exit_of(account_);
  }

 private:
  // Reads the passwords and has the driver judge the settings. Nothing is sent yet.
  Status prepare() {
    MOLD_TRY_VOID(drivers_->check(command_.target));
    const std::string& driver = command_.target.driver;
    const bool needs_password = driver == "ipmitool" || driver == "redfish";
    if (needs_password || command_.password.named()) {
      MOLD_TRY(command_.target.password, secret(command_.password, "password"));
    }
    if (command_.action == HandAction::kChangePassword) {
      MOLD_TRY(fresh_, secret(command_.fresh, "new password"));
      if (!command_.fresh.named()) {
        MOLD_TRY(const Secret again, secret(command_.fresh, "new password again"));
        if (!(again == fresh_)) return fail(ErrorKind::kInvalid, "the two are not the same");
      }
    }
    return drivers_->check(command_.target);
  }

  Result<Secret> secret(const SecretPlace& place, const std::string& question) {
    std::string warning;
    auto found = read_hand_secret(place, question, warning);
    if (!warning.empty()) world_.err("mold-fence: " + warning + "\n");
    return found;
  }

  void act() {
    if (const auto verb = verb_of(command_.action)) {
      request(*verb, std::string(to_string(command_.action)));
    } else if (command_.action == HandAction::kIdentify) {
      identify();
    } else if (command_.action == HandAction::kChangePassword) {
      change_password();
    } else {
      drill();
    }
  }

  // Settings were judged in prepare(); a login and a reading show that an off would get there, and
  // the identity that it would hit the right machine. Harmless.
  void drill() {
    request(PowerVerb::kStatus, "state");
    if (account_.parts.back().outcome == Outcome::kConfirmed) identify();
  }

  [[nodiscard]] Duration left() const {
    return std::max(begun_ + command_.timeout - loop_.now(), Duration{1});
  }

  // The answer outlives this frame when the loop was given up first.
  template <class T>
  T wait_for(const std::shared_ptr<std::optional<T>>& answer) {
    const Duration patience = left() + kGrace;
    loop_.run_until([&answer] { return answer->has_value(); }, patience);
    if (*answer) return std::move(**answer);
    T none;
    none.error = ErrorKind::kUnknown;
    none.text = "the driver did not end in time; what was done is not known";
    return none;
  }

  void request(PowerVerb verb, const std::string& title) {
    const auto answer = std::make_shared<std::optional<port::PowerResult>>();
    drivers_->request(command_.target, verb, left(),
                      [answer](port::PowerResult result) { *answer = std::move(result); });
    take(wait_for(answer), title);
  }

  void change_password() {
    const auto answer = std::make_shared<std::optional<port::PowerResult>>();
    drivers_->change_password(command_.target, fresh_, left(),
                              [answer](port::PowerResult result) { *answer = std::move(result); });
    take(wait_for(answer), "change-password");
  }

  void take(const port::PowerResult& result, const std::string& title) {
    add({title, result.outcome, result.state, result.error, split_story(result.text)});
  }

  void identify() {
    const auto answer = std::make_shared<std::optional<port::IdentityResult>>();
    drivers_->identify(command_.target, left(),
                       [answer](port::IdentityResult result) { *answer = std::move(result); });
    const port::IdentityResult result = wait_for(answer);
    add({"identity", result.outcome, PowerState::kUnknown, result.error, split_story(result.text)});
    if (result.outcome != Outcome::kConfirmed) return;
    account_.identity = result.identity;
    account_.identity_known = true;
    compare();
  }

  void compare() {
    const core::MachineFacts wanted{command_.expect_uuid, command_.expect_serial};
    if (wanted.uuid.empty() && wanted.serial.empty()) return;
    const core::MachineFacts found{account_.identity.uuid, account_.identity.serial};
    switch (core::compare_identity(found, wanted)) {
      case core::IdentityVerdict::kSame:
        break;
      case core::IdentityVerdict::kOther:
        account_.mismatch = "this is another machine: expected " + core::describe(wanted) +
                            ", found " + core::describe(found);
        break;
      case core::IdentityVerdict::kUnknown:
        account_.mismatch = "which machine this is cannot be told: expected " +
                            core::describe(wanted) + ", found " + core::describe(found);
        break;
    }
  }

  void add(HandPart part) {
    say(part_text(part));
    account_.parts.push_back(std::move(part));
  }

  void say(const std::string& text) {
    if (!command_.json) world_.out(text);
  }

  const HandWorld& world_;
  HandCommand command_;
  runtime::EventLoop& loop_;
  std::unique_ptr<port::PowerControl> drivers_;
  Instant begun_;
  Secret fresh_;
  HandAccount account_;
};

}  // namespace

HandExit run_by_hand(const std::vector<std::string>& words, const HandWorld& world) {
  auto command = parse_hand_command(words);
  if (!command) {
    world.err("mold-fence: " + command.error().what + "\nmold-fence --help tells more\n");
    return HandExit::kUsage;
  }
  if (command->help) {
    world.out(hand_help());
    return HandExit::kDone;
  }
  const auto loop = runtime::EventLoop::create();
  if (!loop) {
    world.err("mold-fence: " + loop.error().what + "\n");
    return HandExit::kFailed;
  }
  return Hand(world, std::move(*command), **loop).run();
}

}  // namespace mold::fencing
