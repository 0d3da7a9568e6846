#include "manager/pki/x509.h"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include <memory>
#include <type_traits>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "lib/runtime/files.h"

namespace mold::manager::x509 {
namespace {

constexpr std::size_t kSerialBytes = 16;
constexpr unsigned kLeastRsaBits = 2048;
constexpr unsigned kLeastEcBits = 256;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* raw) const {
    Free(raw);
  }
};
using Key = std::unique_ptr<std::remove_pointer_t<gnutls_x509_privkey_t>,
                            Freer<gnutls_x509_privkey_deinit>>;
using Cert =
    std::unique_ptr<std::remove_pointer_t<gnutls_x509_crt_t>, Freer<gnutls_x509_crt_deinit>>;
using Request =
    std::unique_ptr<std::remove_pointer_t<gnutls_x509_crq_t>, Freer<gnutls_x509_crq_deinit>>;
using PublicKey =
    std::unique_ptr<std::remove_pointer_t<gnutls_pubkey_t>, Freer<gnutls_pubkey_deinit>>;
using PrivateKey =
    std::unique_ptr<std::remove_pointer_t<gnutls_privkey_t>, Freer<gnutls_privkey_deinit>>;

Status told(int code, std::string_view doing, ErrorKind kind = ErrorKind::kInternal) {
  if (code >= 0) return {};
  return fail(kind, std::string(doing) + ": " + gnutls_strerror(code));
}

gnutls_datum_t datum(const std::string& text) {
  // GnuTLS takes its input through a pointer to mutable bytes but does not write.
  auto* const bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  return {bytes, static_cast<unsigned>(text.size())};
}

std::string taken(gnutls_datum_t& out) {
  std::string text(reinterpret_cast<const char*>(out.data), out.size);
  gnutls_free(out.data);
  return text;
}

Result<Key> read_key(const Secret& pem) {
  gnutls_x509_privkey_t raw = nullptr;
  MOLD_TRY_VOID(told(gnutls_x509_privkey_init(&raw), "making a key"));
  Key key(raw);
  const gnutls_datum_t in = datum(pem.reveal());
  MOLD_TRY_VOID(told(gnutls_x509_privkey_import2(raw, &in, GNUTLS_X509_FMT_PEM, nullptr, 0),
                     "reading a key", ErrorKind::kInvalid));
  return key;
}

Result<Cert> new_cert() {
  gnutls_x509_crt_t raw = nullptr;
  MOLD_TRY_VOID(told(gnutls_x509_crt_init(&raw), "making a certificate"));
  return Cert(raw);
}

Result<Cert> read_cert(const std::string& pem) {
  MOLD_TRY(Cert cert, new_cert());
  const gnutls_datum_t in = datum(pem);
  MOLD_TRY_VOID(told(gnutls_x509_crt_import(cert.get(), &in, GNUTLS_X509_FMT_PEM),
                     "reading a certificate", ErrorKind::kInvalid));
  return cert;
}

Result<std::string> pem_of(const Cert& cert) {
  gnutls_datum_t out{};
  MOLD_TRY_VOID(told(gnutls_x509_crt_export2(cert.get(), GNUTLS_X509_FMT_PEM, &out),
                     "writing a certificate"));
  return taken(out);
}

Status set_basics(gnutls_x509_crt_t cert, const Subject& subject) {
  const auto serial = hex_decode(subject.serial);
  if (!serial) return fail(ErrorKind::kInvalid, "serial: not hexadecimal");
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_version(cert, 3), "version"));
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_serial(cert, serial->data(), serial->size()), "serial"));
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_dn_by_oid(
                         cert, GNUTLS_OID_X520_COMMON_NAME, 0, subject.common_name.data(),
                         static_cast<unsigned>(subject.common_name.size())),
                     "common name"));
  MOLD_TRY_VOID(told(
      gnutls_x509_crt_set_activation_time(cert, static_cast<time_t>(subject.not_before.ms / 1000)),
      "validity"));
  return told(
      gnutls_x509_crt_set_expiration_time(cert, static_cast<time_t>(subject.not_after.ms / 1000)),
      "validity");
}

