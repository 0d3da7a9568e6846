#include "agentd/enrol/renewal.h"

#include <utility>

#include "lib/runtime/journal_log.h"
#include "lib/wire/codec.h"
#include "lib/wire/enrol_token.h"
#include "lib/wire/messages.h"

namespace mold::agentd {
namespace {

constexpr Duration kTimeout{20'000};
constexpr Duration kFileDeadline{30'000};

}  // namespace

bool renewal_due(const runtime::CertificateInfo& certificate, WallTime now) {
  const std::int64_t life = certificate.not_after.ms - certificate.not_before.ms;
  return certificate.not_after.ms - now.ms < life / 3;
}

Renewal::Renewal(runtime::EventLoop& loop, runtime::WorkerLane& lane)
    : loop_(loop), lane_(lane), client_(loop), timer_(loop), alive_(std::make_shared<bool>(true)) {}

Renewal::~Renewal() {
  *alive_ = false;
}

void Renewal::start(Options options, Hooks hooks) {
  options_ = std::move(options);
  hooks_ = std::move(hooks);
  check();
}

void Renewal::check_later() {
  timer_.start_after(options_.period, [this] { check(); });
}

// The next check waits for the end of a renewal: there is one key at a time.
void Renewal::check() {
  const auto tls = hooks_.tls();
  if (!tls) return check_later();
  const auto certificate = runtime::read_certificate(tls->cert_pem);
  if (!certificate || !renewal_due(*certificate, loop_.wall())) return check_later();
  peer_.tls = tls;
  peer_.managers.set(hooks_.managers());
  lane_.submit(
      [name = wire::host_common_name(options_.host_uuid)] { return make_key_and_request(name); },
      [this, alive = alive_](Result<KeyAndRequest> made) {
        if (!*alive) return;
        if (!made) return try_later(made.error().what);
        ask(std::move(*made));
      },
      kFileDeadline);
}

void Renewal::ask(KeyAndRequest made) {
  key_pem_ = std::move(made.key_pem);
  // No token: the certificate in force speaks for us.
  const wire::EnrolRequest message{Secret("renewal"), made.csr_pem, options_.hostname};
  call_ =
      client_.send(make_request(peer_, "POST", wire::kRenewPath, wire::encode(message), kTimeout),
                   [this](const Result<runtime::HttpResponse>& response) { answered(response); });
}

void Renewal::answered(const Result<runtime::HttpResponse>& response) {
  const CallResult result = judge(response);
  if (result.verdict != Verdict::kOk) {
    const std::string asked = peer_.managers.current();
    peer_.managers.next();
    return try_later(asked + ": " + result.text);
  }
  const auto answer = wire::decode_enrol_answer(result.body);
  if (!answer) return try_later(answer.error().what);
  if (answer->host_uuid != options_.host_uuid) return try_later("answered for another host");
  store(answer->certificate_pem);
}

void Renewal::store(const std::string& certificate_pem) {
  lane_.submit(
      [dir = options_.state_dir, key = std::move(key_pem_), certificate_pem]() -> Result<bool> {
        MOLD_TRY_VOID(store_renewal(dir, key, certificate_pem));
        return true;
      },
      [this, alive = alive_](const Result<bool>& done) {
        if (!*alive) return;
        if (!done) return try_later(done.error().what);
        trouble_.clear();
        runtime::log_info("the certificate of this host was renewed");
        check_later();
        hooks_.on_renewed();
      },
      kFileDeadline);
}

void Renewal::try_later(const std::string& why) {
  if (trouble_ != why) runtime::log_warning("renewing the certificate of this host: " + why);
  trouble_ = why;
  timer_.start_after(options_.retry, [this] { check(); });
}

}  // namespace mold::agentd
