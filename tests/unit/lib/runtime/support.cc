#include "tests/unit/lib/runtime/support.h"

#include <ctime>

#include "lib/base/check.h"
#include "lib/runtime/gnutls_types.h"

namespace mold::runtime {
namespace {

void ok(int r) {
  MOLD_CHECK(r >= 0, gnutls_strerror(r));
}

X509KeyPtr make_key() {
  gnutls_x509_privkey_t raw = nullptr;
  ok(gnutls_x509_privkey_init(&raw));
  ok(gnutls_x509_privkey_generate(raw, GNUTLS_PK_ECDSA,
                                  GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
  return X509KeyPtr(raw);
}

CertPtr make_certificate(const std::string& name, gnutls_x509_privkey_t key, long from_s,
                         long to_s) {
  gnutls_x509_crt_t raw = nullptr;
  ok(gnutls_x509_crt_init(&raw));
  CertPtr certificate(raw);
  ok(gnutls_x509_crt_set_version(raw, 3));
  const std::string serial = "\x01" + random_bytes(8);
  ok(gnutls_x509_crt_set_serial(raw, serial.data(), serial.size()));
  ok(gnutls_x509_crt_set_dn_by_oid(raw, GNUTLS_OID_X520_COMMON_NAME, 0, name.data(),
                                   static_cast<unsigned>(name.size())));
  ok(gnutls_x509_crt_set_activation_time(raw, ::time(nullptr) + from_s));
  ok(gnutls_x509_crt_set_expiration_time(raw, ::time(nullptr) + to_s));
  ok(gnutls_x509_crt_set_key(raw, key));
  return certificate;
}

std::string pem_of(gnutls_x509_crt_t certificate) {
  gnutls_datum_t data{};
  ok(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &data));
  std::string pem(reinterpret_cast<char*>(data.data), data.size);
  gnutls_free(data.data);
  return pem;
}

}  // namespace

struct TestCa::Keys {
  X509KeyPtr key;
  CertPtr certificate;
};

TestCa::TestCa(const std::string& name) : keys_(std::make_unique<Keys>()) {
  keys_->key = make_key();
  keys_->certificate = make_certificate(name, keys_->key.get(), -7200, 7200);
  gnutls_x509_crt_t crt = keys_->certificate.get();
  ok(gnutls_x509_crt_set_ca_status(crt, 1));
  ok(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN));
  ok(gnutls_x509_crt_sign2(crt, crt, keys_->key.get(), GNUTLS_DIG_SHA256, 0));
  pem_ = pem_of(crt);
}

TestCa::~TestCa() = default;

TlsMaterial TestCa::issue(const std::string& common_name, Use use, long from_s, long to_s) const {
  const X509KeyPtr key = make_key();
  const CertPtr certificate = make_certificate(common_name, key.get(), from_s, to_s);
  gnutls_x509_crt_t crt = certificate.get();
  ok(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
  ok(gnutls_x509_crt_set_key_purpose_oid(
      crt, use == Use::kServer ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT, 0));
  if (use == Use::kServer) {
    const std::string ip("\x7f\0\0\x01", 4);
    ok(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip.data(), 4,
                                            GNUTLS_FSAN_SET));
    ok(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                            GNUTLS_FSAN_APPEND));
  }
  ok(gnutls_x509_crt_sign2(crt, keys_->certificate.get(), keys_->key.get(), GNUTLS_DIG_SHA256, 0));
  gnutls_datum_t data{};
  ok(gnutls_x509_privkey_export2_pkcs8(key.get(), GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN,
                                       &data));
  TlsMaterial material;
  material.ca_pem = pem_;
  material.cert_pem = pem_of(crt);
  material.key_pem = Secret(std::string(reinterpret_cast<char*>(data.data), data.size));
  gnutls_free(data.data);
  return material;
}

}  // namespace mold::runtime
