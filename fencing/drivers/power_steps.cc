#include "fencing/drivers/power_steps.h"

#include <algorithm>
#include <utility>

#include "core/fencing/fencing.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;
using core::wished_state;

constexpr Duration kLeastStep{200};  // a step is not started with less than it could ever need

std::string advice_or(const std::string& advice) {
  return advice.empty() ? "the device's answer is not understood" : advice;
}

// One request from its first reading to its one answer. A device may still answer when the request
// is buried: then nobody listens.
class Request : public std::enable_shared_from_this<Request> {
 public:
  Request(runtime::EventLoop& loop, std::unique_ptr<PowerDevice> device, PowerWish wish)
      : loop_(loop),
        device_(std::move(device)),
        wish_(std::move(wish)),
        deadline_(loop.now() + wish_.deadline),
        story_(loop),
        pause_(loop) {}

  void start(std::function<void(port::PowerResult)> done) {
    done_ = std::move(done);
    device_->read(left(), while_alive<PowerReading>([this](const auto& r) { first(r); }));
  }

 private:
  template <class Said, class Step>
  std::function<void(Said)> while_alive(Step step) {
    return [weak = weak_from_this(), step](const Said& said) {
      if (const auto alive = weak.lock()) step(said);
    };
  }
  [[nodiscard]] Duration left() const { return std::max(deadline_ - loop_.now(), kLeastStep); }
  // A restart leaves no state behind that would tell it from none: only its acceptance counts.
  [[nodiscard]] bool restarts() const {
    return wish_.verb == PowerVerb::kReset || wish_.verb == PowerVerb::kCycle;
  }

  void first(const PowerReading& reading) {
    state_ = reading.state;
    if (reading.state == PowerState::kUnknown) {
      // Nothing was asked of the machine yet: certainly not carried out.
      story_.tell("the power state cannot be read: " + advice_or(reading.advice));
      finish(wish_.verb == PowerVerb::kStatus ? Outcome::kUnknown : Outcome::kFailed,
             reading.error);
      return;
    }
    story_.tell("read " + std::string(core::to_string(reading.state)));
    if (wish_.verb == PowerVerb::kStatus) {
      finish(Outcome::kConfirmed);
    } else if (restarts() && reading.state == PowerState::kOff) {
      story_.tell("a machine that is off cannot be restarted: switch it on");
      finish(Outcome::kFailed, ErrorKind::kConflict);
    } else if (!restarts() && reading.state == wished_state(wish_.verb)) {
      story_.tell("already there");
      finish(Outcome::kConfirmed);
    } else {
      act();
    }
  }

  void act() {
    acted_ = PowerActed{};
    device_->act(wish_.verb, left(), while_alive<PowerActed>([this](const auto& a) { sent(a); }));
  }

  void sent(const PowerActed& acted) {
    acted_ = acted;
    const std::string verb(core::to_string(wish_.verb));
    switch (acted.sent) {
      case Sent::kAccepted:
        story_.tell(verb + " accepted");
        break;
      case Sent::kMaybe:
        story_.tell(verb + " sent, answer lost: " + advice_or(acted.advice));
        maybe_sent_ = true;
        break;
      case Sent::kRefused:
        story_.tell(verb + " refused: " + advice_or(acted.advice));
        break;
      case Sent::kNot:
        story_.tell(verb + " not sent: " + advice_or(acted.advice));
        // An earlier try of this request may have got through.
        if (!maybe_sent_) return finish(Outcome::kFailed, acted.error);
        break;
    }
    read_back();
  }

  void read_back() {
    device_->read(left(), while_alive<PowerReading>([this](const auto& r) { judge(r); }));
  }

  // Only what is read counts: a refused or lost command may have worked, an accepted one may not.
  void judge(const PowerReading& reading) {
    if (reading.state != PowerState::kUnknown) state_ = reading.state;
    if (restarts() && acted_.sent != Sent::kAccepted) {
      const bool refused = acted_.sent == Sent::kRefused;
      story_.tell(refused ? "nothing was restarted" : "whether it was restarted is not known");
      finish(refused ? Outcome::kFailed : Outcome::kUnknown,
             refused ? acted_.error : ErrorKind::kTimeout);
      return;
    }
    if (reading.state == wished_state(wish_.verb)) {
      story_.tell("read back " + std::string(core::to_string(reading.state)));
      finish(Outcome::kConfirmed);
      return;
    }
    const bool settled =
        acted_.sent == Sent::kRefused && !maybe_sent_ && reading.state != PowerState::kUnknown;
    if (loop_.now() + wish_.poll < deadline_ && !settled) {
      pause_.start_after(wish_.poll, [this, reading] { go_on(reading); });
      return;
    }
    give_up(reading);
  }

  // A lost off or on is sent again once the machine is seen in its old state: both bear repeating.
  void go_on(const PowerReading& reading) {
    const bool lost = acted_.sent == Sent::kMaybe || acted_.sent == Sent::kNot;
    if (lost && reading.state != PowerState::kUnknown && !sent_again_) {
      sent_again_ = true;
      story_.tell("still " + std::string(core::to_string(reading.state)) + ", sending again");
      act();
      return;
    }
    read_back();
  }

  void give_up(const PowerReading& reading) {
    if (reading.state == PowerState::kUnknown) {
      state_ = PowerState::kUnknown;
      story_.tell("then the state could not be read: " + advice_or(reading.advice));
      finish(Outcome::kUnknown, reading.error);
      return;
    }
    const bool refused = acted_.sent == Sent::kRefused && !maybe_sent_;
    story_.tell("still " + std::string(core::to_string(reading.state)) +
                (refused ? "" : ": the machine did not follow; look at its console or its mains"));
    finish(refused ? Outcome::kFailed : Outcome::kUnknown,
           refused ? acted_.error : ErrorKind::kTimeout);
  }

  void finish(Outcome outcome, ErrorKind error = ErrorKind::kInternal) {
    port::PowerResult result;
    result.outcome = outcome;
    result.state = state_;
    result.error = error;
    result.text = wish_.name + ": " + story_.text();
    if (const auto call = std::exchange(done_, nullptr)) call(std::move(result));
  }

  runtime::EventLoop& loop_;
  std::unique_ptr<PowerDevice> device_;
  PowerWish wish_;
  Instant deadline_;
  Story story_;
  runtime::Timer pause_;
  PowerState state_ = PowerState::kUnknown;
  PowerActed acted_;         // the latest try
  bool maybe_sent_ = false;  // some try may have been carried out unseen
  bool sent_again_ = false;
  std::function<void(port::PowerResult)> done_;
};

}  // namespace

void Story::tell(const std::string& step) {
  const auto ms = (loop_.now() - started_).count();
  text_ += (text_.empty() ? "" : "; ") + step + " (+" + std::to_string(ms) + " ms)";
}

void run_power_request(runtime::EventLoop& loop, UnderWay& under_way,
                       std::unique_ptr<PowerDevice> device, PowerWish wish,
                       port::PowerControl::Done done) {
  const auto request = std::make_shared<Request>(loop, std::move(device), std::move(wish));
  request->start([end = under_way.keep(request), done = std::move(done)](port::PowerResult result) {
    end([done, result = std::move(result)] { done(result); });
  });
}

}  // namespace mold::fencing
