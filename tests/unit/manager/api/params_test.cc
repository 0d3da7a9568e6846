#include "manager/api/params.h"

#include <gtest/gtest.h>

#include <limits>

#include "manager/api/paging.h"

namespace mold::manager::api {
namespace {

const std::vector<ParamSpec> kSpecs{
    {"id", ParamType::kUuid, kRequired, ""},        {"name", ParamType::kText, kOptional, "", 8},
    {"forced", ParamType::kBool, kOptional, ""},    {"count", ParamType::kInteger, kOptional, ""},
    {"ids", ParamType::kUuidList, kOptional, ""},   {"tags", ParamType::kList, kOptional, ""},
    {"details", ParamType::kMap, kOptional, ""},    {"startdate", ParamType::kDate, kOptional, ""},
    {"enddate", ParamType::kEndDate, kOptional, ""}};

const std::string kId = "8E40E8A1-0d5b-4f0e-9a52-2a1f1f4ad0c1";
const std::string kLowerId = "8e40e8a1-0d5b-4f0e-9a52-2a1f1f4ad0c1";

ApiResult<Params> read(std::map<std::string, std::string> given) {
  given.emplace("id", kId);
  return Params::read("stopVirtualMachine", kSpecs, given);
}

TEST(Params, MissingInTheWordsOfThePeers) {
  const auto params = Params::read("stopVirtualMachine", kSpecs, {});
  ASSERT_FALSE(params);
  EXPECT_EQ(params.error().status, 431);
  EXPECT_EQ(params.error().text,
            "Unable to execute API command stopvirtualmachine due to missing parameter id");
  EXPECT_FALSE(Params::read("stopVirtualMachine", kSpecs, {{"id", " "}}));
}

TEST(Params, SecretsAreNotRepeated) {
  const std::vector<ParamSpec> specs{{"password", ParamType::kText, kRequired, "", 8, kSecret}};
  const auto long_one = Params::read("x", specs, {{"password", "hunter2-hunter2"}});
  ASSERT_FALSE(long_one);
  EXPECT_EQ(long_one.error().text.find("hunter2"), std::string::npos) << long_one.error().text;
  EXPECT_NE(long_one.error().text.find("***"), std::string::npos);
  const auto fine = Params::read("x", specs, {{"password", "hunter2"}});
  ASSERT_TRUE(fine);
  EXPECT_EQ(fine->text("password"), "hunter2");
  EXPECT_EQ(fine->wrong("password", "no").text.find("hunter2"), std::string::npos);
}

TEST(Params, TypedValues) {
  const auto params = read({{"name", "web 1"},
                            {"forced", "TRUE"},
                            {"count", " 42 "},
                            {"ids", kId + ", " + kLowerId},
                            {"tags", "a, b,,c"},
                            {"startdate", "2024-05-22"},
                            {"enddate", "2024-05-22"},
                            {"unheard", "of"}});
  ASSERT_TRUE(params) << params.error().text;
  EXPECT_EQ(params->text("id"), kLowerId);
  EXPECT_EQ(params->text("name"), "web 1");
  EXPECT_EQ(params->flag("forced"), true);
  EXPECT_EQ(params->integer("count"), 42);
  EXPECT_EQ(params->list("ids"), (std::vector<std::string>{kLowerId, kLowerId}));
  EXPECT_EQ(params->list("tags"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(params->date("startdate"), WallTime{1'716'336'000'000});
  EXPECT_EQ(params->date("enddate"), WallTime{1'716'336'000'000 + 86'400'000 - 1});
}

TEST(Params, AbsentAndEmptyAreTheSame) {
  const auto params = read({{"name", ""}, {"count", ""}});
  ASSERT_TRUE(params);
  EXPECT_FALSE(params->has("name"));
  EXPECT_FALSE(params->integer("count"));
  EXPECT_TRUE(params->flag("forced", true));
  EXPECT_TRUE(params->list("ids").empty());
}

TEST(Params, BadValuesAre431) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"id", "7"},
      {"id", "8e40e8a1-0d5b-4f0e-9a52-2a1f1f4ad0c"},
      {"forced", "yes"},
      {"count", "4.5"},
      {"count", "0x10"},
      {"count", "99999999999999999999"},
      {"ids", kId + ",x"},
      {"name", "longer than 8"},
      {"startdate", "22.5.2024"},
      {"startdate", "2024-02-30"},
      {"details", "cpu=2"}};
  for (const auto& [name, value] : bad) {
    std::map<std::string, std::string> given{{"id", kId}};
    given[name] = value;
    const auto params = Params::read("stopVirtualMachine", kSpecs, given);
    ASSERT_FALSE(params) << name << "=" << value;
    EXPECT_EQ(params.error().status, 431);
    EXPECT_NE(params.error().text.find("Unable to execute API command stopvirtualmachine"),
              std::string::npos);
    EXPECT_NE(params.error().text.find(name), std::string::npos);
  }
}

TEST(Params, LongBadValuesAreShortened) {
  const auto params = read({{"count", std::string(100'000, '9')}});
  ASSERT_FALSE(params);
  EXPECT_LT(params.error().text.size(), 400U);
}

TEST(Params, MapsInBothForms) {
  const auto pairs = read({{"details[0].key", "cpu"},
                           {"details[0].value", "2"},
                           {"details[1].key", "memory"},
                           {"details[1].value", "4"}});
  ASSERT_TRUE(pairs);
  EXPECT_EQ(pairs->map("details"), (ParamMap{{"cpu", "2"}, {"memory", "4"}}));
  const auto plain = read({{"details[0].cpunumber", "2"}, {"details[0].memory", "4"}});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->map("details"), (ParamMap{{"cpunumber", "2"}, {"memory", "4"}}));
}

TEST(Params, MalformedMapsAre430) {
  for (const char* name :
       {"details[x].key", "details[0]", "details[0].", "details[", "details[0"}) {
    const auto params = read({{name, "1"}});
    ASSERT_FALSE(params) << name;
    EXPECT_EQ(params.error().status, 430) << name;
  }
}

TEST(Paging, BothOrNeither) {
  EXPECT_EQ(read_page(std::nullopt, std::nullopt)->limit, 500U);
  EXPECT_EQ(read_page(3, 20)->offset, 40U);
  EXPECT_EQ(read_page(3, 20)->limit, 20U);
  for (const auto& [page, size] :
       std::vector<std::pair<std::optional<std::int64_t>, std::optional<std::int64_t>>>{
           {1, std::nullopt},
           {std::nullopt, 20},
           {0, 20},
           {-1, 20},
           {1, 0},
           {1, 501},
           {1, -2},
           {std::numeric_limits<std::int64_t>::max(), 500}}) {
    const auto read = read_page(page, size);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().status, 431);
  }
}

TEST(Paging, MinusOneIsEverything) {
  const auto page = read_page(std::nullopt, -1);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->holds(0));
  EXPECT_TRUE(page->holds(1'000'000));
}

TEST(Paging, HoldsItsRows) {
  const auto page = read_page(2, 2);
  ASSERT_TRUE(page);
  EXPECT_FALSE(page->holds(1));
  EXPECT_TRUE(page->holds(2));
  EXPECT_TRUE(page->holds(3));
  EXPECT_FALSE(page->holds(4));
}

}  // namespace
}  // namespace mold::manager::api
