#pragma once
// The part of GnuTLS that makes keys and certificates, in our types. Elliptic curve P-256 for
// everything of ours; a host may bring P-256 or larger, or RSA from 2048 bits. Pure functions apart
// from the kernel's randomness; any thread.
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::manager::x509 {

struct Subject {
  std::string common_name;
  std::string serial;              // lower-case hex, 16 bytes
  std::vector<std::string> names;  // SAN: DNS names and numeric addresses
  WallTime not_before;
  WallTime not_after;
};

struct Issuer {
  std::string cert_pem;
  Secret key_pem;
};

Result<Secret> make_key();
std::string make_serial();
Result<std::string> make_ca(const Secret& key_pem, const Subject& subject);
// For a key of ours, good for TLS server and client.
Result<std::string> certify_key(const Issuer& issuer, const Secret& key_pem,
                                const Subject& subject);
// For somebody else's key. kInvalid: no request, weak key, or its signature is not by that key.
// Nothing but the key is taken from the request.
Result<std::string> certify_request(const Issuer& issuer, const std::string& csr_pem,
                                    const Subject& subject);
// A request for tests and tools.
Result<std::string> make_request(const Secret& key_pem, const std::string& common_name);
// SHA-256 of the public key (DER, SubjectPublicKeyInfo), raw bytes.
Result<std::string> spki_sha256(const Secret& key_pem);

}  // namespace mold::manager::x509
