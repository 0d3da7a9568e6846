#pragma once
// The one-time token of an enrolment, given out by the manager and carried to the host by a person:
//   MOLD1.<host uuid>.<secret, hex>.<SHA-256 of the manager's TLS public key (SPKI), base64url>
// It names the host, proves the right to a certificate, and pins the manager's key, so that the
// very first call cannot be answered by somebody else. Values only: any thread.
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/secret.h"

namespace mold::wire {

// POST over mutual TLS: EnrolRequest, whose token is not looked at, for a new certificate of the
// same host (EnrolAnswer).
inline constexpr std::string_view kRenewPath = "/v1/renew";

inline constexpr std::string_view kTokenPrefix = "MOLD1";
inline constexpr std::size_t kTokenSecretBytesLeast = 16;
inline constexpr std::size_t kTokenSecretBytesMost = 64;

struct EnrolToken {
  std::string host_uuid;    // lower case
  Secret secret;            // raw bytes
  std::string spki_sha256;  // 32 raw bytes

  // What libcurl calls a pinned public key: "sha256//<base64>".
  [[nodiscard]] std::string curl_pin() const;
};

Secret format_token(const EnrolToken& token);
// kInvalid says which part is wrong, never what it was. Blanks around the token are ignored.
Result<EnrolToken> parse_token(const Secret& text);

// RFC 4648 section 5, without padding; decoding takes padding too.
std::string base64url_encode(std::string_view bytes);
Result<std::string> base64url_decode(std::string_view text);

}  // namespace mold::wire
