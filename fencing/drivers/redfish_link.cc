#include "fencing/drivers/redfish_link.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "fencing/drivers/redfish_text.h"

namespace mold::fencing {
namespace {

constexpr int kMostRedirects = 5;
constexpr int kMostBusy = 50;
constexpr int kMostLogins = 3;
constexpr Duration kFirstPause{100};
constexpr Duration kLongestPause{1'000};
// A login whose answer comes just after the deadline is still heard, so that its session is
// deleted.
constexpr Duration kLoginGrace{3'000};

Duration pause_before(int attempt) {
  return std::min(kFirstPause * (1 << std::min(attempt, 4)), kLongestPause);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

// "Not now", to a question. What it says about an action is for the caller to judge: whoever said
// 503 may have passed it on.
bool is_busy(int status) {
  return status == 429 || status == 503;
}

// Answers of something in front of the BMC's service, or of a service that is just starting.
bool is_worth_repeating(int status) {
  return is_busy(status) || status == 502 || status == 504;
}

}  // namespace

RedfishLink::RedfishLink(Context context, RedfishEndpoint endpoint, Instant deadline)
    : context_(std::move(context)),
      endpoint_(std::move(endpoint)),
      deadline_(deadline),
      pause_(context_.loop),
      close_timer_(context_.loop) {}

void RedfishLink::call(Call call, Done done) {
  const Auth auth = call.anonymous || call.bare ? Auth::kNone : auth_;
  exchange(call, auth, Duration{0}, [this, call, done](Result<Answer> result) {
    if (!result || result->status != 401 || call.bare) {
      done(std::move(result));
    } else if (call.anonymous) {
      authorised(call, done);
    } else {
      refused(call, done);
    }
  });
}

// The BMC wants credentials where the standard wants none.
void RedfishLink::authorised(const Call& call, const Done& done) {
  Call with = call;
  with.anonymous = false;
  this->call(std::move(with), done);
}

void RedfishLink::refused(const Call& call, const Done& done) {
  login([this, call, done](const Status& status) {
    if (!status) {
      done(fail(status.error()));
    } else {
      this->call(call, done);
    }
  });
}

// ---- one exchange: redirects, retries, time ----------------------------------------------------

void RedfishLink::exchange(Call call, Auth auth, Duration grace, Done done) {
  exchange_ = {};
  exchange_.auth = auth;
  exchange_.grace = grace;
  exchange_.done = std::move(done);
  auto place = resolve_redfish({endpoint_.origin, endpoint_.base}, call.path);
  exchange_.call = std::move(call);
  if (!place) {
    const std::string what = "a link of the BMC cannot be used: " + place.error().what;
    context_.loop.post([this, alive = std::weak_ptr(alive_), what] {
      if (!alive.expired()) finish(fail(ErrorKind::kCorrupt, what));
    });
    return;
  }
  exchange_.place = std::move(*place);
  send();
}

void RedfishLink::send() {
  const Call& call = exchange_.call;
  runtime::HttpRequest request;
  request.method = call.method;
  request.url = exchange_.place.origin.text() + exchange_.place.path;
  request.headers = call.headers;
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("OData-Version", "4.0");
  if (!call.body.empty()) request.headers.emplace_back("Content-Type", "application/json");
  request.body = call.body;
  const Duration left = std::max(remaining() + exchange_.grace, Duration{1});
  request.timeout = std::min(left, context_.settings.call_timeout);
  if (call.limit.count() > 0) request.timeout = std::min(request.timeout, call.limit);
  request.connect_timeout = std::min(request.timeout, context_.settings.connect_timeout);
  request.max_response_bytes = context_.settings.body_limit;
  request.tls = endpoint_.tls;
  // Curl sends a request again by itself when a kept connection turns out to be closed: good for
  // reading, never for acting.
  request.fresh_connection = !is_get() || exchange_.failures > 0;
  if (exchange_.auth == Auth::kBasic) request.auth = endpoint_.auth;
  if (exchange_.auth == Auth::kSession) {
    request.headers.emplace_back("X-Auth-Token", token().reveal());
  }
  handle_ = context_.client.send(std::move(request), [this](Result<runtime::HttpResponse> result) {
    if (!result) {
      on_error(result.error());
    } else {
      on_response(std::move(*result));
    }
  });
}

void RedfishLink::on_error(const Error& error) {
  const bool unsent = error.kind == ErrorKind::kUnavailable || error.kind == ErrorKind::kTimeout;
  const bool harmless = unsent || (is_get() && error.kind == ErrorKind::kUnknown);
  const Duration pause = pause_before(exchange_.failures);
  if (harmless && exchange_.call.patient && exchange_.failures < context_.settings.retries &&
      remaining() > pause * 2) {
    ++exchange_.failures;
    again_after(pause);
    return;
  }
  finish(fail(explain(error)));
}

void RedfishLink::on_response(runtime::HttpResponse response) {
  if (is_redirect(response.status)) {
    follow(response);
    return;
  }
  if (is_get() && exchange_.call.patient && is_worth_repeating(response.status)) {
    const Duration pause = pause_before(exchange_.busy);
    if (exchange_.busy < kMostBusy && remaining() > pause) {
      ++exchange_.busy;
      if (!std::exchange(told_busy_, true)) {
        context_.tell("the BMC is busy (" + std::to_string(response.status) + "), asking again");
      }
      again_after(pause);
      return;
    }
    finish(fail(ErrorKind::kBusy, std::to_string(response.status) +
                                      ": the BMC was busy to the end; look at its load, or reset "
                                      "the BMC itself"));
    return;
  }
  Answer answer;
  answer.status = response.status;
  answer.headers = std::move(response.headers);
  answer.body = std::move(response.body);
  answer.path = exchange_.place.path;
  finish(std::move(answer));
}

void RedfishLink::follow(const runtime::HttpResponse& response) {
  const std::string_view location = runtime::find_header(response.headers, "Location");
  if (++exchange_.redirects > kMostRedirects) {
    finish(fail(ErrorKind::kCorrupt, "the BMC redirects in circles"));
    return;
  }
  auto place = resolve_redfish(exchange_.place, location);
  if (!place) {
    const ErrorKind kind =
        place.error().kind == ErrorKind::kDenied ? ErrorKind::kInvalid : ErrorKind::kCorrupt;
    finish(fail(kind, "redirect not followed: " + place.error().what));
    return;
  }
  if (place->origin != endpoint_.origin) {
    context_.tell("redirected to " + place->origin.text());
    endpoint_.origin = place->origin;
  }
  exchange_.place = std::move(*place);
  send();
}

void RedfishLink::again_after(Duration pause) {
  pause_.start_after(pause, [this] { send(); });
}

void RedfishLink::finish(Result<Answer> result) {
  if (const auto done = std::exchange(exchange_.done, nullptr)) done(std::move(result));
}

// Curl's words plus what they mean here. For a GET "maybe sent" is just "no answer"; for anything
// else, what is not known for certain to be unsent may have been carried out.
Error RedfishLink::explain(const Error& error) const {
  Error told = error;
  if (is_get()) {
    if (error.kind == ErrorKind::kUnknown) told.kind = ErrorKind::kTimeout;
    if (error.kind == ErrorKind::kInvalid) told.kind = ErrorKind::kCorrupt;
  } else if (error.kind != ErrorKind::kUnavailable && error.kind != ErrorKind::kTimeout &&
             error.kind != ErrorKind::kDenied) {
    told.kind = ErrorKind::kUnknown;
  }
  const std::string& port = endpoint_.origin.port;
  switch (error.kind) {
    case ErrorKind::kDenied:
      told.what +=
          "; TLS: the BMC's certificate is not trusted, or is for another name: give its "
          "CA or the certificate itself with tls.ca, or its key with tls.pin, or turn the "
          "check off with tls.verify=false";
      break;
    case ErrorKind::kUnavailable:
      told.what += "; the BMC is down, unreachable or not on this address and port";
      if (port == "623") told.what += " (623 is the port of IPMI; Redfish is usually on 443)";
      break;
    case ErrorKind::kTimeout:
    case ErrorKind::kUnknown:
      told.what +=
          "; no answer in time: the BMC hangs, is restarting, or a firewall drops the "
          "packets";
      break;
    case ErrorKind::kCorrupt:
    case ErrorKind::kInvalid:
      told.what += "; this is not a Redfish service, or not its port";
      break;
    case ErrorKind::kNotFound:
    case ErrorKind::kConflict:
    case ErrorKind::kUnsupported:
    case ErrorKind::kBusy:
    case ErrorKind::kCancelled:
    case ErrorKind::kInternal:
      break;
  }
  return told;
}

// ---- sessions ----------------------------------------------------------------------------------

void RedfishLink::login(std::function<void(Status)> then) {
  if (++logins_ > kMostLogins) {
    then(fail(ErrorKind::kDenied, "401: the BMC ends our sessions at once"));
    return;
  }
  if (sessions_path_.empty() && !root_asked_) {
    find_sessions(then);
  } else if (sessions_path_.empty()) {
    then(fail(ErrorKind::kDenied,
              "401: wrong user or password (basic authentication; the BMC has no sessions)"));
  } else {
    post_session(then);
  }
}

void RedfishLink::find_sessions(const std::function<void(Status)>& then) {
  root_asked_ = true;
  --logins_;
  Call call;
  call.path = endpoint_.base;
  exchange(std::move(call), Auth::kNone, Duration{0}, [this, then](Result<Answer> answer) {
    if (answer && answer->good()) {
      if (const auto root = parse_redfish_root(answer->body)) sessions_path_ = root->sessions;
    } else if (answer && answer->status == 401) {
      sessions_path_ = endpoint_.base + "SessionService/Sessions";
    }
    login(then);
  });
}

void RedfishLink::post_session(const std::function<void(Status)>& then) {
  logging_in_ = true;
  const nlohmann::json body = {{"UserName", endpoint_.auth.user},
                               {"Password", endpoint_.auth.password.reveal()}};
  Call call;
  call.method = "POST";
  call.path = sessions_path_;
  // A password that is not UTF-8 cannot be said in JSON; what cannot be said is replaced.
  call.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  exchange(std::move(call), Auth::kNone, kLoginGrace, [this, then](Result<Answer> answer) {
    logging_in_ = false;
    wipe(exchange_.call.body);
    const Status status = take_session(answer);
    if (closing_) {
      delete_sessions();
    } else {
      then(status);
    }
  });
}

Status RedfishLink::take_session(const Result<Answer>& answer) {
  if (!answer) {
    // What may have happened to the login says nothing about the call that it was for.
    const bool unclear = answer.error().kind == ErrorKind::kUnknown;
    return fail(unclear ? ErrorKind::kTimeout : answer.error().kind,
                "logging in with a session: " + answer.error().what);
  }
  if (is_busy(answer->status)) {
    return fail(ErrorKind::kBusy, std::to_string(answer->status) +
                                      ": the BMC has no free session: end old ones on the BMC");
  }
  if (!answer->good()) {
    return fail(ErrorKind::kDenied,
                "401: wrong user or password (by basic authentication, and by a session: " +
                    std::to_string(answer->status) + ")");
  }
  Session session;
  session.path = runtime::find_header(answer->headers, "Location");
  if (session.path.empty()) session.path = redfish_own_path(answer->body);
  session.token = Secret(std::string(runtime::find_header(answer->headers, "X-Auth-Token")));
  if (session.token.empty()) {
    return fail(ErrorKind::kCorrupt, "the BMC made a session without a token");
  }
  sessions_.push_back(std::move(session));
  auth_ = Auth::kSession;
  context_.tell("basic authentication refused, logged in with a session");
  return {};
}

// ---- the end -----------------------------------------------------------------------------------

void RedfishLink::close(std::function<void()> closed_callback) {
  on_closed_ = std::move(closed_callback);
  closing_ = true;
  pause_.cancel();
  if (logging_in_) {
    close_timer_.start_after(kCloseLimit, [this] { closed(); });
    return;
  }
  handle_.cancel();
  exchange_.done = nullptr;
  close_timer_.start_after(kCloseLimit, [this] { closed(); });
  delete_sessions();
}

// The newest first, each with its own token. Bounded by close_timer_, not by the deadline, which
// may have passed.
void RedfishLink::delete_sessions() {
  while (!sessions_.empty() && sessions_.back().path.empty()) sessions_.pop_back();
  if (sessions_.empty()) {
    closed();
    return;
  }
  Call call;
  call.method = "DELETE";
  call.path = sessions_.back().path;
  call.patient = false;
  exchange(std::move(call), Auth::kSession, kCloseLimit + std::max(-remaining(), Duration{0}),
           [this](const Result<Answer>& answer) {
             // Gone, or not ours any more; anything else is worth another try.
             if (answer && (answer->good() || answer->status == 401 || answer->status == 404)) {
               sessions_.pop_back();
               delete_sessions();
             } else {
               pause_.start_after(kFirstPause * 2, [this] { delete_sessions(); });
             }
           });
}

void RedfishLink::closed() {
  close_timer_.cancel();
  pause_.cancel();
  handle_.cancel();
  exchange_.done = nullptr;
  if (const auto call = std::exchange(on_closed_, nullptr)) call();
}

}  // namespace mold::fencing
