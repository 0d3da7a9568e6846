#include "fencing/drivers/ipmi_password.h"

#include <utility>

#include "fencing/drivers/power_steps.h"

namespace mold::fencing {
namespace {

using core::Outcome;

constexpr std::size_t kShortPassword = 16;  // what every BMC can keep
constexpr Duration kPause{500};             // before a BMC that does not answer is asked again

class Change {
 public:
  Change(runtime::EventLoop& loop, const IpmiSettings& settings, port::PowerTarget target,
         Secret fresh, Duration deadline)
      : loop_(loop),
        tool_(loop, settings, target),
        target_(std::move(target)),
        fresh_(std::move(fresh)),
        deadline_(loop.now() + deadline),
        story_(loop),
        pause_(loop) {}

  void start(port::PowerControl::Done done) {
    done_ = std::move(done);
    tool_.run_long({"-c", "user", "list"}, left(),
                   [this](const IpmiAnswer& answer) { on_users(answer); });
  }

 private:
  enum class Login : std::uint8_t { kIn, kDenied, kNoAnswer };

  [[nodiscard]] Duration left() const { return deadline_ - loop_.now(); }

  void on_users(const IpmiAnswer& answer) {
    if (answer.verdict.reach == IpmiReach::kDenied && answer.verdict.error == ErrorKind::kDenied) {
      // An earlier change whose answer was lost would look like this.
      story_.tell("the present password is refused: " + answer.verdict.advice);
      try_login(fresh_, [this](Login login) {
        if (login == Login::kNoAnswer) return finish(Outcome::kUnknown, ErrorKind::kUnknown);
        if (login != Login::kIn) return finish(Outcome::kFailed, ErrorKind::kDenied);
        story_.tell("the fresh password is in force already");
        finish(Outcome::kConfirmed);
      });
      return;
    }
    if (answer.verdict.reach != IpmiReach::kAnswered) {
      story_.tell("the users cannot be listed: " + answer.verdict.advice);
      finish(Outcome::kFailed, answer.verdict.error);
      return;
    }
    const auto id = parse_user_id(answer.out, target_.username);
    if (!id) {
      story_.tell("no user of the BMC, or more than one, is named " + target_.username);
      finish(Outcome::kFailed, ErrorKind::kNotFound);
      return;
    }
    user_id_ = *id;
    story_.tell("the user is number " + std::to_string(user_id_));
    set(fresh_, [this](const IpmiVerdict& verdict) {
      set_refused_ = verdict.reach == IpmiReach::kRefused;
      may_land_ = verdict.reach == IpmiReach::kCommandLost;
      story_.tell(verdict.reach == IpmiReach::kAnswered ? "the BMC says it is set"
                                                        : "setting it: " + verdict.advice);
      check_fresh();
    });
  }

  void set(const Secret& password, std::function<void(const IpmiVerdict&)> then) {
    tool_.run_hidden(set_password_command(user_id_, password), left(),
                     [then = std::move(then)](const IpmiAnswer& answer) { then(answer.verdict); });
  }

  // Any command that needs a session; asked again while the BMC does not answer and time is left.
  void try_login(Secret password, std::function<void(Login)> then) {
    tool_.use_password(password);
    tool_.run(
        {"chassis", "power", "status"}, left(),
        [this, password = std::move(password), then = std::move(then)](const IpmiAnswer& answer) {
          switch (answer.verdict.reach) {
            case IpmiReach::kAnswered:
            case IpmiReach::kRefused:
              return then(Login::kIn);
            case IpmiReach::kDenied:
              return then(Login::kDenied);
            case IpmiReach::kNoAnswer:
            case IpmiReach::kCommandLost:
            case IpmiReach::kBroken:
              break;
          }
          if (left() <= kPause) {
            story_.tell("the BMC does not answer: " + answer.verdict.advice);
            return then(Login::kNoAnswer);
          }
          pause_.start_after(kPause, [this, password, then] { try_login(password, then); });
        });
  }

  void check_fresh() {
    try_login(fresh_, [this](Login login) {
      if (login == Login::kIn) {
        story_.tell("logged in with the fresh password");
        finish(Outcome::kConfirmed);
      } else if (login == Login::kNoAnswer) {
        finish(Outcome::kUnknown, ErrorKind::kUnknown);
      } else {
        story_.tell("the fresh password does not let us in");
        check_old();
      }
    });
  }

  void check_old() {
    try_login(target_.password, [this](Login login) {
      if (login == Login::kIn) {
        story_.tell("the old password still holds");
        // A slow BMC may still be writing the fresh one.
        finish(may_land_ ? Outcome::kUnknown : Outcome::kFailed,
               set_refused_ ? ErrorKind::kConflict : ErrorKind::kTimeout);
      } else if (login == Login::kDenied && fresh_.reveal().size() > kShortPassword) {
        check_cut();
      } else {
        lost();
      }
    });
  }

  // Neither the fresh nor the old one: did the BMC cut it off without a word?
  void check_cut() {
    Secret cut(fresh_.reveal().substr(0, kShortPassword));
    try_login(std::move(cut), [this](Login login) {
      if (login != Login::kIn) return lost();
      story_.tell("the BMC kept only the first 16 bytes; setting the old one again");
      set(target_.password, [this](const IpmiVerdict&) { check_restored(); });
    });
  }

  void check_restored() {
    try_login(target_.password, [this](Login login) {
      if (login != Login::kIn) return lost();
      story_.tell("the old password holds again: use one of at most 16 bytes");
      finish(Outcome::kFailed, ErrorKind::kUnsupported);
    });
  }

  void lost() {
    story_.tell("neither password lets us in: look at the BMC's users by hand");
    finish(Outcome::kUnknown, ErrorKind::kUnknown);
  }

  void finish(Outcome outcome, ErrorKind error = ErrorKind::kInternal) {
    port::PowerResult result;
    result.outcome = outcome;
    result.error = error;
    result.text = "ipmi " + ipmi_name(target_) + ": " + story_.text();
    if (const auto call = std::exchange(done_, nullptr)) call(std::move(result));
  }

  runtime::EventLoop& loop_;
  IpmiTool tool_;
  port::PowerTarget target_;
  Secret fresh_;
  Instant deadline_;
  Story story_;
  runtime::Timer pause_;
  int user_id_ = 0;
  bool set_refused_ = false;
  bool may_land_ = false;  // the answer to the change was lost
  port::PowerControl::Done done_;
};

}  // namespace

void change_ipmi_password(runtime::EventLoop& loop, UnderWay& under_way,
                          const IpmiSettings& settings, const port::PowerTarget& target,
                          const Secret& fresh, Duration deadline, port::PowerControl::Done done) {
  port::PowerTarget as_it_will_be = target;
  as_it_will_be.password = fresh;
  Status good = fresh.empty() ? fail(ErrorKind::kInvalid, "password: must not be empty")
                              : check_ipmi_target(settings, as_it_will_be);
  if (!good) {
    loop.post([done = std::move(done), error = good.error(), name = ipmi_name(target)] {
      done({Outcome::kFailed, core::PowerState::kUnknown, error.kind,
            "ipmi " + name + ": " + error.what});
    });
    return;
  }
  const auto task = std::make_shared<Change>(loop, settings, target, fresh, deadline);
  task->start([end = under_way.keep(task), done = std::move(done)](port::PowerResult result) {
    end([done, result = std::move(result)] { done(result); });
  });
}

}  // namespace mold::fencing
