#pragma once
// The certificates of one endpoint in memory: read once, checked, replaced as a whole on reload, so
// that a half-written renewal never takes a program down. Loop thread for TlsConfig; the material
// it hands out is immutable and may be shared.
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::runtime {

struct TlsFiles {
  std::string ca;    // PEM, may hold several; empty: none
  std::string cert;  // PEM chain, own certificate first; empty: none
  std::string key;   // PEM; required with cert
};

struct TlsMaterial {
  std::string ca_pem;
  std::string cert_pem;
  Secret key_pem;
};

// What a certificate says about itself; nothing here is proof without verification.
struct CertificateInfo {
  std::string common_name;
  std::string fingerprint;  // SHA-256 of the DER form, lower-case hex
  std::string serial;       // hex
  WallTime not_before;
  WallTime not_after;
};

// The first certificate of a PEM text. kInvalid.
Result<CertificateInfo> read_certificate(std::string_view pem);

// Reads and checks: the key belongs to the certificate, the CA parses, the key file is not readable
// by group or others. kNotFound, kDenied (permissions), kInvalid.
Result<TlsMaterial> load_tls(const TlsFiles& files);

class TlsConfig {
 public:
  static Result<TlsConfig> load(TlsFiles files);

  [[nodiscard]] std::shared_ptr<const TlsMaterial> current() const { return current_; }
  // Reads again. On failure the old material stays. True when something changed.
  Result<bool> reload();

 private:
  TlsFiles files_;
  std::shared_ptr<const TlsMaterial> current_;
};

}  // namespace mold::runtime
