#include "lib/wire/enrol_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mold::wire {
namespace {

EnrolToken sample() {
  return {"11111111-1111-4111-8111-111111111111", Secret(std::string(32, '\x5a')),
          std::string(31, '\xff') + '\xfe'};
}

TEST(EnrolToken, ComesBackAsItWas) {
  const Secret text = format_token(sample());
  const auto token = parse_token(Secret("  " + text.reveal() + "\n"));
  ASSERT_TRUE(token) << token.error().what;
  EXPECT_EQ(token->host_uuid, sample().host_uuid);
  EXPECT_TRUE(token->secret == sample().secret);
  EXPECT_EQ(token->spki_sha256, sample().spki_sha256);
  EXPECT_EQ(token->curl_pin(), "sha256//" + std::string(42, '/') + "4=");
}

TEST(EnrolToken, WrongPartsAreNamedButNeverQuoted) {
  const std::string good = format_token(sample()).reveal();
  const std::string secret_hex(64, '5');
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("MOLD1"), "MOLD2" + good.substr(5), good + ".x",
           good.substr(0, good.size() - 1), std::string("MOLD1.host.5a5a.x"),
           std::string("MOLD1.11111111-1111-4111-8111-111111111111.zz.x"),
           "MOLD1.11111111-1111-4111-8111-111111111111." + secret_hex + ".short"}) {
    const auto token = parse_token(Secret(bad));
    ASSERT_FALSE(token) << bad;
    EXPECT_EQ(token.error().kind, ErrorKind::kInvalid);
    EXPECT_THAT(token.error().what, ::testing::Not(::testing::HasSubstr("5555")));
  }
}

TEST(Base64Url, FollowsTheStandard) {
  for (const auto& [plain, text] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"f", "Zg"},
                                                        {"fo", "Zm8"},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg"},
                                                        {"\xfb\xff", "-_8"}}) {
    EXPECT_EQ(base64url_encode(plain), text);
    EXPECT_EQ(base64url_decode(text).value(), plain);
  }
  EXPECT_EQ(base64url_decode("Zg==").value(), "f");
  EXPECT_FALSE(base64url_decode("Z"));
  EXPECT_FALSE(base64url_decode("Zh"));  // stray bits
  EXPECT_FALSE(base64url_decode("Zm+v"));
}

}  // namespace
}  // namespace mold::wire
