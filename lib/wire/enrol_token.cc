#include "lib/wire/enrol_token.h"

#include <cstdint>
#include <vector>

#include "lib/base/text.h"

namespace mold::wire {
namespace {

constexpr std::string_view kUrlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kPlainAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kSha256Bytes = 32;

std::string encode_base64(std::string_view bytes, std::string_view alphabet) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out += alphabet[(bits >> (held - 6)) & 63U];
  }
  if (held > 0) out += alphabet[(bits << (6 - held)) & 63U];
  return out;
}

}  // namespace

std::string base64url_encode(std::string_view bytes) {
  return encode_base64(bytes, kUrlAlphabet);
}

Result<std::string> base64url_decode(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return fail(ErrorKind::kInvalid, "not base64url: wrong length");
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::size_t value = kUrlAlphabet.find(c);
    if (value == std::string_view::npos) {
      return fail(ErrorKind::kInvalid, "not base64url: foreign character");
    }
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>((bits >> held) & 0xFFU);
    }
  }
  if ((bits & ((1U << held) - 1U)) != 0) {
    return fail(ErrorKind::kInvalid, "not base64url: stray bits at the end");
  }
  return out;
}

std::string EnrolToken::curl_pin() const {
  std::string text = encode_base64(spki_sha256, kPlainAlphabet);
  while (text.size() % 4 != 0) text += '=';
  return "sha256//" + text;
}

Secret format_token(const EnrolToken& token) {
  return Secret(std::string(kTokenPrefix) + "." + to_lower(token.host_uuid) + "." +
                hex_encode(token.secret.reveal()) + "." + base64url_encode(token.spki_sha256));
}

Result<EnrolToken> parse_token(const Secret& text) {
  std::vector<std::string> parts = split(trim(text.reveal()), '.');
  struct Wipe {
    std::vector<std::string>& parts;
    ~Wipe() {
      for (std::string& part : parts) wipe(part);
    }
  } const wipe_at_end{parts};
  if (parts.size() != 4 || parts[0] != kTokenPrefix) {
    return fail(ErrorKind::kInvalid,
                "not an enrolment token: expected MOLD1.<host>.<secret>.<key digest>");
  }
  EnrolToken token;
  if (!is_uuid(parts[1])) {
    return fail(ErrorKind::kInvalid, "enrolment token: second part is not a UUID");
  }
  token.host_uuid = to_lower(parts[1]);
  auto secret = hex_decode(parts[2]);
  if (!secret || secret->size() < kTokenSecretBytesLeast ||
      secret->size() > kTokenSecretBytesMost) {
    return fail(ErrorKind::kInvalid, "enrolment token: third part is not a secret of 16-64 bytes");
  }
  token.secret = Secret(std::move(*secret));
  auto digest = base64url_decode(parts[3]);
  if (!digest || digest->size() != kSha256Bytes) {
    return fail(ErrorKind::kInvalid, "enrolment token: fourth part is not a SHA-256 digest");
  }
  token.spki_sha256 = std::move(*digest);
  return token;
}

}  // namespace mold::wire
