// Changes the password of the target's own account on the BMC: AccountService, Accounts, the member
// whose UserName is ours, PATCH with its ETag. What holds afterwards is found out by using it.
#include <nlohmann/json.hpp>
#include <utility>

#include "fencing/drivers/redfish_talk.h"
#include "lib/base/text.h"

namespace mold::fencing {
namespace {

using core::Outcome;

constexpr int kMostPatches = 3;  // with the ETag read, with one read anew, with any
constexpr int kMostBusyPatches = 20;
constexpr Duration kBusyPause{200};
constexpr std::size_t kMostAccounts = 64;

class RedfishPassword final : public RedfishTalk {
 public:
  RedfishPassword(const RedfishHouse& house, const port::PowerTarget& target,
                  RedfishEndpoint endpoint, const Secret& fresh, Duration deadline,
                  port::PowerControl::Done done)
      : RedfishTalk(house, target, endpoint, deadline),
        user_(target.username),
        fresh_(fresh),
        done_(std::move(done)),
        pause_(house.loop) {
    hide(fresh);
    fresh_endpoint_ = std::move(endpoint);
    fresh_endpoint_.auth.password = fresh;
  }

 private:
  using Answer = RedfishLink::Answer;

  void begin() override {
    read_root([this](const Result<RedfishRoot>& root) {
      if (!root) {
        nothing_changed(root.error());
      } else if (root->account_service.empty()) {
        nothing_changed({ErrorKind::kUnsupported, "the BMC has no account service"});
      } else {
        get(root->account_service, [this](const Answer& answer) { open_service(answer); });
      }
    });
  }

  void on_deadline() override {
    tell("time is up");
    done_as(patched_ ? Outcome::kUnknown : Outcome::kFailed, ErrorKind::kTimeout);
  }

  // A GET whose failure ends the request while nothing was changed yet.
  void get(const std::string& path, std::function<void(const Answer&)> then) {
    RedfishLink::Call call;
    call.path = path;
    link_.call(call, [this, then = std::move(then)](const Result<Answer>& answer) {
      if (!answer) {
        nothing_changed(answer.error());
      } else if (answer->status != 200) {
        nothing_changed(refusal(*answer));
      } else {
        then(*answer);
      }
    });
  }

  void open_service(const Answer& answer) {
    const auto accounts = parse_redfish_link(answer.body, "Accounts");
    if (!accounts || accounts->empty()) {
      nothing_changed({ErrorKind::kUnsupported, "the BMC's account service lists no accounts"});
      return;
    }
    get(*accounts, [this](const Answer& list) {
      auto members = parse_redfish_members(list.body);
      if (!members) {
        nothing_changed(members.error());
        return;
      }
      accounts_ = std::move(members->paths);
      look_at(0);
    });
  }

  void look_at(std::size_t index) {
    if (index >= accounts_.size() || index >= kMostAccounts) {
      nothing_changed({ErrorKind::kNotFound, "the BMC lists no account named " + user_});
      return;
    }
    get(accounts_[index], [this, index](const Answer& answer) {
      const auto account = parse_redfish_account(answer.body);
      if (!account || account->user != user_) {
        look_at(index + 1);
        return;
      }
      account_path_ = answer.path;
      tell("account found");
      patch(etag_of(answer));
    });
  }

  static std::string etag_of(const Answer& answer) {
    const std::string_view header = runtime::find_header(answer.headers, "ETag");
    if (!header.empty()) return std::string(header);
    const auto account = parse_redfish_account(answer.body);
    return account ? account->etag : std::string();
  }

  void patch(const std::string& etag) {
    const nlohmann::json body = {{"Password", fresh_.reveal()}};
    RedfishLink::Call call;
    call.method = "PATCH";
    call.path = account_path_;
    call.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (!etag.empty()) call.headers.emplace_back("If-Match", etag);
    call.limit = std::max(link_.remaining() / 2, Duration{100});
    patched_ = true;
    ++patches_;
    link_.call(call, [this, etag](const Result<Answer>& answer) {
      const bool busy = answer && (answer->status == 429 || answer->status == 503);
      if (busy && ++busy_ < kMostBusyPatches && link_.remaining() > kBusyPause) {
        --patches_;
        maybe_ = maybe_ || answer->status == 503;  // a proxy may have passed it on
        pause_.start_after(kBusyPause, [this, etag] { patch(etag); });
        return;
      }
      if (answer) {
        patch_answered(*answer);
        return;
      }
      tell("change sent, outcome not known: " + answer.error().what);
      const bool sent_before = patches_ > 1 || busy_ > 0;
      maybe_ = maybe_ || sent_before || answer.error().kind == ErrorKind::kUnknown;
      if (maybe_) {
        try_fresh();
      } else {
        done_as(Outcome::kFailed, answer.error().kind);
      }
    });
  }

