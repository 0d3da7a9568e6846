#pragma once
// The little cryptography we need, all of it GnuTLS. Any thread; no state. Digests are returned as
// raw bytes; hex_encode() of lib/base makes them readable.
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/secret.h"

namespace mold::runtime {

std::string sha256(std::string_view data);
std::string sha1(std::string_view data);
std::string md5(std::string_view data);  // names and checksums of old formats only
std::string hmac_sha256(std::string_view key, std::string_view data);
std::string hmac_sha1(std::string_view key, std::string_view data);

std::string base64_encode(std::string_view data);          // one line, padded
Result<std::string> base64_decode(std::string_view text);  // strict; kInvalid

// Secrets at rest: AES-256-GCM with a random nonce. `context` is authenticated with it, so that a
// sealed text cannot be moved to another row. The sealed form is a base64 text.
inline constexpr std::size_t kSealKeyBytes = 32;
Result<std::string> seal(const Secret& key, const Secret& plain, std::string_view context);
// kCorrupt: wrong key, wrong context, or tampered with.
Result<Secret> open_sealed(const Secret& key, std::string_view sealed, std::string_view context);
// Reads the 32-byte key (64 hex digits in the file), making the file (mode 0600) when it is not
// there. kDenied when group or others may read it.
Result<Secret> load_or_make_seal_key(const std::string& path);

}  // namespace mold::runtime
