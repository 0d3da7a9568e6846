#pragma once
// Who this host is, on disk: under state.dir lie host.key (0600), host.crt, ca.crt, managers (one
// URL per line) and, written last, host.id. A directory without host.id holds no identity.
// Blocking, for small local files. No state.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/runtime/tls_config.h"

namespace mold::agentd {

struct Identity {
  std::string host_uuid;
  std::vector<std::string> managers;
  runtime::TlsFiles tls_files;
};

[[nodiscard]] bool has_identity(const std::string& state_dir);
// kNotFound: not enrolled. kInvalid, kDenied: damaged; the text says what to do.
Result<Identity> load_identity(const std::string& state_dir);

struct NewIdentity {
  std::string host_uuid;
  Secret key_pem;
  std::string certificate_pem;
  std::string ca_pem;
  std::vector<std::string> managers;
};
// Writes all of it, host.id last; what was there is replaced.
Status store_identity(const std::string& state_dir, const NewIdentity& identity);
// A new key and certificate of the same host, in place of those that are there. Refused unless they
// fit, are of this host and last longer. Each moment leaves an identity that load_identity()
// understands: both are written beside, then the key is renamed and then the certificate; between
// the two renames host.crt.new is the one that fits, and the next load finishes the work.
Status store_renewal(const std::string& state_dir, const Secret& key_pem,
                     const std::string& certificate_pem);
Status store_managers(const std::string& state_dir, const std::vector<std::string>& managers);

// A fresh P-256 key and a request for a certificate with that common name.
struct KeyAndRequest {
  Secret key_pem;
  std::string csr_pem;
};
Result<KeyAndRequest> make_key_and_request(const std::string& common_name);

}  // namespace mold::agentd
