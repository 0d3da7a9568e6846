#include "manager/pki/authority.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "lib/runtime/files.h"
#include "lib/wire/enrol_token.h"
#include "lib/wire/messages.h"
#include "manager/pki/x509.h"

namespace mold::manager {
namespace {

constexpr std::int64_t kDayMs = 24LL * 60 * 60'000;
constexpr std::int64_t kCaDays = 20 * 365;
constexpr std::int64_t kRenewDaysLeft = 30;
constexpr std::int64_t kBackdateMs = kDayMs;  // a host's clock may be behind ours
constexpr std::size_t kTokenSecretBytes = 32;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  return text;
}

std::string hash_of(const Secret& token_secret) {
  return hex_encode(runtime::sha256(token_secret.reveal()));
}

}  // namespace

struct Authority::Keys {
  x509::Issuer ca;
  Secret server_key;
  std::string server_cert;
};

Authority::Authority(Options options, RowSink& sink, std::function<WallTime()> now)
    : options_(std::move(options)),
      sink_(sink),
      now_(std::move(now)),
      keys_(std::make_unique<Keys>()) {}

Authority::~Authority() = default;

Result<std::unique_ptr<Authority>> Authority::open(Options options, RowSink& sink,
                                                   std::function<WallTime()> now,
                                                   std::vector<CertificateRecord> certificates,
                                                   std::vector<EnrolTokenRecord> tokens) {
  std::unique_ptr<Authority> made(new Authority(std::move(options), sink, std::move(now)));
  for (CertificateRecord& record : certificates) {
    std::string serial = record.serial;
    made->certificates_.emplace(std::move(serial), std::move(record));
  }
  for (EnrolTokenRecord& record : tokens) {
    std::string hash = record.hash;
    made->tokens_.emplace(std::move(hash), std::move(record));
  }
  MOLD_TRY_VOID(runtime::make_dirs(made->directory(), 0700));
  MOLD_TRY_VOID(made->load_or_make_ca());
  MOLD_TRY_VOID(made->load_or_make_server());
  return made;
}

std::string Authority::directory() const {
  return options_.directory + "/pki";
}

Status Authority::load_or_make_ca() {
  const std::string cert_path = directory() + "/ca.crt";
  const std::string key_path = directory() + "/ca.key";
  if (!runtime::file_exists(cert_path)) {
    MOLD_TRY(const Secret key, x509::make_key());
    x509::Subject subject;
    subject.serial = x509::make_serial();
    subject.common_name = "Mold HA CA " + subject.serial.substr(0, 8);
    subject.not_before = WallTime{now_().ms - kBackdateMs};
    subject.not_after = WallTime{now_().ms + kCaDays * kDayMs};
    MOLD_TRY(const std::string cert, x509::make_ca(key, subject));
    // The key first: a certificate without its key would look like a finished CA.
    MOLD_TRY_VOID(runtime::write_file_atomic(key_path, key.reveal(), 0600));
    MOLD_TRY_VOID(runtime::write_file_atomic(cert_path, cert, 0644));
  }
  MOLD_TRY(const runtime::TlsMaterial ca, runtime::load_tls({cert_path, cert_path, key_path}));
  keys_->ca = {ca.cert_pem, ca.key_pem};
  ca_pem_ = ca.cert_pem;
  return {};
}

Status Authority::load_or_make_server() {
  const std::string key_path = directory() + "/server.key";
  // The key stays when the certificate is renewed: enrolment tokens pin it.
  if (!runtime::file_exists(key_path)) {
    MOLD_TRY(const Secret key, x509::make_key());
    MOLD_TRY_VOID(runtime::write_file_atomic(key_path, key.reveal(), 0600));
  }
  MOLD_TRY(std::string key_pem, runtime::read_file(key_path));
  keys_->server_key = Secret(std::move(key_pem));
  MOLD_TRY(spki_sha256_, x509::spki_sha256(keys_->server_key));
  return refresh_server().transform([](bool) {});
}

bool Authority::server_is_current(const std::string& cert_pem) const {
  const auto names = runtime::read_file(directory() + "/server.names");
  if (!names || *names != joined(options_.names)) return false;
  const auto info = runtime::read_certificate(cert_pem);
  return info && info->not_after.ms > now_().ms + kRenewDaysLeft * kDayMs;
}

Result<bool> Authority::refresh_server() {
  const std::string cert_path = directory() + "/server.crt";
  const auto present = runtime::read_file(cert_path);
  const bool current = present && server_is_current(*present);
  if (!current) MOLD_TRY_VOID(issue_server());
  MOLD_TRY(runtime::TlsMaterial material,
           runtime::load_tls({directory() + "/ca.crt", cert_path, directory() + "/server.key"}));
  server_tls_ = std::make_shared<const runtime::TlsMaterial>(std::move(material));
  return !current;
}

