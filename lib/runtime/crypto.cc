#include "lib/runtime/crypto.h"

#include <gnutls/crypto.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/runtime/files.h"
#include "lib/runtime/gnutls_types.h"

namespace mold::runtime {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::string_view kSealPrefix = "v1:";

std::string digest(gnutls_digest_algorithm_t algorithm, std::string_view data) {
  std::string out(gnutls_hash_get_len(algorithm), '\0');
  MOLD_CHECK(gnutls_hash_fast(algorithm, data.data(), data.size(), out.data()) == 0,
             "digest not available");
  return out;
}

std::string keyed_digest(gnutls_mac_algorithm_t algorithm, std::string_view key,
                         std::string_view data) {
  std::string out(gnutls_hmac_get_len(algorithm), '\0');
  MOLD_CHECK(gnutls_hmac_fast(algorithm, key.data(), key.size(), data.data(), data.size(),
                              out.data()) == 0,
             "keyed digest not available");
  return out;
}

class Gcm {
 public:
  static Result<Gcm> make(const Secret& key) {
    if (key.reveal().size() != kSealKeyBytes) {
      return fail(ErrorKind::kInvalid, "a sealing key has 32 bytes");
    }
    Gcm gcm;
    const gnutls_datum_t data = as_datum(key.reveal());
    const int r = gnutls_aead_cipher_init(&gcm.handle_, GNUTLS_CIPHER_AES_256_GCM, &data);
    if (r < 0) return fail(gnutls_error(r, "AES-256-GCM", ErrorKind::kUnsupported));
    return gcm;
  }
  Gcm(Gcm&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Gcm& operator=(Gcm&&) = delete;
  ~Gcm() {
    if (handle_ != nullptr) gnutls_aead_cipher_deinit(handle_);
  }
  [[nodiscard]] gnutls_aead_cipher_hd_t get() const { return handle_; }

 private:
  Gcm() = default;
  gnutls_aead_cipher_hd_t handle_ = nullptr;
};

}  // namespace

std::string sha256(std::string_view data) {
  return digest(GNUTLS_DIG_SHA256, data);
}
std::string sha1(std::string_view data) {
  return digest(GNUTLS_DIG_SHA1, data);
}
std::string md5(std::string_view data) {
  return digest(GNUTLS_DIG_MD5, data);
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  return keyed_digest(GNUTLS_MAC_SHA256, key, data);
}

std::string hmac_sha1(std::string_view key, std::string_view data) {
  return keyed_digest(GNUTLS_MAC_SHA1, key, data);
}

std::string base64_encode(std::string_view data) {
  if (data.empty()) return {};
  const gnutls_datum_t input = as_datum(data);
  gnutls_datum_t output{};
  MOLD_CHECK(gnutls_base64_encode2(&input, &output) == 0, "out of memory");
  std::string text(reinterpret_cast<char*>(output.data), output.size);
  gnutls_free(output.data);
  return text;
}

Result<std::string> base64_decode(std::string_view text) {
  const auto bad = fail(ErrorKind::kInvalid, "not base64");
  if (text.empty()) return std::string();
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t body = text.find_last_not_of('=') + 1;
  if (text.size() % 4 != 0 || text.size() - body > 2) return bad;
  if (text.substr(0, body).find_first_not_of(kAlphabet) != std::string_view::npos) return bad;
  const gnutls_datum_t input = as_datum(text);
  gnutls_datum_t output{};
  if (gnutls_base64_decode2(&input, &output) < 0) return bad;
  std::string data(reinterpret_cast<char*>(output.data), output.size);
  gnutls_free(output.data);
  return data;
}

Result<std::string> seal(const Secret& key, const Secret& plain, std::string_view context) {
  MOLD_TRY(const Gcm gcm, Gcm::make(key));
  const std::string nonce = random_bytes(kNonceBytes);
  const std::string& text = plain.reveal();
  std::string cipher(text.size() + kTagBytes, '\0');
  std::size_t size = cipher.size();
  const int r = gnutls_aead_cipher_encrypt(gcm.get(), nonce.data(), nonce.size(), context.data(),
                                           context.size(), kTagBytes, text.data(), text.size(),
                                           cipher.data(), &size);
  if (r < 0) return fail(gnutls_error(r, "sealing", ErrorKind::kInternal));
  cipher.resize(size);
  return std::string(kSealPrefix) + base64_encode(nonce + cipher);
}

Result<Secret> open_sealed(const Secret& key, std::string_view sealed, std::string_view context) {
  MOLD_TRY(const Gcm gcm, Gcm::make(key));
  const auto bad = fail(ErrorKind::kCorrupt, "a sealed text cannot be opened with this key");
  if (!sealed.starts_with(kSealPrefix)) return bad;
  const auto data = base64_decode(sealed.substr(kSealPrefix.size()));
  if (!data || data->size() < kNonceBytes + kTagBytes) return bad;
  const std::string_view cipher = std::string_view(*data).substr(kNonceBytes);
  std::string plain(cipher.size(), '\0');
  std::size_t size = plain.size();
  const int r = gnutls_aead_cipher_decrypt(gcm.get(), data->data(), kNonceBytes, context.data(),
                                           context.size(), kTagBytes, cipher.data(), cipher.size(),
                                           plain.data(), &size);
  if (r < 0) {
    wipe(plain);
    return bad;
  }
  plain.resize(size);
  return Secret(std::move(plain));
}

Result<Secret> load_or_make_seal_key(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return fail(errno_error(errno, "looking at " + path));
    Secret key(random_bytes(kSealKeyBytes));
    MOLD_TRY_VOID(write_file_atomic(path, hex_encode(key.reveal()) + "\n", 0600));
    return key;
  }
  if ((info.st_mode & 077) != 0) {
    return fail(ErrorKind::kDenied, path + " may be read by others than its owner");
  }
  MOLD_TRY(std::string text, read_file(path, 256));
  auto key = hex_decode(trim(text));
  wipe(text);
  if (!key || key->size() != kSealKeyBytes) {
    return fail(ErrorKind::kCorrupt, path + " does not hold a key of 64 hexadecimal digits");
  }
  return Secret(std::move(*key));
}

}  // namespace mold::runtime
