#include "lib/runtime/tls_config.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "lib/runtime/gnutls_types.h"

namespace mold::runtime {

gnutls_datum_t as_datum(std::string_view text) {
  gnutls_datum_t datum{};
  // GnuTLS does not write through the pointers of its inputs.
  datum.data = reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
  datum.size = static_cast<unsigned>(text.size());
  return datum;
}

Error gnutls_error(int code, std::string_view doing, ErrorKind kind) {
  return {kind, std::string(doing) + ": " + gnutls_strerror(code)};
}

Result<CertPtr> import_certificate(std::string_view text, gnutls_x509_crt_fmt_t format) {
  gnutls_x509_crt_t raw = nullptr;
  if (const int r = gnutls_x509_crt_init(&raw); r < 0) {
    return fail(gnutls_error(r, "certificate", ErrorKind::kInternal));
  }
  CertPtr certificate(raw);
  const gnutls_datum_t data = as_datum(text);
  if (const int r = gnutls_x509_crt_import(raw, &data, format); r < 0) {
    return fail(gnutls_error(r, "not a certificate"));
  }
  return certificate;
}

Result<std::vector<CertPtr>> import_chain(std::string_view pem) {
  gnutls_x509_crt_t* raw = nullptr;
  unsigned count = 0;
  const gnutls_datum_t data = as_datum(pem);
  if (const int r = gnutls_x509_crt_list_import2(&raw, &count, &data, GNUTLS_X509_FMT_PEM, 0);
      r < 0) {
    return fail(gnutls_error(r, "no certificates"));
  }
  std::vector<CertPtr> chain;
  for (unsigned i = 0; i < count; ++i) chain.emplace_back(raw[i]);
  gnutls_free(raw);
  return chain;
}

Result<PrivateKeyPtr> import_private_key(const Secret& pem) {
  gnutls_privkey_t raw = nullptr;
  if (const int r = gnutls_privkey_init(&raw); r < 0) {
    return fail(gnutls_error(r, "private key", ErrorKind::kInternal));
  }
  PrivateKeyPtr key(raw);
  const gnutls_datum_t data = as_datum(pem.reveal());
  const int r = gnutls_privkey_import_x509_raw(raw, &data, GNUTLS_X509_FMT_PEM, nullptr, 0);
  if (r < 0) return fail(gnutls_error(r, "not a private key"));
  return key;
}

CertificateInfo describe_certificate(gnutls_x509_crt_t certificate) {
  CertificateInfo info;
  std::array<char, 256> text{};
  std::size_t size = text.size();
  if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text.data(),
                                    &size) >= 0) {
    info.common_name.assign(text.data(), size);
  }
  size = text.size();
  if (gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, text.data(), &size) >= 0) {
    info.fingerprint = hex_encode(std::string_view(text.data(), size));
  }
  size = text.size();
  if (gnutls_x509_crt_get_serial(certificate, text.data(), &size) >= 0) {
    info.serial = hex_encode(std::string_view(text.data(), size));
  }
  info.not_before.ms = std::int64_t{gnutls_x509_crt_get_activation_time(certificate)} * 1000;
  info.not_after.ms = std::int64_t{gnutls_x509_crt_get_expiration_time(certificate)} * 1000;
  return info;
}

Result<CertificateInfo> read_certificate(std::string_view pem) {
  MOLD_TRY(const CertPtr certificate, import_certificate(pem, GNUTLS_X509_FMT_PEM));
  return describe_certificate(certificate.get());
}

namespace {

Status check_key_mode(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(errno_error(errno, "looking at " + path));
  if ((info.st_mode & 077) != 0) {
    return fail(ErrorKind::kDenied,
                path + " may be read or written by others than its owner; chmod 600 it");
  }
  return {};
}

// The key must be the one the certificate was made for: both have the same key id.
Status check_key_fits(const std::string& cert_pem, const Secret& key_pem) {
  MOLD_TRY(const CertPtr certificate, import_certificate(cert_pem, GNUTLS_X509_FMT_PEM));
  MOLD_TRY(const PrivateKeyPtr key, import_private_key(key_pem));
  gnutls_pubkey_t raw = nullptr;
  if (const int r = gnutls_pubkey_init(&raw); r < 0) {
    return fail(gnutls_error(r, "public key", ErrorKind::kInternal));
  }
  const std::unique_ptr<gnutls_pubkey_st, void (*)(gnutls_pubkey_t)> pub(raw, gnutls_pubkey_deinit);
  if (const int r = gnutls_pubkey_import_privkey(raw, key.get(), 0, 0); r < 0) {
    return fail(gnutls_error(r, "public key of the private key"));
  }
  std::array<unsigned char, 64> of_key{};
  std::array<unsigned char, 64> of_cert{};
  std::size_t key_size = of_key.size();
  std::size_t cert_size = of_cert.size();
  const int r1 = gnutls_pubkey_get_key_id(raw, GNUTLS_KEYID_USE_SHA256, of_key.data(), &key_size);
  const int r2 = gnutls_x509_crt_get_key_id(certificate.get(), GNUTLS_KEYID_USE_SHA256,
                                            of_cert.data(), &cert_size);
  if (r1 < 0 || r2 < 0 || key_size != cert_size || of_key != of_cert) {
    return fail(ErrorKind::kInvalid, "the private key does not belong to the certificate");
  }
  return {};
}

}  // namespace

Result<TlsMaterial> load_tls(const TlsFiles& files) {
  TlsMaterial material;
  if (!files.ca.empty()) {
    MOLD_TRY(material.ca_pem, read_file(files.ca));
    if (auto chain = import_chain(material.ca_pem); !chain) {
      return fail(chain.error().context(files.ca));
    }
  }
  if (files.cert.empty()) return material;
  if (files.key.empty()) return fail(ErrorKind::kInvalid, files.cert + " without a key");
  MOLD_TRY_VOID(check_key_mode(files.key));
  MOLD_TRY(material.cert_pem, read_file(files.cert));
  MOLD_TRY(std::string key, read_file(files.key));
  material.key_pem = Secret(std::move(key));
  if (auto fits = check_key_fits(material.cert_pem, material.key_pem); !fits) {
    return fail(fits.error().context(files.cert + " and " + files.key));
  }
  return material;
}

Result<TlsConfig> TlsConfig::load(TlsFiles files) {
  TlsConfig config;
  MOLD_TRY(TlsMaterial material, load_tls(files));
  config.files_ = std::move(files);
  config.current_ = std::make_shared<const TlsMaterial>(std::move(material));
  return config;
}

Result<bool> TlsConfig::reload() {
  MOLD_TRY(TlsMaterial fresh, load_tls(files_));
  const bool same = fresh.ca_pem == current_->ca_pem && fresh.cert_pem == current_->cert_pem &&
                    fresh.key_pem == current_->key_pem;
  if (same) return false;
  current_ = std::make_shared<const TlsMaterial>(std::move(fresh));
  return true;
}

}  // namespace mold::runtime
