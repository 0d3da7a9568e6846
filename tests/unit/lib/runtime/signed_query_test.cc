// The worked example of docs/API.md, checked with openssl(1), and the corners of encoding.
#include "lib/runtime/signed_query.h"

#include <gtest/gtest.h>

namespace mold::runtime {
namespace {

constexpr WallTime kTime{1'779'440'400'000};  // 2026-05-22T09:00:00Z

TEST(SignedQuery, EncodesAllButTheBareSigns) {
  EXPECT_EQ(url_encode("aZ09-_.*"), "aZ09-_.*");
  EXPECT_EQ(url_encode("rack 1/+&=~"), "rack%201%2F%2B%26%3D%7E");
  EXPECT_EQ(url_encode("\xec\x84\x9c"), "%EC%84%9C");
}

TEST(SignedQuery, TimeIsUtc) {
  EXPECT_EQ(api_time(kTime), "2026-05-22T09:00:00+0000");
}

TEST(SignedQuery, IsSortedAndSigned) {
  const std::string query = signed_query({{"keyword", "rack 1"}, {"command", "listHosts"}}, "Key",
                                         Secret("secret"), kTime);
  EXPECT_EQ(query,
            "apikey=Key&command=listHosts&expires=2026-05-22T09%3A00%3A00%2B0000&keyword=rack%201&"
            "response=json&signatureversion=3&signature=jYEoAPvP%"
            "2FLjBeBuetUH2nFGtpelE6aZ1nI63HAMGGtU%3D");
}

TEST(SignedQuery, WithoutAKeyNothingIsSigned) {
  EXPECT_EQ(signed_query({{"command", "listApis"}}, "", Secret(), kTime),
            "command=listApis&response=json");
}

}  // namespace
}  // namespace mold::runtime
