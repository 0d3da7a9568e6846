// Golden envelopes: tests/golden/api/<case>/{README, given, expect.json, expect.xml}. `given` is
// JSON: {"command":..., and one of "body", "object"+"content", "list"+"items"+"total",
// "job"+"entity", "success", "error"}. Set MOLD_GOLDEN_UPDATE=1 to write the expectations anew.
#include "manager/api/envelope.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace mold::manager::api {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string text_of(const Object& given, std::string_view name) {
  const Value* value = given.find(name);
  return value == nullptr || value->text() == nullptr ? std::string() : *value->text();
}

std::int64_t number_of(const Object& given, std::string_view name) {
  const Value* value = given.find(name);
  const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(&value->data());
  return number == nullptr ? 0 : *number;
}

ApiError error_of(const Object& given) {
  ApiError error;
  error.status = static_cast<int>(number_of(given, "status"));
  error.cs_code = static_cast<int>(number_of(given, "cserrorcode"));
  error.text = text_of(given, "text");
  return error;
}

Value body_of(const Object& given) {
  if (const Value* content = given.find("content")) {
    return single_body(text_of(given, "object"), *content);
  }
  if (const Value* items = given.find("items")) {
    return list_body(text_of(given, "list"), std::get<Array>(items->data()),
                     static_cast<std::size_t>(number_of(given, "total")));
  }
  if (given.find("job") != nullptr)
    return async_body(text_of(given, "job"), text_of(given, "entity"));
  return success_body(text_of(given, "success"));
}

runtime::HttpReply reply_for(const Object& given, Format format) {
  const std::string command = text_of(given, "command");
  if (const Value* error = given.find("error")) {
    return error_reply(format, command, error_of(*error->object()));
  }
  return success_reply(format, command, body_of(given));
}

void hold_against(const std::filesystem::path& path, const std::string& answer) {
  if (std::getenv("MOLD_GOLDEN_UPDATE") != nullptr) {
    std::ofstream(path) << answer << "\n";
  }
  EXPECT_EQ(answer + "\n", read_file(path)) << path;
}

TEST(Envelope, GoldenCases) {
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MOLD_GOLDEN_DIR)) {
    if (!entry.is_directory()) continue;
    ++cases;
    const Value parsed = from_json(read_file(entry.path() / "given"));
    ASSERT_NE(parsed.object(), nullptr) << entry.path();
    hold_against(entry.path() / "expect.json", reply_for(*parsed.object(), Format::kJson).body);
    hold_against(entry.path() / "expect.xml", reply_for(*parsed.object(), Format::kXml).body);
  }
  EXPECT_GE(cases, 8);
}

TEST(Envelope, TypesStatusAndDescription) {
  const auto good = success_reply(Format::kJson, "listHosts", list_body("host", {}, 0));
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.content_type, "application/json; charset=UTF-8");
  const auto bad = error_reply(Format::kXml, "listHosts", invalid_parameter("a\nb\xE2\x82\xAC"));
  EXPECT_EQ(bad.status, 431);
  EXPECT_EQ(bad.content_type, "text/xml; charset=UTF-8");
  ASSERT_EQ(bad.headers.size(), 1U);
  EXPECT_EQ(bad.headers[0].first, "X-Description");
  EXPECT_EQ(bad.headers[0].second, "a?b???");  // nothing in it can start a header of its own
}

TEST(Envelope, UnsupportedIsUnnamed) {
  const auto reply = error_reply(Format::kJson, "startVirtualMachine",
                                 from_error({ErrorKind::kUnsupported, "no"}));
  EXPECT_EQ(reply.status, 432);
  EXPECT_EQ(reply.body.rfind("{\"errorresponse\":", 0), 0U);
}

TEST(Envelope, OddName) {
  EXPECT_EQ(envelope_name("listLdapConfigurations"), "ldapconfigurationresponse");
  EXPECT_EQ(envelope_name("listHosts"), "listhostsresponse");
}

TEST(Envelope, PageBeyondTheEndKeepsTheCount) {
  EXPECT_EQ(to_json(list_body("host", {}, 3)), "{\"count\":3}");
}

TEST(Envelope, Times) {
  EXPECT_EQ(api_time(WallTime{1'716'368'400'123}), "2024-05-22T09:00:00+0000");
  EXPECT_EQ(api_time_ms(WallTime{1'716'368'400'023}), "2024-05-22T09:00:00.023+0000");
  EXPECT_EQ(api_time_ms(WallTime{-1}), "1969-12-31T23:59:59.999+0000");
}

TEST(ApiErrors, EveryKindIsInTheTable) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kUnknown); ++kind) {
    const ApiError error = from_error({static_cast<ErrorKind>(kind), "x"});
    EXPECT_GE(error.status, 431);
    EXPECT_LE(error.status, 536);
    EXPECT_EQ(error.text, "x");
  }
  EXPECT_EQ(from_error({ErrorKind::kUnavailable, ""}).status, 534);
  EXPECT_EQ(from_error({ErrorKind::kUnknown, ""}).status, 530);
}

}  // namespace
}  // namespace mold::manager::api