  void patch_answered(const Answer& answer) {
    const bool stale = answer.status == 412 || answer.status == 428;
    if (stale && patches_ < kMostPatches) {
      tell(std::to_string(answer.status) + ": the ETag is asked for anew");
      if (patches_ + 1 == kMostPatches) {
        patch("*");
        return;
      }
      get(account_path_, [this](const Answer& again) { patch(etag_of(again)); });
      return;
    }
    // Neither done nor refused for good: it may land after we looked.
    maybe_ = maybe_ || answer.status == 202 || answer.status >= 500;
    if (answer.good()) {
      tell("change accepted (" + std::to_string(answer.status) + ")");
    } else {
      refusal_ = refusal(answer);
      tell("change refused: " + refusal_->what);
    }
    try_fresh();
  }

  // ---- what holds now ----

  // `bare`: without credentials, to see that they matter.
  void probe(const RedfishEndpoint& endpoint, bool bare,
             std::function<void(const Result<Answer>&)> then) {
    probe_then_ = std::move(then);
    probe_ = std::make_unique<RedfishLink>(
        RedfishLink::Context{house_.loop, house_.client, house_.settings, [](const auto&) {}},
        endpoint, house_.loop.now() + link_.remaining());
    if (!root_.sessions.empty()) probe_->know_sessions(root_.sessions);
    RedfishLink::Call call;
    call.path = account_path_;
    call.bare = bare;
    probe_->call(call, [this](const Result<Answer>& answer) {
      probe_answer_ = answer;
      // Posted: the next probe takes the place of this one.
      probe_->close([this] {
        house_.loop.post([this, alive = std::weak_ptr(alive_)] {
          if (!alive.expired()) std::exchange(probe_then_, nullptr)(probe_answer_);
        });
      });
    });
  }

  void try_fresh() {
    probe(fresh_endpoint_, false, [this](const Result<Answer>& answer) {
      if (answer && answer->status == 200) {
        try_without();
      } else if (!answer && answer.error().kind == ErrorKind::kDenied) {
        tell("the new password is not taken");
        try_old();
      } else {
        tell("whether the new password holds could not be found out: " +
             (answer ? refusal(*answer).what : answer.error().what));
        done_as(Outcome::kUnknown, ErrorKind::kUnknown);
      }
    });
  }

  // A BMC that lets everybody read proves nothing by letting us in.
  void try_without() {
    probe(fresh_endpoint_, true, [this](const Result<Answer>& answer) {
      if (answer && (answer->status == 401 || answer->status == 403)) {
        tell("the BMC let us in with the new password, and without one it does not");
        done_as(Outcome::kConfirmed, ErrorKind::kInternal);
      } else if (answer && answer->good()) {
        tell("the BMC answers without a password too: which one holds cannot be proven");
        done_as(Outcome::kUnknown, ErrorKind::kUnsupported);
      } else {
        tell(
            "the BMC let us in with the new password; whether it asks for one at all could not be "
            "seen: " +
            (answer ? refusal(*answer).what : answer.error().what));
        done_as(Outcome::kUnknown, ErrorKind::kUnknown);
      }
    });
  }

  void try_old() {
    probe(endpoint_, false, [this](const Result<Answer>& answer) {
      if (answer && answer->status == 200) {
        tell("the old password still holds");
        done_as(maybe_ ? Outcome::kUnknown : Outcome::kFailed,
                refusal_ ? refusal_->kind : ErrorKind::kConflict);
        return;
      }
      tell("neither the old nor the new password is let in: set one on the BMC by hand");
      done_as(Outcome::kUnknown, ErrorKind::kDenied);
    });
  }

  void nothing_changed(const Error& error) {
    tell((patched_ ? "" : "nothing was changed: ") + error.what);
    done_as(patched_ ? Outcome::kUnknown : Outcome::kFailed, error.kind);
  }

  void done_as(Outcome outcome, ErrorKind error) {
    pause_.cancel();
    port::PowerResult result;
    result.outcome = outcome;
    result.error = error;
    result.text = story();
    finish([done = std::move(done_), result = std::move(result)] { done(result); });
  }

  std::string user_;
  Secret fresh_;
  RedfishEndpoint fresh_endpoint_;
  port::PowerControl::Done done_;
  runtime::Timer pause_;
  std::vector<std::string> accounts_;
  std::string account_path_;
  bool patched_ = false;
  bool maybe_ = false;  // a change went out that may still land
  int patches_ = 0;
  int busy_ = 0;
  std::optional<Error> refusal_;
  std::unique_ptr<RedfishLink> probe_;
  Result<Answer> probe_answer_ = fail(ErrorKind::kTimeout, "no answer");
  std::function<void(const Result<Answer>&)> probe_then_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<RedfishTalk> make_redfish_password(const RedfishHouse& house,
                                                   const port::PowerTarget& target,
                                                   RedfishEndpoint endpoint, const Secret& fresh,
                                                   Duration deadline,
                                                   port::PowerControl::Done done) {
  return std::make_unique<RedfishPassword>(house, target, std::move(endpoint), fresh, deadline,
                                           std::move(done));
}

}  // namespace mold::fencing
