#include "tests/fakes/redfish/certificate.h"

#include <ctime>

#include "lib/base/check.h"
#include "lib/runtime/files.h"
#include "lib/runtime/gnutls_types.h"

namespace mold::fake {
namespace {

constexpr long kHour = 3600;

void good(int r) {
  MOLD_CHECK(r >= 0, gnutls_strerror(r));
}

void add_name(gnutls_x509_crt_t crt, gnutls_x509_subject_alt_name_t kind, std::string_view name) {
  good(gnutls_x509_crt_set_subject_alt_name(
      crt, kind, name.data(), static_cast<unsigned>(name.size()), GNUTLS_FSAN_APPEND));
}

}  // namespace

std::shared_ptr<const runtime::TlsMaterial> make_self_signed(const std::string& name) {
  gnutls_x509_privkey_t raw_key = nullptr;
  good(gnutls_x509_privkey_init(&raw_key));
  const runtime::X509KeyPtr key(raw_key);
  good(gnutls_x509_privkey_generate(raw_key, GNUTLS_PK_ECDSA,
                                    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
  gnutls_x509_crt_t crt = nullptr;
  good(gnutls_x509_crt_init(&crt));
  const runtime::CertPtr certificate(crt);
  const std::string serial = "\x01" + runtime::random_bytes(8);
  const std::string common_name = name.empty() ? "fake-bmc" : name;
  good(gnutls_x509_crt_set_version(crt, 3));
  good(gnutls_x509_crt_set_serial(crt, serial.data(), serial.size()));
  good(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, common_name.data(),
                                     static_cast<unsigned>(common_name.size())));
  good(gnutls_x509_crt_set_activation_time(crt, ::time(nullptr) - kHour));
  good(gnutls_x509_crt_set_expiration_time(crt, ::time(nullptr) + 24 * kHour));
  good(gnutls_x509_crt_set_key(crt, raw_key));
  if (name.empty()) {
    add_name(crt, GNUTLS_SAN_IPADDRESS, std::string_view("\x7f\0\0\x01", 4));
    add_name(crt, GNUTLS_SAN_IPADDRESS, std::string(15, '\0') + '\x01');
    add_name(crt, GNUTLS_SAN_DNSNAME, "localhost");
  } else {
    add_name(crt, GNUTLS_SAN_DNSNAME, name);
  }
  // Its own issuer: trusted only by who is given this very certificate.
  good(gnutls_x509_crt_set_basic_constraints(crt, 1, -1));
  good(gnutls_x509_crt_sign2(crt, crt, raw_key, GNUTLS_DIG_SHA256, 0));

  auto material = std::make_shared<runtime::TlsMaterial>();
  gnutls_datum_t out{};
  good(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out));
  material->cert_pem.assign(reinterpret_cast<const char*>(out.data), out.size);
  gnutls_free(out.data);
  out = {};
  good(gnutls_x509_privkey_export2_pkcs8(raw_key, GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN,
                                         &out));
  material->key_pem = Secret(std::string(reinterpret_cast<const char*>(out.data), out.size));
  gnutls_free(out.data);
  return material;
}

}  // namespace mold::fake
