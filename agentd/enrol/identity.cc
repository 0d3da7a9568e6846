#include "agentd/enrol/identity.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "agentd/link/manager_call.h"
#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "lib/wire/limits.h"
#include "lib/wire/messages.h"

namespace mold::agentd {
namespace {

constexpr mode_t kKeyMode = 0600;

struct Paths {
  explicit Paths(const std::string& dir)
      : key(dir + "/host.key"),
        certificate(dir + "/host.crt"),
        ca(dir + "/ca.crt"),
        id(dir + "/host.id"),
        managers(dir + "/managers"),
        new_key(dir + "/host.key.new"),
        new_certificate(dir + "/host.crt.new") {}
  std::string key, certificate, ca, id, managers, new_key, new_certificate;
};

Error gnutls_failure(int code, const std::string& doing) {
  return Error{ErrorKind::kInternal, doing + ": " + gnutls_strerror(code)};
}

// Owners of GnuTLS handles.
struct Key {
  gnutls_x509_privkey_t raw = nullptr;
  Key() { gnutls_x509_privkey_init(&raw); }
  ~Key() { gnutls_x509_privkey_deinit(raw); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
};
struct Request {
  gnutls_x509_crq_t raw = nullptr;
  Request() { gnutls_x509_crq_init(&raw); }
  ~Request() { gnutls_x509_crq_deinit(raw); }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
};
struct Datum {
  gnutls_datum_t raw{nullptr, 0};
  Datum() = default;
  ~Datum() {
    if (raw.data != nullptr) gnutls_memset(raw.data, 0, raw.size);
    gnutls_free(raw.data);
  }
  Datum(const Datum&) = delete;
  Datum& operator=(const Datum&) = delete;
  [[nodiscard]] std::string text() const {
    return {reinterpret_cast<const char*>(raw.data), raw.size};
  }
};

Status fill_request(Request& request, Key& key, const std::string& common_name) {
  if (const int r = gnutls_x509_crq_set_dn_by_oid(request.raw, GNUTLS_OID_X520_COMMON_NAME, 0,
                                                  common_name.data(),
                                                  static_cast<unsigned>(common_name.size()));
      r < 0) {
    return fail(gnutls_failure(r, "naming the certificate request"));
  }
  if (const int r = gnutls_x509_crq_set_key(request.raw, key.raw); r < 0) {
    return fail(gnutls_failure(r, "filling the certificate request"));
  }
  if (const int r = gnutls_x509_crq_sign2(request.raw, key.raw, GNUTLS_DIG_SHA256, 0); r < 0) {
    return fail(gnutls_failure(r, "signing the certificate request"));
  }
  return {};
}

Status rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(errno_error(errno, "renaming " + from));
  return {};
}

// A renewal that was cut off between its two renames.
Status finish_renewal(const Paths& paths, const std::string& state_dir) {
  MOLD_TRY_VOID(runtime::load_tls({paths.ca, paths.new_certificate, paths.key}));
  MOLD_TRY_VOID(rename_file(paths.new_certificate, paths.certificate));
  return runtime::sync_dir(state_dir);
}

}  // namespace

bool has_identity(const std::string& state_dir) {
  return runtime::file_exists(Paths(state_dir).id);
}

Result<Identity> load_identity(const std::string& state_dir) {
  const Paths paths(state_dir);
  auto id = runtime::read_file(paths.id, 256);
  if (!id) return fail(std::move(id).error().context("host id"));
  Identity identity;
  identity.host_uuid = to_lower(trim(*id));
  if (!is_uuid(identity.host_uuid)) {
    return fail(ErrorKind::kInvalid, paths.id + " holds no UUID: enrol again with --force");
  }
  identity.tls_files = {paths.ca, paths.certificate, paths.key};
  auto material = runtime::load_tls(identity.tls_files);
  if (!material && runtime::file_exists(paths.new_certificate) &&
      finish_renewal(paths, state_dir)) {
    material = runtime::load_tls(identity.tls_files);
  }
  if (!material) return fail(std::move(material).error().context("identity of this host"));
  const auto certificate = runtime::read_certificate(material->cert_pem);
  if (!certificate || certificate->common_name != wire::host_common_name(identity.host_uuid)) {
    return fail(ErrorKind::kInvalid,
                paths.certificate + " is not of this host: enrol again with --force");
  }
  if (const auto list = runtime::read_file(paths.managers)) {
    for (const std::string& line : split(*list, '\n')) {
      std::string url(trim(line));
      if (!url.empty() && check_manager_url(url)) identity.managers.push_back(std::move(url));
    }
  }
  return identity;
}

Status store_managers(const std::string& state_dir, const std::vector<std::string>& managers) {
  std::string text;
  for (const std::string& url : managers) text += url + "\n";
  return runtime::write_file_atomic(Paths(state_dir).managers, text);
}

Status store_renewal(const std::string& state_dir, const Secret& key_pem,
                     const std::string& certificate_pem) {
  const Paths paths(state_dir);
  MOLD_TRY(const Identity present, load_identity(state_dir));
  MOLD_TRY(const runtime::TlsMaterial old, runtime::load_tls(present.tls_files));
  MOLD_TRY(const auto old_certificate, runtime::read_certificate(old.cert_pem));
  MOLD_TRY(const auto certificate, runtime::read_certificate(certificate_pem));
  if (certificate.common_name != wire::host_common_name(present.host_uuid)) {
    return fail(ErrorKind::kInvalid, "the new certificate is of " + certificate.common_name);
  }
  if (certificate.not_after <= old_certificate.not_after) {
    return fail(ErrorKind::kInvalid, "the new certificate does not last longer");
  }
  MOLD_TRY_VOID(runtime::write_file_atomic(paths.new_key, key_pem.reveal(), kKeyMode));
  MOLD_TRY_VOID(runtime::write_file_atomic(paths.new_certificate, certificate_pem));
  MOLD_TRY_VOID(runtime::load_tls({paths.ca, paths.new_certificate, paths.new_key}));
  MOLD_TRY_VOID(rename_file(paths.new_key, paths.key));
  MOLD_TRY_VOID(runtime::sync_dir(state_dir));
  MOLD_TRY_VOID(rename_file(paths.new_certificate, paths.certificate));
  return runtime::sync_dir(state_dir);
}

Status store_identity(const std::string& state_dir, const NewIdentity& identity) {
  const Paths paths(state_dir);
  MOLD_TRY_VOID(runtime::make_dirs(state_dir));
  MOLD_TRY_VOID(runtime::remove_file(paths.id));
  MOLD_TRY_VOID(runtime::remove_file(paths.new_key));
  MOLD_TRY_VOID(runtime::remove_file(paths.new_certificate));
  MOLD_TRY_VOID(runtime::write_file_atomic(paths.key, identity.key_pem.reveal(), kKeyMode));
  MOLD_TRY_VOID(runtime::write_file_atomic(paths.certificate, identity.certificate_pem));
  MOLD_TRY_VOID(runtime::write_file_atomic(paths.ca, identity.ca_pem));
  MOLD_TRY_VOID(store_managers(state_dir, identity.managers));
  // Key and certificate fit, all of it can be read: only then is it an identity.
  MOLD_TRY_VOID(runtime::load_tls({paths.ca, paths.certificate, paths.key}));
  return runtime::write_file_atomic(paths.id, identity.host_uuid + "\n");
}

Result<KeyAndRequest> make_key_and_request(const std::string& common_name) {
  Key key;
  const unsigned curve = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
  if (const int r = gnutls_x509_privkey_generate(key.raw, GNUTLS_PK_ECDSA, curve, 0); r < 0) {
    return fail(gnutls_failure(r, "making a key"));
  }
  Request request;
  MOLD_TRY_VOID(fill_request(request, key, common_name));
  Datum key_pem;
  if (const int r = gnutls_x509_privkey_export2_pkcs8(key.raw, GNUTLS_X509_FMT_PEM, nullptr,
                                                      GNUTLS_PKCS_PLAIN, &key_pem.raw);
      r < 0) {
    return fail(gnutls_failure(r, "writing the key"));
  }
  Datum csr_pem;
  if (const int r = gnutls_x509_crq_export2(request.raw, GNUTLS_X509_FMT_PEM, &csr_pem.raw);
      r < 0) {
    return fail(gnutls_failure(r, "writing the certificate request"));
  }
  return KeyAndRequest{Secret(key_pem.text()), csr_pem.text()};
}

}  // namespace mold::agentd
