#include "manager/api/request.h"

#include <gtest/gtest.h>

namespace mold::manager::api {
namespace {

runtime::ServerRequest get(const std::string& query) {
  runtime::ServerRequest raw;
  raw.method = "GET";
  raw.path = "/client/api";
  raw.raw_query = query;
  raw.query = runtime::parse_query(query);
  return raw;
}

runtime::ServerRequest post(const std::string& query, const std::string& body,
                            const std::string& type = "application/x-www-form-urlencoded") {
  runtime::ServerRequest raw = get(query);
  raw.method = "POST";
  raw.body = body;
  raw.headers.emplace_back("Content-Type", type);
  return raw;
}

int status_of(const runtime::ServerRequest& raw) {
  const auto fine = check_request(raw, read_request(raw));
  return fine ? 200 : fine.error().status;
}

TEST(Request, QueryAndBodyAreMerged) {
  const auto raw = post("command=listHosts&Response=JSON", "name=a+b&page=1");
  const ApiRequest request = read_request(raw);
  EXPECT_EQ(request.command, "listHosts");
  EXPECT_EQ(request.format, Format::kJson);
  EXPECT_EQ(request.get("name"), "a b");
  EXPECT_EQ(request.get("page"), "1");
  EXPECT_EQ(status_of(raw), 200);
}

TEST(Request, LastOfARepeatedParameterWinsWithAWarning) {
  const ApiRequest request = read_request(get("command=x&Name=a&name=b"));
  EXPECT_EQ(request.get("name"), "b");
  EXPECT_NE(request.warning().find("name"), std::string::npos);
  EXPECT_EQ(request.sent.size(), 3U);  // the signature covers both spellings
}

TEST(Request, SameValueTwiceIsNoWarning) {
  EXPECT_EQ(read_request(get("a=1&a=1")).warning(), "");
  std::string flood;
  for (int i = 0; i < 200; ++i)
    flood += std::string(1000, 'n') + std::to_string(i % 100) + "=" + std::to_string(i) + "&";
  EXPECT_LT(read_request(get(flood)).warning().size(), 500U);
}

TEST(Request, XmlUnlessJsonIsAskedFor) {
  EXPECT_EQ(read_request(get("command=x")).format, Format::kXml);
  EXPECT_EQ(read_request(get("command=x&response=xml")).format, Format::kXml);
  EXPECT_EQ(read_request(get("command=x&response=JSON")).format, Format::kJson);
}

TEST(Request, ControlCharactersAndBadBytesAre430) {
  EXPECT_EQ(status_of(get("command=x&name=a%00b")), 430);
  EXPECT_EQ(status_of(get("command=x&name=a%1Bb")), 430);
  EXPECT_EQ(status_of(get("command=x&name=a%7Fb")), 430);
  EXPECT_EQ(status_of(get("command=x&name=a%FFb")), 430);
  EXPECT_EQ(status_of(get("command=x&name=%C0%80")), 430);        // overlong
  EXPECT_EQ(status_of(get("command=x&name=%ED%A0%80")), 430);     // surrogate
  EXPECT_EQ(status_of(get("command=x&name=%ED%95%9C%0A")), 200);  // line feed is text
  EXPECT_EQ(status_of(get("command=x&na%3Dme=b")), 430);
  EXPECT_EQ(status_of(get("command=x&=b")), 430);
}

TEST(Request, TooManyParametersAre431) {
  std::string query = "command=x";
  for (int i = 0; i < 1100; ++i) query += "&a" + std::to_string(i) + "=1";
  EXPECT_EQ(status_of(get(query)), 431);
}

TEST(Request, OtherBodiesAre415) {
  EXPECT_EQ(status_of(post("command=x", "{}", "application/json")), 415);
  EXPECT_EQ(status_of(post("command=x", "", "application/json")), 200);
  EXPECT_EQ(status_of(post("command=x", "a=1", "application/x-www-form-urlencoded; charset=UTF-8")),
            200);
}

}  // namespace
}  // namespace mold::manager::api
