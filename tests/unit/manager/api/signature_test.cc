// Vectors made with: printf '%s' "$text" | openssl dgst -sha256 -hmac "$key" -binary | base64
#include "manager/api/signature.h"

#include <gtest/gtest.h>

namespace mold::manager::api {
namespace {

using Sent = std::map<std::string, std::string>;

const Secret kKey("VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX");

// The worked example of docs/API.md.
const Sent kExample{{"apikey", "plgWJfZK4gyS3mlZ"},
                    {"command", "listHosts"},
                    {"keyword", "rack 1"},
                    {"response", "json"}};

Sent with_signature(Sent sent, const std::string& signature,
                    const std::string& name = "signature") {
  sent[name] = signature;
  return sent;
}

TEST(Signature, WorkedExampleOfTheManual) {
  EXPECT_EQ(canonical_texts(kExample).front(),
            "apikey=plgwjfzk4gys3mlz&command=listhosts&keyword=rack%201&response=json");
  EXPECT_TRUE(signature_matches(
      with_signature(kExample, "7CmeyCxg+z9h/pOH5waiyFezNPz2fSAwMu4J1ZJ5qBk="), kKey, false));
  EXPECT_TRUE(
      signature_matches(with_signature(kExample, "UlDhF5vxmG5T1mQUVCfIr2Z8pbs="), kKey, true));
}

TEST(Signature, Sha1OnlyWhereAllowed) {
  EXPECT_FALSE(
      signature_matches(with_signature(kExample, "UlDhF5vxmG5T1mQUVCfIr2Z8pbs="), kKey, false));
}

TEST(Signature, NameOfTheSignatureInAnyCaseAndUnencodedPlus) {
  EXPECT_TRUE(signature_matches(
      with_signature(kExample, "7CmeyCxg z9h/pOH5waiyFezNPz2fSAwMu4J1ZJ5qBk=", "Signature"), kKey,
      false));
}

TEST(Signature, EitherSpellingOfTildeAndStar) {
  const Sent sent{{"apikey", "k"},
                  {"command", "listVirtualMachines"},
                  {"name", "a~b*c+d e/\xED\x95\x9C"},
                  {"response", "json"}};
  // tilde bare, star encoded: Go. Tilde encoded, star bare: Java.
  for (const char* signature : {"HwYK5dU8Vie7OorzlaP9QqtCW2Z27nCcBpl/UkewKzE=",
                                "6BsdUYGspfwc903BdDwWujxO5SjNsaEgY6682McqJlU="}) {
    EXPECT_TRUE(signature_matches(with_signature(sent, signature), kKey, false)) << signature;
  }
  for (const char* signature : {"gOePoFsUThXe6pBe+QISzob72Kg=", "R0oOc0Hh6fRQYzPBuEFFKPrpBf8="}) {
    EXPECT_TRUE(signature_matches(with_signature(sent, signature), kKey, true)) << signature;
  }
}

TEST(Signature, MapParametersWithBareOrEncodedBrackets) {
  const Sent sent{{"command", "deployVirtualMachine"}, {"details[0].cpu", "2"}};
  EXPECT_TRUE(signature_matches(
      with_signature(sent, "DqOuQfdBSR8vj37h9FTN3zt0lE+cg59VEAC+H6UDbXI="), kKey, false));
  EXPECT_TRUE(signature_matches(
      with_signature(sent, "e+Pv4ansmr22tTBJPx5msXbYrG2Q1UgdBpl/sf03bIM="), kKey, false));
}

TEST(Signature, AnyChangeBreaksIt) {
  const std::string good = "7CmeyCxg+z9h/pOH5waiyFezNPz2fSAwMu4J1ZJ5qBk=";
  Sent more = with_signature(kExample, good);
  more["forced"] = "true";
  EXPECT_FALSE(signature_matches(more, kKey, true));
  Sent other = with_signature(kExample, good);
  other["keyword"] = "rack 2";
  EXPECT_FALSE(signature_matches(other, kKey, true));
  EXPECT_FALSE(signature_matches(with_signature(kExample, ""), kKey, true));
  EXPECT_FALSE(signature_matches(kExample, kKey, true));
  EXPECT_FALSE(signature_matches(with_signature(kExample, good), Secret("other"), true));
  EXPECT_FALSE(signature_matches(with_signature(kExample, good), Secret(), true));
}

TEST(Signature, LongRequestsAreHashedOnce) {
  Sent sent{{"command", "x"}, {"userdata", std::string(kManySpellingsMost, 'a') + "~"}};
  const auto texts = canonical_texts(sent);
  ASSERT_EQ(texts.size(), 2U);
  const auto matches = [&](const std::string& text, SignatureHash hash) {
    return signature_matches(with_signature(sent, sign(hash, kKey, text)), kKey, true);
  };
  EXPECT_TRUE(matches(texts[0], SignatureHash::kSha256));
  EXPECT_TRUE(matches(texts[0], SignatureHash::kSha1));
  EXPECT_FALSE(matches(texts[1], SignatureHash::kSha256)) << "the unusual spelling";
  EXPECT_GT(signed_bytes(sent), kManySpellingsMost);
}

TEST(Signature, TheLengthTellsTheHash) {
  const std::string text = canonical_texts(kExample).front();
  const std::string sha256 = sign(SignatureHash::kSha256, kKey, text);
  EXPECT_EQ(sha256.size(), 44U);
  EXPECT_EQ(sign(SignatureHash::kSha1, kKey, text).size(), 28U);
  EXPECT_FALSE(signature_matches(with_signature(kExample, sha256 + "="), kKey, true));
  EXPECT_FALSE(signature_matches(with_signature(kExample, sign(SignatureHash::kSha1, kKey, text)),
                                 kKey, false));
}

TEST(Signature, SortedByBytesOfTheNamesAsSent) {
  const Sent sent{{"zoneid", "1"}, {"apiKey", "K"}, {"Command", "x"}};
  EXPECT_EQ(canonical_texts(sent).front(), "command=x&apikey=k&zoneid=1");
}

TEST(Signature, Expiry) {
  const WallTime now{1'716'368'400'000};  // 2024-05-22T09:00:00Z
  EXPECT_TRUE(not_expired("", "", now));
  EXPECT_TRUE(not_expired("3", "2024-05-22T09:00:01+0000", now));
  EXPECT_TRUE(not_expired("3", "2024-05-22T09:00:01Z", now));
  EXPECT_TRUE(not_expired("3", "2024-05-22T18:00:01+0900", now));
  EXPECT_TRUE(not_expired("3", "2024-05-22T18:00:01 0900", now));  // '+' sent unencoded
  EXPECT_FALSE(not_expired("3", "2024-05-22T09:00:00+0000", now));
  EXPECT_FALSE(not_expired("3", "2024-05-22T17:59:59+0900", now));
  EXPECT_FALSE(not_expired("3", "", now));
  EXPECT_FALSE(not_expired("3", "tomorrow", now));
  EXPECT_FALSE(not_expired("4", "2024-05-22T09:00:01+0000", now));
}

}  // namespace
}  // namespace mold::manager::api