Status add_name(gnutls_x509_crt_t cert, const std::string& name) {
  unsigned char address[sizeof(in6_addr)];
  unsigned size = 0;
  if (inet_pton(AF_INET, name.c_str(), address) == 1)
    size = sizeof(in_addr);
  else if (inet_pton(AF_INET6, name.c_str(), address) == 1)
    size = sizeof(in6_addr);
  if (size != 0) {
    return told(gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, address, size,
                                                     GNUTLS_FSAN_APPEND),
                "name " + name);
  }
  return told(
      gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, name.data(),
                                           static_cast<unsigned>(name.size()), GNUTLS_FSAN_APPEND),
      "name " + name, ErrorKind::kInvalid);
}

Status set_key_ids(gnutls_x509_crt_t cert, gnutls_x509_crt_t issuer) {
  unsigned char id[64];
  std::size_t size = sizeof id;
  MOLD_TRY_VOID(told(gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA1, id, &size), "key id"));
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_subject_key_id(cert, id, size), "key id"));
  if (issuer == nullptr) return {};
  size = sizeof id;
  MOLD_TRY_VOID(
      told(gnutls_x509_crt_get_key_id(issuer, GNUTLS_KEYID_USE_SHA1, id, &size), "key id"));
  return told(gnutls_x509_crt_set_authority_key_id(cert, id, size), "key id");
}

// Everything but the public key, which is in already.
Result<std::string> finish_leaf(const Issuer& issuer, Cert cert, const Subject& subject) {
  MOLD_TRY(const Cert ca, read_cert(issuer.cert_pem));
  MOLD_TRY(const Key ca_key, read_key(issuer.key_pem));
  MOLD_TRY_VOID(set_basics(cert.get(), subject));
  for (const std::string& name : subject.names) MOLD_TRY_VOID(add_name(cert.get(), name));
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_basic_constraints(cert.get(), 0, -1), "constraints"));
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_key_usage(
                         cert.get(), GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT),
                     "key usage"));
  MOLD_TRY_VOID(
      told(gnutls_x509_crt_set_key_purpose_oid(cert.get(), GNUTLS_KP_TLS_WWW_SERVER, 0), "use"));
  MOLD_TRY_VOID(
      told(gnutls_x509_crt_set_key_purpose_oid(cert.get(), GNUTLS_KP_TLS_WWW_CLIENT, 0), "use"));
  MOLD_TRY_VOID(set_key_ids(cert.get(), ca.get()));
  MOLD_TRY_VOID(told(
      gnutls_x509_crt_sign2(cert.get(), ca.get(), ca_key.get(), GNUTLS_DIG_SHA256, 0), "signing"));
  return pem_of(cert);
}

Status check_strength(gnutls_pubkey_t key) {
  unsigned bits = 0;
  const int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);
  const bool rsa = algorithm == GNUTLS_PK_RSA && bits >= kLeastRsaBits;
  const bool curve = algorithm == GNUTLS_PK_ECDSA && bits >= kLeastEcBits;
  if (rsa || curve) return {};
  return fail(ErrorKind::kInvalid, "csr: the key must be EC from 256 or RSA from 2048 bits");
}

}  // namespace

Result<Secret> make_key() {
  gnutls_x509_privkey_t raw = nullptr;
  MOLD_TRY_VOID(told(gnutls_x509_privkey_init(&raw), "making a key"));
  const Key key(raw);
  const unsigned bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
  MOLD_TRY_VOID(told(gnutls_x509_privkey_generate(raw, GNUTLS_PK_ECDSA, bits, 0), "making a key"));
  gnutls_datum_t out{};
  MOLD_TRY_VOID(told(
      gnutls_x509_privkey_export2_pkcs8(raw, GNUTLS_X509_FMT_PEM, nullptr, GNUTLS_PKCS_PLAIN, &out),
      "writing a key"));
  Secret pem(std::string(reinterpret_cast<const char*>(out.data), out.size));
  gnutls_memset(out.data, 0, out.size);
  gnutls_free(out.data);
  return pem;
}

std::string make_serial() {
  std::string bytes = runtime::random_bytes(kSerialBytes);
  // Positive, and of full length in every spelling.
  bytes[0] = static_cast<char>((static_cast<unsigned char>(bytes[0]) & 0x3fU) | 0x40U);
  return hex_encode(bytes);
}

