#pragma once
// Owners of GnuTLS objects, for the .cc files of this folder only. Any thread, one owner each.
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/runtime/tls_config.h"

namespace mold::runtime {

struct GnutlsDelete {
  void operator()(gnutls_x509_crt_int* p) const { gnutls_x509_crt_deinit(p); }
  void operator()(gnutls_x509_privkey_int* p) const { gnutls_x509_privkey_deinit(p); }
  void operator()(gnutls_privkey_st* p) const { gnutls_privkey_deinit(p); }
  void operator()(gnutls_x509_trust_list_st* p) const { gnutls_x509_trust_list_deinit(p, 1); }
};
using CertPtr = std::unique_ptr<gnutls_x509_crt_int, GnutlsDelete>;
using X509KeyPtr = std::unique_ptr<gnutls_x509_privkey_int, GnutlsDelete>;
using PrivateKeyPtr = std::unique_ptr<gnutls_privkey_st, GnutlsDelete>;
using TrustPtr = std::unique_ptr<gnutls_x509_trust_list_st, GnutlsDelete>;

// The view must outlive the datum.
gnutls_datum_t as_datum(std::string_view text);
Error gnutls_error(int code, std::string_view doing, ErrorKind kind = ErrorKind::kInvalid);

Result<CertPtr> import_certificate(std::string_view text, gnutls_x509_crt_fmt_t format);
Result<std::vector<CertPtr>> import_chain(std::string_view pem);
Result<PrivateKeyPtr> import_private_key(const Secret& pem);
CertificateInfo describe_certificate(gnutls_x509_crt_t certificate);

}  // namespace mold::runtime
