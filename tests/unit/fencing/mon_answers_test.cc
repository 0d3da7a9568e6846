// What monitors say, as they say it, and as they do not.
#include "fencing/ceph/mon_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/rng.h"

namespace mold::ceph {
namespace {

constexpr Duration kDay{std::int64_t{24} * 3'600'000};

template <class T>
ErrorKind kind_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? ErrorKind::kInternal : result.error().kind;
}

TEST(MonAnswers, ABlocklistIsReadByClients) {
  // 18.2 writes a second array behind it, with ranges.
  const auto list = parse_blocklist(
      R"([{"addr":"10.0.0.1:0/5","until":"2026-11-21T19:22:09.281763+0000"},)"
      R"({"addr":"10.0.0.2:0/0","until":"2026-11-21T19:22:09.281763+0000"}][{"range":"x"}])");
  ASSERT_TRUE(list) << list.error().text();
  EXPECT_EQ(list->size(), 1U) << "whole hosts are none of our business";
  EXPECT_EQ(list->at("10.0.0.1:0/5").ms, 1795288929000);
  EXPECT_TRUE(parse_blocklist("[]\n")->empty());
}

TEST(MonAnswers, OddOnesAreCorruptAndNothingIsThrown) {
  for (const char* const text :
       {"", "{}", "7", "[7]", "[[]]", R"([{"addr":7,"until":"x"}])", R"([{"until":"x"}])",
        R"([{"addr":null}])", R"([{"addr":"10.0.0.1:0/5","until":7}])",
        R"([{"addr":"10.0.0.1:0/5"}])", R"([{"addr":"10.0.0.1:0/5","until":{}}])",
        R"([{"addr":"10.0.0.1:0/5","until":"yesterday"}])", "[[[[", "]]]]", R"(["\)"})
    EXPECT_EQ(kind_of(parse_blocklist(text)), ErrorKind::kCorrupt) << text;
  for (const char* const text :
       {"", "{}", "[]", "[7]", R"([{"entity":7,"key":"k"}])", R"([{"entity":"client.h","key":7}])",
        R"([{"entity":"client.h"}])", R"([{"entity":"client.x","key":"k"}])",
        R"([{"entity":"client.h","key":"k","caps":[]}])",
        R"([{"entity":"client.h","key":"k","caps":{"mon":7}}])"})
    EXPECT_EQ(kind_of(parse_user(text, "h")), ErrorKind::kCorrupt) << text;
  for (const char* const text : {"", "[]", "{}", R"({"pools":7})"})
    EXPECT_EQ(kind_of(parse_space(text, "vms")), ErrorKind::kCorrupt) << text;
}

TEST(MonAnswers, AUserIsReadWithItsCaps) {
  const auto user =
      parse_user(R"([{"entity":"client.h","key":"AQ==","caps":{"mon":"allow r"}}])", "h");
  ASSERT_TRUE(user) << user.error().text();
  EXPECT_EQ(user->key.reveal(), "AQ==");
  EXPECT_EQ(user->caps, (Caps{{"mon", "allow r"}}));
  EXPECT_TRUE(parse_user(R"([{"entity":"client.h","key":"AQ=="}])", "h")->caps.empty());
}

TEST(MonAnswers, SpaceThatIsNotToldIsNotKnown) {
  const auto free_of = [](const std::string& pools) {
    return parse_space(R"({"pools":[)" + pools + "]}", "vms").value_or(PoolSpace{1, 1}).free_bytes;
  };
  EXPECT_EQ(free_of(R"({"name":"vms","stats":{"max_avail":10,"stored":5}})"), 10U);
  EXPECT_EQ(free_of(R"({"name":"x","stats":{"max_avail":10}})"), 0U);
  for (const char* const odd :
       {R"({"name":7,"stats":{"max_avail":10}})", R"({"name":"vms"})",
        R"({"name":"vms","stats":7})", R"({"name":"vms","stats":{"max_avail":"10"}})",
        R"({"name":"vms","stats":{"max_avail":-1,"stored":5}})",
        R"({"name":"vms","stats":{"max_avail":18446744073709551615,"stored":1}})"})
    EXPECT_EQ(free_of(odd), 0U) << odd;
}

TEST(MonAnswers, AnEntryLastsWhileHalfIsLeft) {
  const WallTime now{1'795'000'000'000};
  const auto in = [&](Duration time) { return WallTime{now.ms + time.count()}; };
  EXPECT_TRUE(lasts(in(365 * kDay), now, 365 * kDay));
  EXPECT_TRUE(lasts(in(183 * kDay), now, 365 * kDay));
  EXPECT_TRUE(lasts(in(90 * kDay), now, 180 * kDay));
  EXPECT_FALSE(lasts(in(89 * kDay), now, 180 * kDay));
  EXPECT_FALSE(lasts(in(Duration{3'600'000}), now, 180 * kDay)) << "as librbd lists";
  EXPECT_TRUE(lasts(in(90 * kDay - Duration{3'000'000}), now, 180 * kDay)) << "clocks differ";
  EXPECT_TRUE(lasts(in(Duration{200'000}), now, Duration{600'000}));
  EXPECT_FALSE(lasts(in(Duration{100'000}), now, Duration{600'000}));
  EXPECT_FALSE(lasts(in(Duration{-1}), now, Duration{1'000}));
}

TEST(MonAnswers, AnyBytesGiveAnAnswer) {
  const std::string whole =
      R"([{"addr":"10.0.0.1:0/5","until":"2026-11-21T19:22:09.281763+0000"}][])";
  Rng rng(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole;
    for (std::uint64_t i = 0; i <= rng.below(3); ++i)
      text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    (void)parse_blocklist(text);
    (void)parse_user(text, "h");
    (void)parse_space(text, "vms");
  }
}

}  // namespace
}  // namespace mold::ceph
