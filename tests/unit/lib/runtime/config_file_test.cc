#include "lib/runtime/config_file.h"

#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

std::vector<OptionSpec> options() {
  return {{"host.name", "h0", "name of this host"},
          {"beat.interval", "1s", "time between beats"},
          {"pools", "", "pools, comma separated"},
          {"limit", "5", "a number"},
          {"password", "", "a secret"},
          {.name = "verbose",
           .default_value = "false",
           .help = "say more",
           .is_flag = true,
           .short_name = 'v'},
          {.name = "config", .default_value = "", .help = "file", .command_line_only = true}};
}

TEST(Duration, ReadsUnitsAndRefusesBareNumbers) {
  EXPECT_EQ(must(parse_duration("500ms")), 500ms);
  EXPECT_EQ(must(parse_duration(" 10 s ")), 10s);
  EXPECT_EQ(must(parse_duration("2min")), 120s);
  EXPECT_EQ(must(parse_duration("1h")), 3600s);
  EXPECT_EQ(must(parse_duration("1d")).count(), 86'400'000);
  EXPECT_EQ(must(parse_duration("0")), 0ms);
  for (const auto* bad : {"", "10", "s", "-1s", "1.5s", "10 sec", "1m", "99999999999999999d",
                          "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Duration, FormatsTheShortestExactForm) {
  EXPECT_EQ(format_duration(0ms), "0ms");
  EXPECT_EQ(format_duration(1500ms), "1500ms");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(120s), "2min");
}

TEST(Config, LaterSourcesWinAndTheOriginIsKept) {
  const TempDir dir;
  EXPECT_OK(
      write_file_atomic(dir.file("main.conf"),
                        "# comment\nhost.name = file\n\n; other\nbeat.interval=2s\nlimit=1\n"));
  EXPECT_OK(make_dir(dir.file("conf.d")));
  EXPECT_OK(write_file_atomic(dir.file("conf.d/20.conf"), "limit=20\n"));
  EXPECT_OK(write_file_atomic(dir.file("conf.d/10.conf"), "limit=10\nbeat.interval=3s\n"));
  EXPECT_OK(write_file_atomic(dir.file("conf.d/30.conf.bak"), "nonsense\n"));
  ::setenv("MOLDTEST_POOLS", "p1, p2,,", 1);
  ConfigSources sources;
  sources.file = dir.file("main.conf");
  sources.directory = dir.file("conf.d");
  sources.environment_prefix = "MOLDTEST_";
  sources.arguments = {"start", "--host.name=cli", "-v", "now"};
  const Config config = must(Config::load(options(), sources));
  EXPECT_EQ(config.text("host.name"), "cli");
  EXPECT_EQ(config.origin("host.name"), "command line");
  EXPECT_EQ(must(config.integer("limit", 0, 100)), 20);
  EXPECT_EQ(config.origin("limit"), dir.file("conf.d/20.conf") + ":1");
  EXPECT_EQ(must(config.duration("beat.interval", 1ms, 1min)), 3s);
  EXPECT_EQ(config.origin("beat.interval"), dir.file("conf.d/10.conf") + ":2");
  EXPECT_EQ(config.list("pools"), (std::vector<std::string>{"p1", "p2"}));
  EXPECT_EQ(config.origin("pools"), "environment MOLDTEST_POOLS");
  EXPECT_TRUE(must(config.boolean("verbose")));
  EXPECT_EQ(config.positional(), (std::vector<std::string>{"start", "now"}));
  EXPECT_TRUE(config.is_default("password"));
  ::unsetenv("MOLDTEST_POOLS");
}

TEST(Config, NamesEveryProblemWithFileAndLine) {
  const TempDir dir;
  const std::string file = dir.file("main.conf");
  EXPECT_OK(write_file_atomic(file, "limit=1\nhost.nam=x\nnonsense\nlimit=2\nconfig=x\n"));
  ConfigSources sources;
  sources.file = file;
  sources.arguments = {"--unknown=1"};
  const auto config = Config::load(options(), sources);
  ASSERT_FALSE(config);
  const std::string& text = config.error().what;
  EXPECT_EQ(config.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(text.find(file + ":2: unknown setting 'host.nam'"), std::string::npos) << text;
  EXPECT_NE(text.find(file + ":3: not of the form"), std::string::npos) << text;
  EXPECT_NE(text.find(file + ":4: 'limit' was set before at " + file + ":1"), std::string::npos);
  EXPECT_NE(text.find(file + ":5: unknown setting 'config'"), std::string::npos) << text;
  EXPECT_NE(text.find("command line: "), std::string::npos) << text;
}

TEST(Config, MayTolerateForeignKeysAndMissingFiles) {
  const TempDir dir;
  EXPECT_OK(write_file_atomic(dir.file("agent.properties"), "guid=1\nhost.name=a\n"));
  ConfigSources sources;
  sources.file = dir.file("agent.properties");
  sources.lenient_files = true;
  const Config config = must(Config::load(options(), sources));
  EXPECT_EQ(config.text("host.name"), "a");
  EXPECT_EQ(config.warnings().size(), 1U);
  sources.file = dir.file("none");
  EXPECT_EQ(Config::load(options(), sources).error().kind, ErrorKind::kNotFound);
  sources.file_optional = true;
  EXPECT_OK(Config::load(options(), sources));
}

// Who ends with 2 is not started again: not over a disk that was away for a moment.
TEST(Config, WhatCouldNotBeReadIsNotCalledWrong) {
  ConfigSources sources;
  sources.file = "/proc/self/mem";  // EIO
  const auto unread = Config::load({}, sources);
  ASSERT_FALSE(unread);
  EXPECT_EQ(settings_exit_code(unread.error()), 1) << unread.error().text();
  sources.file = "/nonexistent/file";
  EXPECT_EQ(settings_exit_code(Config::load({}, sources).error()), 2);
  sources.file.clear();
  sources.arguments = {"--unheard-of"};
  EXPECT_EQ(settings_exit_code(Config::load({}, sources).error()), 2);
}

TEST(Config, KeepsHashesAndEqualsInsideValues) {
  const TempDir dir;
  EXPECT_OK(write_file_atomic(dir.file("f"), "password = a#b=c;d \n"));
  ConfigSources sources;
  sources.file = dir.file("f");
  EXPECT_EQ(must(Config::load(options(), sources)).text("password"), "a#b=c;d");
}

TEST(Config, BadValuesNameTheirOrigin) {
  ConfigSources sources;
  sources.arguments = {"--limit", "x", "--beat.interval", "10"};
  const Config config = must(Config::load(options(), sources));
  EXPECT_EQ(config.integer("limit", 0, 9).error().what,
            "command line: limit=x: not a whole number");
  EXPECT_FALSE(config.duration("beat.interval", 0ms, 60min));
  sources.arguments = {"--limit=10"};
  EXPECT_EQ(must(Config::load(options(), sources)).integer("limit", 0, 9).error().what,
            "command line: limit=10: must be from 0 to 9");
}

TEST(Config, DoesNotGuessAbbreviations) {
  ConfigSources sources;
  sources.arguments = {"--host=x"};
  EXPECT_FALSE(Config::load(options(), sources));
}

TEST(Config, HelpListsEveryOption) {
  const std::string help = options_help(options());
  EXPECT_NE(help.find("--beat.interval=VALUE"), std::string::npos);
  EXPECT_NE(help.find("-v, --verbose"), std::string::npos);
  EXPECT_NE(help.find("time between beats [1s]"), std::string::npos);
}

}  // namespace
}  // namespace mold::runtime
