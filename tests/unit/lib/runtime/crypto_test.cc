#include "lib/runtime/crypto.h"

#include <sys/stat.h>

#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

TEST(Crypto, Sha256KnownVectors) {
  EXPECT_EQ(hex_encode(sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex_encode(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex_encode(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex_encode(md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
}

TEST(Crypto, HmacSha256OfRfc4231) {
  EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hex_encode(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex_encode(hmac_sha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hex_encode(hmac_sha256(std::string(131, '\xaa'),
                                   "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Crypto, HmacSha1OfRfc2202) {
  EXPECT_EQ(hex_encode(hmac_sha1(std::string(20, '\x0b'), "Hi There")),
            "b617318655057264e28bc0b6fb378c8ef146be00");
  EXPECT_EQ(hex_encode(hmac_sha1("Jefe", "what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(hex_encode(hmac_sha1(std::string(80, '\xaa'),
                                 "Test Using Larger Than Block-Size Key - Hash Key First")),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(Crypto, Base64OfRfc4648) {
  const std::pair<std::string, std::string> pairs[] = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
  for (const auto& [plain, coded] : pairs) {
    EXPECT_EQ(base64_encode(plain), coded);
    EXPECT_EQ(must(base64_decode(coded)), plain);
  }
  const std::string all = random_bytes(1000);
  EXPECT_EQ(must(base64_decode(base64_encode(all))), all);
  for (const auto* bad : {"Zg=", "Zg", "Z", "====", "Zg==Zg==", "Zm9 v", "Zm9v\n", "Z*=="}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

TEST(Crypto, SealedTextsOpenOnlyWithKeyAndContext) {
  const Secret key(random_bytes(kSealKeyBytes));
  const std::string sealed = must(seal(key, Secret("pa55"), "host/7"));
  EXPECT_EQ(sealed.find("pa55"), std::string::npos);
  EXPECT_NE(sealed, must(seal(key, Secret("pa55"), "host/7"))) << "a nonce was used twice";
  EXPECT_EQ(must(open_sealed(key, sealed, "host/7")).reveal(), "pa55");
  EXPECT_EQ(must(open_sealed(key, must(seal(key, Secret(""), "")), "")).reveal(), "");
  EXPECT_EQ(open_sealed(key, sealed, "host/8").error().kind, ErrorKind::kCorrupt);
  EXPECT_FALSE(open_sealed(Secret(random_bytes(kSealKeyBytes)), sealed, "host/7"));
  std::string bent = sealed;
  bent[10] = bent[10] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(open_sealed(key, bent, "host/7"));
  EXPECT_FALSE(open_sealed(key, "v1:", "host/7"));
  EXPECT_EQ(seal(Secret("short"), Secret("x"), "").error().kind, ErrorKind::kInvalid);
}

TEST(Crypto, TheSealKeyIsMadeOnceAndKeptPrivate) {
  const TempDir dir;
  const std::string path = dir.file("seal.key");
  const Secret key = must(load_or_make_seal_key(path));
  EXPECT_TRUE(key == must(load_or_make_seal_key(path)));
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ::chmod(path.c_str(), 0640);
  EXPECT_EQ(load_or_make_seal_key(path).error().kind, ErrorKind::kDenied);
}

}  // namespace
}  // namespace mold::runtime