Status Authority::issue_server() {
  x509::Subject subject;
  subject.serial = x509::make_serial();
  subject.common_name = options_.names.empty() ? "mold-manager" : options_.names.front();
  subject.names = options_.names;
  subject.not_before = WallTime{now_().ms - kBackdateMs};
  subject.not_after = WallTime{now_().ms + options_.server_days * kDayMs};
  MOLD_TRY(const std::string cert, x509::certify_key(keys_->ca, keys_->server_key, subject));
  MOLD_TRY_VOID(runtime::write_file_atomic(directory() + "/server.crt", cert, 0644));
  MOLD_TRY_VOID(
      runtime::write_file_atomic(directory() + "/server.names", joined(options_.names), 0644));
  record(cert, "", "server");
  return {};
}

void Authority::record(const std::string& cert_pem, const std::string& host_uuid,
                       const std::string& purpose) {
  const auto info = runtime::read_certificate(cert_pem);
  MOLD_CHECK(info.has_value(), "what we signed can be read");
  CertificateRecord row;
  row.serial = to_lower(info->serial);
  row.host_uuid = host_uuid;
  row.fingerprint = info->fingerprint;
  row.purpose = purpose;
  row.issued = now_();
  row.expires = info->not_after;
  sink_.put(row);
  certificates_.insert_or_assign(row.serial, row);
}

std::shared_ptr<const runtime::TlsMaterial> Authority::server_tls() const {
  return server_tls_;
}

Result<Secret> Authority::make_token(HostId host, const std::string& host_uuid) {
  MOLD_TRY_VOID(sink_.admits());
  const WallTime now = now_();
  for (auto& [hash, token] : tokens_) {
    if (token.host != host || token.used) continue;
    token.used = now;
    sink_.put(token);
  }
  std::erase_if(tokens_, [now](const auto& entry) {
    return entry.second.expires < now || entry.second.used;
  });
  wire::EnrolToken token;
  token.host_uuid = host_uuid;
  token.secret = Secret(runtime::random_bytes(kTokenSecretBytes));
  token.spki_sha256 = spki_sha256_;
  EnrolTokenRecord row;
  row.hash = hash_of(token.secret);
  row.host = host;
  row.created = now;
  row.expires = WallTime{now.ms + options_.token_life.count()};
  sink_.put(TokensPurged{WallTime{now.ms - kDayMs}});
  sink_.put(row);
  tokens_.insert_or_assign(row.hash, row);
  return wire::format_token(token);
}

Result<HostId> Authority::check_token(const Secret& text) const {
  const auto token = wire::parse_token(text);
  if (!token) return fail(ErrorKind::kDenied, "token: " + token.error().what);
  const auto row = tokens_.find(hash_of(token->secret));
  if (row == tokens_.end()) return fail(ErrorKind::kDenied, "token: not known or used already");
  if (row->second.used) return fail(ErrorKind::kDenied, "token: used already");
  if (row->second.expires < now_()) return fail(ErrorKind::kDenied, "token: out of time");
  return row->second.host;
}

Result<HostId> Authority::redeem_token(const Secret& text) {
  MOLD_TRY_VOID(sink_.admits());
  MOLD_TRY(const HostId host, check_token(text));
  MOLD_TRY(const wire::EnrolToken token, wire::parse_token(text));
  EnrolTokenRecord& row = tokens_.at(hash_of(token.secret));
  row.used = now_();
  sink_.put(row);
  return host;
}

Result<std::string> Authority::sign_host(const std::string& csr_pem, const std::string& host_uuid) {
  MOLD_TRY_VOID(sink_.admits());
  x509::Subject subject;
  subject.serial = x509::make_serial();
  subject.common_name = wire::host_common_name(host_uuid);
  subject.not_before = WallTime{now_().ms - kBackdateMs};
  subject.not_after = WallTime{now_().ms + options_.host_days * kDayMs};
  MOLD_TRY(std::string cert, x509::certify_request(keys_->ca, csr_pem, subject));
  record(cert, host_uuid, "host");
  return cert;
}

Status Authority::accepts(const std::string& serial, const std::string& host_uuid) const {
  const auto known = certificates_.find(to_lower(serial));
  if (known == certificates_.end())
    return fail(ErrorKind::kDenied, "certificate " + serial + " is not known here");
  if (known->second.host_uuid != host_uuid)
    return fail(ErrorKind::kDenied, "certificate " + serial + " is of another host");
  if (known->second.revoked)
    return fail(ErrorKind::kDenied, "certificate " + serial + " was revoked");
  return {};
}

void Authority::revoke_all(const std::string& host_uuid) {
  revoke(host_uuid, {});
}

void Authority::revoke_others(const std::string& host_uuid, const std::string& cert_pem) {
  const auto info = runtime::read_certificate(cert_pem);
  MOLD_CHECK(info.has_value(), "what we signed can be read");
  revoke(host_uuid, to_lower(info->serial));
}

void Authority::revoke(const std::string& host_uuid, const std::string& but_serial) {
  for (auto& [serial, certificate] : certificates_) {
    if (certificate.host_uuid != host_uuid || certificate.revoked || serial == but_serial) continue;
    certificate.revoked = now_();
    sink_.put(certificate);
  }
}

}  // namespace mold::manager
