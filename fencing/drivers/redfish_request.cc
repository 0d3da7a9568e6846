// One power request: read, act, read back. The outcome comes from states that were read, and from
// what certainly was not sent; an HTTP status alone never confirms anything.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/fencing/fencing.h"
#include "fencing/drivers/redfish_quirks.h"
#include "fencing/drivers/redfish_talk.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

// "Not now" to an action: how often it is asked again, the state read in between.
constexpr int kMostBusyActions = 100;
constexpr Duration kLongestBusyPause{1'000};
// After this long the state is read less often.
constexpr Duration kEager{3'000};
constexpr int kLazyFactor = 5;

class RedfishPower final : public RedfishTalk {
 public:
  RedfishPower(const RedfishHouse& house, const port::PowerTarget& target, RedfishEndpoint endpoint,
               PowerVerb verb, Duration deadline, port::PowerControl::Done done)
      : RedfishTalk(house, target, std::move(endpoint), deadline),
        verb_(verb),
        restarts_(verb == PowerVerb::kReset || verb == PowerVerb::kCycle),
        goal_(core::wished_state(verb)),
        done_(std::move(done)),
        pause_(house.loop) {}

 private:
  // What became of the action that was posted last.
  enum class Action : std::uint8_t { kNone, kInFlight, kAccepted, kRefused, kBusy, kMaybe };

  void begin() override {
    locate([this](Result<Located> located) { first(std::move(located)); });
  }

  void on_deadline() override {
    if (ever_posted_) {
      tell("time is up before the wished state could be read");
      done_as(Outcome::kUnknown, ErrorKind::kTimeout);
    } else {
      tell("time is up; nothing was sent to the machine");
      done_as(nothing_sent(), ErrorKind::kTimeout);
    }
  }

  // A status that could not be read is not known; an action that was not sent did not happen.
  [[nodiscard]] Outcome nothing_sent() const {
    return verb_ == PowerVerb::kStatus ? Outcome::kUnknown : Outcome::kFailed;
  }

  // ---- reading first ----

  void first(Result<Located> located) {
    if (!located) {
      tell("the power state cannot be read: " + located.error().what);
      // A question with more than one answer is not carried out at all, also when it only reads.
      const bool ambiguous = located.error().kind == ErrorKind::kConflict;
      done_as(ambiguous ? Outcome::kFailed : nothing_sent(), located.error().kind);
      return;
    }
    path_ = located->path;
    system_ = std::move(located->system);
    quirk_ = &redfish_quirk(root_.vendor, system_.manufacturer);
    state_ = system_.power;
    tell("read " + word(system_));
    if (verb_ == PowerVerb::kStatus) {
      if (state_ == PowerState::kUnknown) tell("neither on nor off: ask again in a while");
      done_as(state_ == PowerState::kUnknown ? Outcome::kUnknown : Outcome::kConfirmed,
              ErrorKind::kBusy);
    } else if (restarts_ && state_ == PowerState::kOff) {
      tell("a machine that is off cannot be restarted; switch it on");
      done_as(Outcome::kFailed, ErrorKind::kConflict);
    } else if (!restarts_ && state_ == goal_) {
      tell("already there");
      done_as(Outcome::kConfirmed);
    } else {
      prepare();
    }
  }

  // Which types this BMC takes: here, or behind a link.
  void prepare() {
    if (system_.reset_target.empty()) {
      tell("the BMC offers no reset of this system: does the user have the operator role?");
      done_as(Outcome::kFailed, ErrorKind::kUnsupported);
      return;
    }
    if (!system_.reset_types.empty() || system_.action_info.empty()) {
      plan();
      return;
    }
    RedfishLink::Call call;
    call.path = system_.action_info;
    link_.call(call, [this](const Result<RedfishLink::Answer>& answer) {
      if (answer && answer->status == 200) {
        if (auto types = parse_redfish_action_info(answer->body)) {
          system_.reset_types = std::move(*types);
        }
      }
      plan();  // without it every standard type may be tried
    });
  }

  void plan() {
    plan_ = plan_reset(verb_, system_.reset_types, quirk_->types_incomplete);
    if (plan_.off_then_on) {
      cycle_ = plan_reset(PowerVerb::kOn, system_.reset_types, quirk_->types_incomplete);
      plan_.types = {"ForceOff"};
      goal_ = PowerState::kOff;
      restarts_ = false;
      tell("no restart on offer: off, then on");
    }
    if (plan_.types.empty()) {
      std::string offered;
      for (const std::string& type : system_.reset_types) {
        offered += (offered.empty() ? "" : ", ") + redfish_printable(type, 40);
      }
      tell("the BMC has no safe way to do this; it offers " + offered);
      done_as(Outcome::kFailed, ErrorKind::kUnsupported);
      return;
    }
    act();
  }

  // ---- acting ----

  void act() {
    const std::string& type = plan_.types[next_type_];
    RedfishLink::Call call;
    call.method = "POST";
    call.path = system_.reset_target;
    call.body = nlohmann::json{{"ResetType", type}}.dump();
    // A BMC that acts but does not answer must leave time to read what it did.
    call.limit = std::max(link_.remaining() / 2, Duration{100});
    action_ = Action::kInFlight;
    ever_posted_ = true;
    if (acted_since_ == Instant{}) acted_since_ = house_.loop.now();
    link_.call(call, [this, type](const Result<RedfishLink::Answer>& answer) {
      if (answer) {
        answered(type, *answer);
      } else {
        not_answered(type, answer.error());
      }
    });
  }

  void not_answered(const std::string& type, const Error& error) {
    if (error.kind == ErrorKind::kUnknown) {
      action_ = Action::kMaybe;
      error_ = ErrorKind::kTimeout;
      tell(type + " sent, answer lost: " + error.what);
      read_back();
      return;
    }
    // Every other kind says that the BMC did not get it, or refused it before looking at it.
    tell(type + " not sent: " + error.what);
    done_as(maybe_before_ ? Outcome::kUnknown : Outcome::kFailed, error.kind);
  }

  void answered(const std::string& type, const RedfishLink::Answer& answer) {
    const std::string number = std::to_string(answer.status);
    if (answer.good() || answer.status == 303) {
      action_ = Action::kAccepted;
      error_ = ErrorKind::kTimeout;
      tell(type + " accepted (" + number + ")");
      if (answer.status == 202) take_task(answer);
      read_back();
      return;
    }
    const Error error = refusal(answer);
    error_ = error.kind;
    switch (what_became(answer.status)) {
      case Became::kNotTaken:
        action_ = Action::kBusy;
        if (busy_++ == 0) tell(type + " not taken: " + error.what);
        break;
      case Became::kRefused:
        action_ = Action::kRefused;
        tell(type + " refused: " + error.what);
        break;
      case Became::kUnclearButAskAgain:
        action_ = Action::kBusy;
        maybe_before_ = true;
        if (busy_++ == 0) tell_unclear(type, error);
        break;
      case Became::kUnclear:
        action_ = Action::kMaybe;
        if (gave_up_waiting(answer.status)) error_ = ErrorKind::kTimeout;
        tell_unclear(type, error);
        break;
    }
    read_back();
  }

  // What an answer that is not "yes" says about the action: a no only where the service itself
  // says that it refused. 429 is said by what counts requests, before one is looked at. All other
  // words may be those of a proxy, or of a service in trouble, after the machine got the action.
  enum class Became : std::uint8_t { kNotTaken, kRefused, kUnclearButAskAgain, kUnclear };
  static Became what_became(int status) {
    if (status == 429) return Became::kNotTaken;
    if (status == 503) return Became::kUnclearButAskAgain;
    const bool refused = (status >= 400 && status < 500) || status == 501;
    return refused && !gave_up_waiting(status) ? Became::kRefused : Became::kUnclear;
  }
  static bool gave_up_waiting(int status) {
    return status == 408 || status == 502 || status == 504;
  }

  void tell_unclear(const std::string& type, const Error& error) {
    tell(type + " answered with " + error.what + ": it may have worked or not");
  }

  void take_task(const RedfishLink::Answer& answer) {
    task_ = runtime::find_header(answer.headers, "Location");
    if (task_.empty()) task_ = redfish_own_path(answer.body);
    task_done_ = task_.empty();
  }

  // ---- reading back ----

  // Only what is read counts: a refused or lost action may have worked, an accepted one may not.
  void read_back() {
    if (task_done_) {
      read_state();
      return;
    }
    RedfishLink::Call call;
    call.path = task_;
    call.patient = false;
    link_.call(call, [this](const Result<RedfishLink::Answer>& answer) {
      if (answer) look_at_task(*answer);
      read_state();
    });
  }

  void look_at_task(const RedfishLink::Answer& answer) {
    if (answer.status == 404 || answer.status == 410) {
      task_done_ = true;  // monitors go away with their task
      return;
    }
    if (answer.status != 200) return;  // 202: still at it
    const auto task = parse_redfish_task(answer.body);
    if (!task || task->state == RedfishTask::State::kRunning) return;
    task_done_ = true;
    if (task->state == RedfishTask::State::kFailed) {
      action_ = Action::kMaybe;
      error_ = ErrorKind::kConflict;
      task_failed_ = true;
      tell("the BMC's task failed: " + task->message);
    } else {
      tell("the BMC's task is done");
    }
  }

  void read_state() {
    read_system(path_, false, [this](const Result<RedfishSystem>& system) {
      if (!system) {
        unread(system.error());
        return;
      }
      if (system->power_text != system_.power_text) tell("read " + word(*system));
      system_.power_text = system->power_text;
      // What could not be told on or off just now is not as it was read before.
      state_ = system->power;
      decide();
    });
  }

  void unread(const Error& error) {
    state_ = PowerState::kUnknown;
    if (restarts_ && action_ != Action::kAccepted) {
      decide_restart();
    } else if (!again()) {
      tell("then the state could not be read: " + error.what);
      done_as(Outcome::kUnknown, error.kind);
    }
  }

  void decide() {
    if (restarts_) {
      decide_restart();
      return;
    }
    if (state_ == goal_) {
      reached();
      return;
    }
    switch (action_) {
      case Action::kRefused:
        if (state_ == PowerState::kUnknown) break;
        if (next_type_ + 1 < plan_.types.size() && error_ != ErrorKind::kDenied) {
          ++next_type_;
          act();
        } else {
          tell(still());
          // An earlier try may have gone through and be late; then this refusal proves nothing.
          done_as(maybe_before_ ? Outcome::kUnknown : Outcome::kFailed, error_);
        }
        return;
      case Action::kBusy:
        if (busy_ < kMostBusyActions && link_.remaining() > busy_pause()) {
          pause_.start_after(busy_pause(), [this] { act(); });
          return;
        }
        tell(still());
        done_as(maybe_before_ ? Outcome::kUnknown : Outcome::kFailed, ErrorKind::kBusy);
        return;
      case Action::kNone:
      case Action::kInFlight:
      case Action::kAccepted:
      case Action::kMaybe:
        break;
    }
    if (task_failed_ && ++reads_after_failure_ > 3) {
      tell(still());
      done_as(Outcome::kUnknown, ErrorKind::kConflict);
      return;
    }
    if (again()) return;
    tell(still() + at_the_end());
    done_as(Outcome::kUnknown, error_);
  }

  // A restart leaves no state behind that would tell it from none: only its acceptance, and that
  // the machine is on afterwards, can be had.
  void decide_restart() {
    switch (action_) {
      case Action::kAccepted:
        if (state_ == PowerState::kOn && task_done_) {
          reached();
        } else if (!again()) {
          tell(still());
          done_as(Outcome::kUnknown, ErrorKind::kTimeout);
        }
        return;
      case Action::kRefused:
        if (next_type_ + 1 < plan_.types.size() && state_ == PowerState::kOn &&
            error_ != ErrorKind::kDenied) {
          ++next_type_;
          act();
          return;
        }
        not_restarted();
        return;
      case Action::kBusy:
        not_restarted();  // not asked again: it may be under way
        return;
      case Action::kNone:
      case Action::kInFlight:
      case Action::kMaybe:
        tell("whether it was restarted is not known");
        done_as(Outcome::kUnknown, error_);
        return;
    }
  }

  void not_restarted() {
    tell(maybe_before_ ? "whether it was restarted is not known" : "nothing was restarted");
    done_as(maybe_before_ ? Outcome::kUnknown : Outcome::kFailed, error_);
  }

  void reached() {
    tell("read back " + std::string(core::to_string(state_)));
    if (!plan_.off_then_on) {
      done_as(Outcome::kConfirmed);
      return;
    }
    // The second half of a cycle.
    plan_ = std::move(cycle_);
    goal_ = PowerState::kOn;
    next_type_ = 0;
    busy_ = 0;
    task_done_ = true;
    maybe_before_ = true;  // half of it has happened: not to be called "nothing happened"
    act();
  }

  [[nodiscard]] Duration pause() const {
    const Duration poll = std::max(house_.settings.poll, quirk_->poll);
    return house_.loop.now() - acted_since_ < kEager ? poll : poll * kLazyFactor;
  }

  // Grows from try to try.
  [[nodiscard]] Duration busy_pause() const {
    return std::max(pause(), std::min(house_.settings.poll * busy_, kLongestBusyPause));
  }

  [[nodiscard]] std::string still() const {
    return "still " + (state_ == PowerState::kUnknown ? system_.power_text
                                                      : std::string(core::to_string(state_)));
  }

  // False: no time is left.
  bool again() {
    if (action_ == Action::kMaybe || action_ == Action::kAccepted) maybe_before_ = true;
    if (link_.remaining() <= pause()) return false;
    pause_.start_after(pause(), [this] { read_back(); });
    return true;
  }

  [[nodiscard]] std::string at_the_end() const {
    if (verb_ == PowerVerb::kSoft) {
      return ": the operating system did not shut down in time (it may hang, or not listen to "
             "ACPI); off cuts the power";
    }
    if (action_ != Action::kAccepted) return " at the end of the time";
    return ": the BMC said yes, but nothing was seen to happen in the time given; try a longer "
           "deadline, look at the machine, or reset the BMC";
  }

  static std::string word(const RedfishSystem& system) {
    return system.power == PowerState::kUnknown ? "power state " + system.power_text
                                                : std::string(core::to_string(system.power));
  }

  void done_as(Outcome outcome, ErrorKind error = ErrorKind::kInternal) {
    pause_.cancel();
    if (outcome != Outcome::kConfirmed && quirk_ != nullptr && !quirk_->advice.empty()) {
      tell("note: " + std::string(quirk_->advice));
    }
    port::PowerResult result;
    result.outcome = outcome;
    result.state = state_;
    result.error = error;
    result.text = story();
    finish([done = std::move(done_), result = std::move(result)] { done(result); });
  }

  PowerVerb verb_;
  bool restarts_;
  PowerState goal_;
  port::PowerControl::Done done_;
  runtime::Timer pause_;
  std::string path_;
  RedfishSystem system_;
  const RedfishQuirk* quirk_ = nullptr;
  PowerState state_ = PowerState::kUnknown;
  ResetPlan plan_;
  ResetPlan cycle_;  // its second half
  std::size_t next_type_ = 0;
  Action action_ = Action::kNone;
  bool ever_posted_ = false;
  bool maybe_before_ = false;  // something may have been carried out by now
  ErrorKind error_ = ErrorKind::kTimeout;
  int busy_ = 0;
  std::string task_;
  bool task_done_ = true;
  bool task_failed_ = false;
  int reads_after_failure_ = 0;
  Instant acted_since_{};
};

}  // namespace

std::unique_ptr<RedfishTalk> make_redfish_power(const RedfishHouse& house,
                                                const port::PowerTarget& target,
                                                RedfishEndpoint endpoint, core::PowerVerb verb,
                                                Duration deadline, port::PowerControl::Done done) {
  return std::make_unique<RedfishPower>(house, target, std::move(endpoint), verb, deadline,
                                        std::move(done));
}

}  // namespace mold::fencing