Result<std::string> make_ca(const Secret& key_pem, const Subject& subject) {
  MOLD_TRY(const Key key, read_key(key_pem));
  MOLD_TRY(const Cert cert, new_cert());
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_key(cert.get(), key.get()), "key"));
  MOLD_TRY_VOID(set_basics(cert.get(), subject));
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_basic_constraints(cert.get(), 1, 0), "constraints"));
  MOLD_TRY_VOID(told(
      gnutls_x509_crt_set_key_usage(cert.get(), GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN),
      "key usage"));
  MOLD_TRY_VOID(set_key_ids(cert.get(), nullptr));
  MOLD_TRY_VOID(told(gnutls_x509_crt_sign2(cert.get(), cert.get(), key.get(), GNUTLS_DIG_SHA256, 0),
                     "signing"));
  return pem_of(cert);
}

Result<std::string> certify_key(const Issuer& issuer, const Secret& key_pem,
                                const Subject& subject) {
  MOLD_TRY(const Key key, read_key(key_pem));
  MOLD_TRY(Cert cert, new_cert());
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_key(cert.get(), key.get()), "key"));
  return finish_leaf(issuer, std::move(cert), subject);
}

Result<std::string> certify_request(const Issuer& issuer, const std::string& csr_pem,
                                    const Subject& subject) {
  gnutls_x509_crq_t raw = nullptr;
  MOLD_TRY_VOID(told(gnutls_x509_crq_init(&raw), "csr"));
  const Request request(raw);
  const gnutls_datum_t in = datum(csr_pem);
  MOLD_TRY_VOID(
      told(gnutls_x509_crq_import(raw, &in, GNUTLS_X509_FMT_PEM), "csr", ErrorKind::kInvalid));
  MOLD_TRY_VOID(
      told(gnutls_x509_crq_verify(raw, 0), "csr: not signed by its own key", ErrorKind::kInvalid));
  gnutls_pubkey_t raw_key = nullptr;
  MOLD_TRY_VOID(told(gnutls_pubkey_init(&raw_key), "csr"));
  const PublicKey key(raw_key);
  MOLD_TRY_VOID(
      told(gnutls_pubkey_import_x509_crq(raw_key, raw, 0), "csr: its key", ErrorKind::kInvalid));
  MOLD_TRY_VOID(check_strength(raw_key));
  MOLD_TRY(Cert cert, new_cert());
  MOLD_TRY_VOID(told(gnutls_x509_crt_set_pubkey(cert.get(), raw_key), "key"));
  return finish_leaf(issuer, std::move(cert), subject);
}

Result<std::string> make_request(const Secret& key_pem, const std::string& common_name) {
  MOLD_TRY(const Key key, read_key(key_pem));
  gnutls_x509_crq_t raw = nullptr;
  MOLD_TRY_VOID(told(gnutls_x509_crq_init(&raw), "csr"));
  const Request request(raw);
  MOLD_TRY_VOID(told(gnutls_x509_crq_set_version(raw, 1), "csr"));
  MOLD_TRY_VOID(
      told(gnutls_x509_crq_set_dn_by_oid(raw, GNUTLS_OID_X520_COMMON_NAME, 0, common_name.data(),
                                         static_cast<unsigned>(common_name.size())),
           "csr"));
  MOLD_TRY_VOID(told(gnutls_x509_crq_set_key(raw, key.get()), "csr"));
  MOLD_TRY_VOID(told(gnutls_x509_crq_sign2(raw, key.get(), GNUTLS_DIG_SHA256, 0), "csr"));
  gnutls_datum_t out{};
  MOLD_TRY_VOID(told(gnutls_x509_crq_export2(raw, GNUTLS_X509_FMT_PEM, &out), "csr"));
  return taken(out);
}

Result<std::string> spki_sha256(const Secret& key_pem) {
  MOLD_TRY(const Key key, read_key(key_pem));
  gnutls_privkey_t raw_private = nullptr;
  MOLD_TRY_VOID(told(gnutls_privkey_init(&raw_private), "public key"));
  const PrivateKey private_key(raw_private);
  MOLD_TRY_VOID(told(gnutls_privkey_import_x509(raw_private, key.get(), 0), "public key"));
  gnutls_pubkey_t raw = nullptr;
  MOLD_TRY_VOID(told(gnutls_pubkey_init(&raw), "public key"));
  const PublicKey public_key(raw);
  MOLD_TRY_VOID(told(gnutls_pubkey_import_privkey(raw, raw_private, 0, 0), "public key"));
  gnutls_datum_t out{};
  MOLD_TRY_VOID(told(gnutls_pubkey_export2(raw, GNUTLS_X509_FMT_DER, &out), "public key"));
  return runtime::sha256(taken(out));
}

}  // namespace mold::manager::x509
