#include "manager/api/dates.h"

#include <gtest/gtest.h>

namespace mold::manager::api {
namespace {

constexpr std::int64_t kNine = 1'716'368'400'000;  // 2024-05-22T09:00:00Z

TEST(Dates, Zoned) {
  EXPECT_EQ(parse_zoned_time("2024-05-22T09:00:00+0000"), WallTime{kNine});
  EXPECT_EQ(parse_zoned_time("2024-05-22T09:00:00Z"), WallTime{kNine});
  EXPECT_EQ(parse_zoned_time("2024-05-22T18:00:00+09:00"), WallTime{kNine});
  EXPECT_EQ(parse_zoned_time("2024-05-22T04:30:00.250-0430"), WallTime{kNine + 250});
  for (const char* bad :
       {"", "2024-05-22", "2024-05-22T09:00:00", "2024-05-22 09:00:00+0000", "2024-13-22T09:00:00Z",
        "2024-05-22T25:00:00Z", "2024-05-22T09:00:00+9", "2024-05-22T09:00:00+9900",
        "x024-05-22T09:00:00Z", "2024-05-22T09:00:00Zjunk"}) {
    EXPECT_FALSE(parse_zoned_time(bad).has_value()) << bad;
  }
}

TEST(Dates, Parameters) {
  EXPECT_EQ(parse_date("2024-05-22 09:00:00", false), WallTime{kNine});
  EXPECT_EQ(parse_date("2024-05-22T09:00:00", false), WallTime{kNine});
  EXPECT_EQ(parse_date("2024-05-22T18:00:00+0900", false), WallTime{kNine});
  EXPECT_EQ(parse_date("2024-05-22", false), WallTime{kNine - 9 * 3'600'000});
  EXPECT_EQ(parse_date("2024-05-22", true), WallTime{kNine + 15 * 3'600'000 - 1});
  EXPECT_EQ(parse_date("1999-02-29", false), std::nullopt);
  EXPECT_EQ(parse_date("22/05/2024", false), std::nullopt);
}

}  // namespace
}  // namespace mold::manager::api
