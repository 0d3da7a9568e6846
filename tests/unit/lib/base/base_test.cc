// lib/base: text, errors, secrets, randomness.
#include <gtest/gtest.h>

#include <cerrno>
#include <limits>

#include "lib/base/bounded_queue.h"
#include "lib/base/ids.h"
#include "lib/base/result.h"
#include "lib/base/rng.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/base/time.h"

namespace mold {
namespace {

TEST(Text, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("-1"), -1);
  for (const char* bad : {"", " 1", "1 ", "1x", "0x10", "+1", "99999999999999999999"})
    EXPECT_FALSE(parse_number<int>(bad).has_value()) << bad;
  EXPECT_FALSE(parse_number<std::uint64_t>("-1").has_value());
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(Text, SplitTrimHexUuid) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), std::vector<std::string>{""});
  EXPECT_EQ(trim("\t x y \r\n"), "x y");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(hex_encode(std::string("\0\xff\x10", 3)), "00ff10");
  EXPECT_EQ(hex_decode("00fF10"), std::string("\0\xff\x10", 3));
  EXPECT_FALSE(hex_decode("0").has_value());
  EXPECT_FALSE(hex_decode("0g").has_value());
  EXPECT_TRUE(is_uuid("123e4567-e89b-12d3-a456-426614174000"));
  EXPECT_FALSE(is_uuid("123e4567-e89b-12d3-a456-42661417400"));
  EXPECT_FALSE(is_uuid("123e4567ae89b-12d3-a456-426614174000"));
  EXPECT_TRUE(iequals("ApiKey", "apikey"));
}

TEST(Errors, KeepTheirKindAndSayWhatWasTried) {
  const Error error = errno_error(ENOENT, "opening x");
  EXPECT_EQ(error.kind, ErrorKind::kNotFound);
  EXPECT_EQ(error.context("loading").kind, ErrorKind::kNotFound);
  EXPECT_EQ(error.context("loading").what.rfind("loading: opening x", 0), 0U);
  const auto twice = [](Result<int> value) -> Result<int> {
    MOLD_TRY(const int one, std::move(value));
    return one * 2;
  };
  EXPECT_EQ(*twice(21), 42);
  EXPECT_EQ(twice(fail(ErrorKind::kBusy, "full")).error().kind, ErrorKind::kBusy);
}

TEST(Secrets, CompareAndWipe) {
  Secret secret("hunter2");
  EXPECT_EQ(secret, Secret("hunter2"));
  EXPECT_FALSE(secret == Secret("hunter3"));
  const Secret moved = std::move(secret);
  EXPECT_EQ(moved.reveal(), "hunter2");
  std::string text = "abc";
  wipe(text);
  EXPECT_TRUE(text.empty());
}

TEST(Randomness, ASeedNamesARun) {
  Rng a(7);
  Rng b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  Rng c(8);
  EXPECT_NE(a.next(), c.next());
  for (int i = 0; i < 1000; ++i) {
    const auto v = c.between(-3, 3);
    EXPECT_GE(v, -3);
    EXPECT_LE(v, 3);
  }
}

TEST(Queue, AFullOneRefusesVisibly) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.push(1));
  EXPECT_TRUE(queue.push(2));
  EXPECT_FALSE(queue.push(3));
  EXPECT_EQ(queue.refused(), 1U);
  EXPECT_EQ(queue.pop(), 1);
}

TEST(Ids, OnlyGrow) {
  EXPECT_EQ(next(Epoch{4}), Epoch{5});
  EXPECT_FALSE(bool(HostId{}));
}

}  // namespace
}  // namespace mold
