#include "manager/api/dates.h"

#include <chrono>
#include <cstdint>
#include <string>

#include "lib/base/text.h"

namespace mold::manager::api {
namespace {

bool all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t length) {
  if (at + length > text.size() || !all_digits(text.substr(at, length))) return std::nullopt;
  return parse_number<int>(text.substr(at, length));
}

// "2024-05-22"
std::optional<std::int64_t> day_ms(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::int64_t{std::chrono::sys_days{date}.time_since_epoch().count()} * 86'400'000;
}

// "09:00:00" or "09:00:00.123"
std::optional<std::int64_t> clock_ms(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return std::nullopt;
  const auto hour = digits(text, 0, 2);
  const auto minute = digits(text, 3, 2);
  const auto second = digits(text, 6, 2);
  if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  int milliseconds = 0;
  if (text.size() != 8) {
    const auto fraction = digits(text, 9, 3);
    if (text.size() != 12 || text[8] != '.' || !fraction) return std::nullopt;
    milliseconds = *fraction;
  }
  return ((std::int64_t{*hour} * 60 + *minute) * 60 + *second) * 1000 + milliseconds;
}

// "Z", "+0900", "+09:00"; the offset that is to be subtracted.
std::optional<std::int64_t> zone_ms(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const bool colon = text.size() == 6 && text[3] == ':';
  if (!colon && text.size() != 5) return std::nullopt;
  const auto hours = digits(text, 1, 2);
  const auto minutes = digits(text, colon ? 4 : 3, 2);
  if (!hours || !minutes || *hours > 14 || *minutes > 59) return std::nullopt;
  const std::int64_t offset = (std::int64_t{*hours} * 60 + *minutes) * 60'000;
  return text[0] == '-' ? -offset : offset;
}

std::optional<WallTime> joined(std::string_view day, std::string_view clock,
                               std::string_view zone) {
  const auto days = day_ms(day);
  const auto time = clock_ms(clock);
  const auto offset = zone_ms(zone);
  if (!days || !time || !offset) return std::nullopt;
  return WallTime{*days + *time - *offset};
}

}  // namespace

std::optional<WallTime> parse_zoned_time(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T') return std::nullopt;
  const std::string_view rest = text.substr(11);
  // A '+' that was not encoded arrives as a space.
  std::string fixed(rest);
  if (const std::size_t space = fixed.find(' '); space != std::string::npos) fixed[space] = '+';
  const std::size_t zone = fixed.find_first_of("Zz+-");
  if (zone == std::string::npos) return std::nullopt;
  const std::string_view view = fixed;
  return joined(text.substr(0, 10), view.substr(0, zone), view.substr(zone));
}

std::optional<WallTime> parse_date(std::string_view text, bool end_of_day) {
  if (text.size() == 10) {
    const auto days = day_ms(text);
    if (!days) return std::nullopt;
    return WallTime{*days + (end_of_day ? 86'400'000 - 1 : 0)};
  }
  if (text.size() > 10 && (text[10] == ' ' || text[10] == 'T')) {
    if (auto plain = joined(text.substr(0, 10), text.substr(11), "Z")) return plain;
  }
  return parse_zoned_time(text);
}

}  // namespace mold::manager::api
