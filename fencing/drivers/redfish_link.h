#pragma once
// One conversation with one BMC: requests one after another, with authentication, redirects on the
// same host, retries of what may be repeated, and never beyond the deadline. What it promises about
// an action (any method but GET): it leaves at most once, except where the attempt before certainly
// did not reach the BMC, or was answered by "not here" (redirect) or "not you" (401).
// For the .cc files of the Redfish driver only. Loop thread. Destroying it cancels everything and
// leaves an open session behind; close() first.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fencing/drivers/redfish.h"
#include "fencing/drivers/redfish_url.h"
#include "lib/runtime/http_client.h"

namespace mold::fencing {

// A target, understood.
struct RedfishEndpoint {
  RedfishOrigin origin;
  std::string base = "/redfish/v1/";
  std::string system;
  runtime::HttpTls tls;
  runtime::BasicAuth auth;
};
// kInvalid names the setting.
Result<RedfishEndpoint> make_redfish_endpoint(const port::PowerTarget& target,
                                              const RedfishSettings& settings);

class RedfishLink {
 public:
  struct Call {
    std::string method = "GET";
    std::string path;  // or whatever the BMC gave as a link
    std::string body;
    runtime::HttpHeaders headers;
    bool anonymous = false;  // no credentials unless the BMC asks for them
    bool bare = false;       // no credentials at all: a 401 is an answer
    bool patient = true;     // false: no retries, the caller asks again anyway
    Duration limit{0};       // of one attempt, where shorter than the settings' limit
  };
  struct Answer {
    int status = 0;
    runtime::HttpHeaders headers;
    std::string body;
    std::string path;  // after redirects

    [[nodiscard]] bool good() const { return status >= 200 && status < 300; }
  };
  // For a GET no error is kUnknown. For others kUnknown is: may have been carried out.
  using Done = std::function<void(Result<Answer>)>;

  struct Context {
    runtime::EventLoop& loop;
    runtime::HttpClient& client;
    const RedfishSettings& settings;
    std::function<void(const std::string&)> tell;  // a step, for the story
  };

  RedfishLink(Context context, RedfishEndpoint endpoint, Instant deadline);

  // One at a time.
  void call(Call call, Done done);
  // From the service root, when it is known.
  void know_sessions(const std::string& path) { sessions_path_ = path; }
  // Gives up what is under way and deletes the session, if there is one. `closed` comes within
  // kCloseLimit, perhaps inside the call.
  void close(std::function<void()> closed);
  // What must not be seen by people, besides the password.
  [[nodiscard]] Secret token() const {
    return sessions_.empty() ? Secret() : sessions_.back().token;
  }
  [[nodiscard]] Duration remaining() const { return deadline_ - context_.loop.now(); }

  static constexpr Duration kCloseLimit{5'000};

 private:
  enum class Auth : std::uint8_t { kNone, kBasic, kSession };
  struct Exchange {
    Call call;
    RedfishPlace place;
    Auth auth = Auth::kNone;
    Duration grace{0};  // beyond the deadline
    int redirects = 0;
    int failures = 0;
    int busy = 0;
    Done done;
  };

  void exchange(Call call, Auth auth, Duration grace, Done done);
  void send();
  void on_error(const Error& error);
  void on_response(runtime::HttpResponse response);
  void follow(const runtime::HttpResponse& response);
  void again_after(Duration pause);
  void finish(Result<Answer> result);
  [[nodiscard]] Error explain(const Error& error) const;
  [[nodiscard]] bool is_get() const { return exchange_.call.method == "GET"; }

  void authorised(const Call& call, const Done& done);
  void refused(const Call& call, const Done& done);
  void login(std::function<void(Status)> then);
  void find_sessions(const std::function<void(Status)>& then);
  void post_session(const std::function<void(Status)>& then);
  Status take_session(const Result<Answer>& answer);
  void delete_sessions();
  void closed();

  Context context_;
  RedfishEndpoint endpoint_;
  Instant deadline_;
  Auth auth_ = Auth::kBasic;
  int logins_ = 0;
  bool logging_in_ = false;
  bool closing_ = false;
  bool root_asked_ = false;
  bool told_busy_ = false;
  std::string sessions_path_;
  struct Session {
    std::string path;
    Secret token;
  };
  std::vector<Session> sessions_;  // to be deleted at the end; the last one is in use
  Exchange exchange_;
  runtime::HttpHandle handle_;
  runtime::Timer pause_;
  runtime::Timer close_timer_;
  std::function<void()> on_closed_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what is posted
};

}  // namespace mold::fencing
