#pragma once
// The manager's own certificate authority: who may speak as which host. The CA's key never leaves
// state.dir (mode 0600). A host proves its right to a certificate once, with a one-time token that
// a person carried to it; only a hash of the token is kept. We set the name ("host:<uuid>")
// ourselves, whatever the request says. Serials, revocations and tokens are rows of the store, in
// the same transaction as what causes them. Loop thread only; an elliptic-curve signature takes
// well under a millisecond.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/ids.h"
#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"
#include "lib/runtime/tls_config.h"
#include "manager/store/rows.h"

namespace mold::manager {

class Authority {
 public:
  struct Options {
    std::string directory;           // state.dir
    std::vector<std::string> names;  // of this manager: DNS names and addresses, for the SAN
    int host_days = 365;
    int server_days = 365;
    Duration token_life{24 * 60 * 60'000};
  };
  // Makes CA and server key at the first start, renews the server certificate when names changed or
  // it is about to expire. Blocks for small files: at start-up only.
  static Result<std::unique_ptr<Authority>> open(Options options, RowSink& sink,
                                                 std::function<WallTime()> now,
                                                 std::vector<CertificateRecord> certificates,
                                                 std::vector<EnrolTokenRecord> tokens);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // For the agents' listener: CA, server certificate and key.
  [[nodiscard]] std::shared_ptr<const runtime::TlsMaterial> server_tls() const;
  [[nodiscard]] const std::string& ca_pem() const { return ca_pem_; }
  [[nodiscard]] const std::string& spki_sha256() const { return spki_sha256_; }  // 32 raw bytes

  // Anew when it is about to expire; true when it was. To be called now and then, and followed by
  // HttpServer::set_tls.
  Result<bool> refresh_server();

  // A new token; unused ones of this host die.
  Result<Secret> make_token(HostId host, const std::string& host_uuid);
  // kDenied: malformed, unknown, used or out of time.
  [[nodiscard]] Result<HostId> check_token(const Secret& token) const;
  // The same, and marks it used.
  Result<HostId> redeem_token(const Secret& token);
  // kInvalid: not a request, or its signature does not prove possession of the key. `record` is put
  // into the sink.
  Result<std::string> sign_host(const std::string& csr_pem, const std::string& host_uuid);
  // True when we issued it for that host and it was not revoked.
  [[nodiscard]] Status accepts(const std::string& serial, const std::string& host_uuid) const;
  void revoke_all(const std::string& host_uuid);
  // All of the host but this one, which was just signed.
  void revoke_others(const std::string& host_uuid, const std::string& cert_pem);

 private:
  struct Keys;
  Authority(Options options, RowSink& sink, std::function<WallTime()> now);
  Status load_or_make_ca();
  Status load_or_make_server();
  Status issue_server();
  [[nodiscard]] std::string directory() const;
  void revoke(const std::string& host_uuid, const std::string& but_serial);
  void record(const std::string& cert_pem, const std::string& host_uuid,
              const std::string& purpose);
  [[nodiscard]] bool server_is_current(const std::string& cert_pem) const;

  Options options_;
  RowSink& sink_;
  std::function<WallTime()> now_;
  std::unique_ptr<Keys> keys_;
  std::string ca_pem_;
  std::string spki_sha256_;
  std::shared_ptr<const runtime::TlsMaterial> server_tls_;
  std::map<std::string, CertificateRecord> certificates_;  // by serial
  std::map<std::string, EnrolTokenRecord> tokens_;         // by hash
};

}  // namespace mold::manager
