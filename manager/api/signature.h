#pragma once
// CloudStack's request signature: parameters except `signature`, sorted by name as sent, joined as
// name=encoded&..., the whole in lower case, HMAC with the secret key, base64. The signature's
// length tells the hash; SHA-1 only where the setting allows it. Clients differ in what they leave
// unencoded
// ('~', '*', brackets of map parameters): every such spelling of the SAME decoded parameters is
// accepted; of long requests only the most usual one, for hashing holds up the loop. Pure; a
// comparison takes the same time whatever differs.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/secret.h"
#include "lib/base/time.h"

namespace mold::manager::api {

// Longer requests are refused before anything is hashed, and beyond the second only the most usual
// spelling is tried.
inline constexpr std::size_t kSignedMost = 256 * 1024;
inline constexpr std::size_t kManySpellingsMost = 64 * 1024;
// Of all names and values together.
[[nodiscard]] std::size_t signed_bytes(const std::map<std::string, std::string>& sent);

// The texts that a client may have signed, most usual first; at most eight.
std::vector<std::string> canonical_texts(const std::map<std::string, std::string>& sent);

enum class SignatureHash : std::uint8_t { kSha256, kSha1 };
std::string sign(SignatureHash hash, const Secret& key, std::string_view canonical);

// `sent` holds the signature too, under any letter case of its name.
bool signature_matches(const std::map<std::string, std::string>& sent, const Secret& key,
                       bool allow_sha1);

// False when the request says signatureversion=3 and `expires` is absent, unreadable or past, or
// when an unknown signatureversion is named. True for requests without a version: they never
// expire.
bool not_expired(std::string_view signature_version, std::string_view expires, WallTime now);

}  // namespace mold::manager::api
