// What people see.
#include "hactl/output.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "hactl/commands/rows.h"
#include "hactl/json.h"

namespace mold::hactl {
namespace {

std::string captured(void (*print)(const Output&), const Output& out) {
  ::testing::internal::CaptureStdout();
  print(out);
  std::fflush(stdout);
  return ::testing::internal::GetCapturedStdout();
}

TEST(Output, ColumnsFitAlsoBeyondAscii) {
  const Output out(false, ColourMode::kNever);
  EXPECT_EQ(captured(
                [](const Output& o) {
                  o.table({"HOST", "WHY"}, {{{"서울"}, {"a"}}, {{"h1-long"}, {"b"}}});
                },
                out),
            "HOST     WHY\n서울       a\nh1-long  b\n");
}

TEST(Output, ColoursOnlyWhenAsked) {
  const auto print = [](const Output& o) { o.line("Up", Tone::kGood); };
  EXPECT_EQ(captured(print, Output(false, ColourMode::kNever)), "Up\n");
  EXPECT_EQ(captured(print, Output(false, ColourMode::kAuto)), "Up\n") << "stdout is no terminal";
  EXPECT_EQ(captured(print, Output(false, ColourMode::kAlways)), "\x1b[32mUp\x1b[0m\n");
}

TEST(Output, WhatAGuestIsCalledCannotPaintTheScreen) {
  const Output out(false, ColourMode::kNever);
  const auto text = captured([](const Output& o) { o.line("a\x1b[2Jb\nc"); }, out);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(Rows, AHostWhoseSilenceProvesNothingIsWarnedOf) {
  const auto host = [](const char* text) { return *parse_json(text); };
  EXPECT_EQ(host_warnings({host(R"({"name":"h2","leasewarning":"not armed on pool1"})"),
                           host(R"({"name":"h1"})")}),
            std::vector<std::string>{"warning: h2: not armed on pool1"});
}

TEST(Output, TimesAreLocalAndKeepTheirMilliseconds) {
  ::setenv("TZ", "KST-9", 1);
  ::tzset();
  EXPECT_EQ(local_time("2026-05-22T00:00:00+0000"), "2026-05-22 09:00:00");
  EXPECT_EQ(local_time("2026-05-22T09:00:00+0900"), "2026-05-22 09:00:00");
  EXPECT_EQ(local_time("2026-05-22T00:00:00.123+0000"), "2026-05-22 09:00:00.123");
  EXPECT_EQ(local_time("yesterday"), "yesterday");
}

TEST(Output, Sizes) {
  EXPECT_EQ(size_text(0), "-");
  EXPECT_EQ(size_text(512), "512 B");
  EXPECT_EQ(size_text(1536), "1.5 KiB");
  EXPECT_EQ(size_text(25LL * 1024 * 1024 * 1024), "25.0 GiB");
}

}  // namespace
}  // namespace mold::hactl
