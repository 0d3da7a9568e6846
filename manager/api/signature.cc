#include "manager/api/signature.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "lib/runtime/crypto.h"
#include "manager/api/dates.h"

namespace mold::manager::api {
namespace {

struct Spelling {
  bool bare_tilde = false;
  bool encoded_star = false;
  bool encoded_names = false;
};

bool is_bare(char c, const Spelling& spelling) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  if (c == '~') return spelling.bare_tilde;
  if (c == '*') return !spelling.encoded_star;
  return c == '-' || c == '_' || c == '.';
}

std::string encoded(std::string_view text, const Spelling& spelling) {
  constexpr char kHex[] = "0123456789abcdef";  // the whole is lower-cased anyway
  std::string out;
  for (const char c : text) {
    if (is_bare(c, spelling)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    }
  }
  return out;
}

std::string canonical(const std::map<std::string, std::string>& sent, const Spelling& spelling) {
  std::string out;
  for (const auto& [name, value] : sent) {  // std::map: sorted by the bytes of the name
    if (iequals(name, "signature")) continue;
    if (!out.empty()) out += '&';
    out += spelling.encoded_names ? encoded(name, spelling) : name;
    out += '=';
    out += encoded(value, spelling);
  }
  return to_lower(out);
}

std::string_view signature_of(const std::map<std::string, std::string>& sent) {
  for (const auto& [name, value] : sent) {
    if (iequals(name, "signature")) return value;
  }
  return {};
}

// Base64 of a MAC: its length tells the hash.
std::optional<SignatureHash> hash_of(std::string_view signature) {
  if (signature.size() == 44) return SignatureHash::kSha256;
  if (signature.size() == 28) return SignatureHash::kSha1;
  return std::nullopt;
}

// Those that can differ for these parameters, most usual first.
std::vector<Spelling> spellings(const std::map<std::string, std::string>& sent) {
  bool tilde = false;
  bool star = false;
  bool odd_name = false;
  const auto look = [&](const std::string& text) {
    tilde = tilde || text.find('~') != std::string::npos;
    star = star || text.find('*') != std::string::npos;
  };
  for (const auto& [name, value] : sent) {
    if (iequals(name, "signature")) continue;
    look(name);
    look(value);
    odd_name = odd_name || std::any_of(name.begin(), name.end(),
                                       [](char c) { return !is_bare(c, Spelling{}); });
  }
  std::vector<Spelling> found;
  for (unsigned choice = 0; choice < 8; ++choice) {
    const Spelling spelling{(choice & 1U) != 0, (choice & 2U) != 0, (choice & 4U) != 0};
    const bool idle = (spelling.bare_tilde && !tilde) || (spelling.encoded_star && !star) ||
                      (spelling.encoded_names && !odd_name);
    if (!idle) found.push_back(spelling);
  }
  return found;
}

}  // namespace

std::size_t signed_bytes(const std::map<std::string, std::string>& sent) {
  std::size_t total = 0;
  for (const auto& [name, value] : sent) total += name.size() + value.size() + 2;
  return total;
}

std::vector<std::string> canonical_texts(const std::map<std::string, std::string>& sent) {
  std::vector<std::string> texts;
  for (const Spelling& spelling : spellings(sent)) texts.push_back(canonical(sent, spelling));
  return texts;
}

std::string sign(SignatureHash hash, const Secret& key, std::string_view canonical) {
  const std::string mac = hash == SignatureHash::kSha256
                              ? runtime::hmac_sha256(key.reveal(), canonical)
                              : runtime::hmac_sha1(key.reveal(), canonical);
  return runtime::base64_encode(mac);
}

bool signature_matches(const std::map<std::string, std::string>& sent, const Secret& key,
                       bool allow_sha1) {
  if (key.empty()) return false;
  // A '+' of the base64 that was not encoded arrives as a space.
  std::string given(signature_of(sent));
  std::replace(given.begin(), given.end(), ' ', '+');
  const auto hash = hash_of(given);
  if (!hash || (*hash == SignatureHash::kSha1 && !allow_sha1)) return false;
  std::vector<Spelling> tried = spellings(sent);
  if (signed_bytes(sent) > kManySpellingsMost) tried.resize(1);
  return std::any_of(tried.begin(), tried.end(), [&](const Spelling& spelling) {
    return equal_constant_time(given, sign(*hash, key, canonical(sent, spelling)));
  });
}

bool not_expired(std::string_view signature_version, std::string_view expires, WallTime now) {
  if (signature_version.empty()) return true;
  if (signature_version != "3") return false;
  const auto until = parse_zoned_time(expires);
  return until.has_value() && *until > now;
}

}  // namespace mold::manager::api
