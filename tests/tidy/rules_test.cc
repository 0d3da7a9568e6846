// Every rule is shown something bad, which it must catch, and something good, which it must not.
#include "tests/tidy/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mold::tidy {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SourceFile source(const std::string& path, const std::string& text) {
  return make_source(path, text);
}

TEST(SourceFile, BlanksCommentsAndTextsButKeepsCode) {
  const auto file = source("core/a.cc",
                           "int a; // rand()\n"
                           "const char* b = \"rand() \\\" rand()\";  int c = 1'000;\n"
                           "/* rand(\n rand() */ int d;\n"
                           "auto e = R\"(rand(\n) rand()\"; int f;\n");
  EXPECT_EQ(file.code[0].substr(0, 6), "int a;");
  for (const auto& line : file.code) EXPECT_EQ(line.find("rand"), std::string::npos) << line;
  EXPECT_THAT(file.code[1], HasSubstr("int c = 1'000;"));
  EXPECT_THAT(file.code[3], HasSubstr("int d;"));
}

TEST(Floors, RoomsDoNotIncludeOneAnother) {
  EXPECT_THAT(check_floors(source("manager/a.cc", "#include \"fencing/x.h\"\n")), SizeIs(1));
  EXPECT_THAT(check_floors(source("agentd/a.h", "#include \"manager/x.h\"\n")), SizeIs(1));
  EXPECT_THAT(check_floors(source("hactl/a.cc", "#include \"core/engine/brain.h\"\n")), SizeIs(1));
  EXPECT_THAT(check_floors(source("agentd/a.cc", "#include \"b.h\"\n")), SizeIs(1));
  EXPECT_THAT(check_floors(source("manager/a.cc", "#include \"lib/wire/x.h\"\n#include <map>\n")),
              IsEmpty());
}

TEST(Floors, ArrowsGoDownOnly) {
  EXPECT_THAT(check_floors(source("core/a.cc", "#include \"lib/runtime/event_loop.h\"\n")),
              SizeIs(1));
  EXPECT_THAT(check_floors(source("lib/base/a.h", "#include \"core/a.h\"\n")), SizeIs(1));
  EXPECT_THAT(check_floors(source("lib/runtime/a.h", "#include \"core/a.h\"\n")), SizeIs(1));
  EXPECT_THAT(check_floors(source("lib/wire/a.h", "#include \"lib/runtime/a.h\"\n")), SizeIs(1));
  EXPECT_THAT(
      check_floors(source("core/a.cc", "#include \"core/b.h\"\n#include \"lib/base/x.h\"\n")),
      IsEmpty());
}

TEST(Floors, RootsMayWireButNotReachIntoTests) {
  EXPECT_THAT(check_floors(source("manager/main.cc", "#include \"fencing/driver.h\"\n")),
              IsEmpty());
  EXPECT_THAT(check_floors(source("manager/main.cc", "#include \"tests/sim/world.h\"\n")),
              SizeIs(1));
}

TEST(Json, StaysInCodecs) {
  const std::string include = "#include <nlohmann/json.hpp>\n";
  EXPECT_THAT(check_json_stays_in_codecs(source("core/a.cc", include)), SizeIs(1));
  EXPECT_THAT(check_json_stays_in_codecs(source("lib/runtime/a.cc", include)), SizeIs(1));
  EXPECT_THAT(check_json_stays_in_codecs(source("lib/wire/a.h", include)), SizeIs(1));
  EXPECT_THAT(check_json_stays_in_codecs(source("lib/wire/a.cc", include)), IsEmpty());
  EXPECT_THAT(
      check_json_stays_in_codecs(source("lib/wire/a.h", "#include <nlohmann/json_fwd.hpp>\n")),
      IsEmpty());
}

TEST(Core, IsPure) {
  for (const std::string bad :
       {"auto t = std::chrono::steady_clock::now();", "int r = rand();", "getenv(\"A\");",
        "std::unordered_map<int, int> m;", "std::thread t;", "sleep(1);", "#include <iostream>"}) {
    EXPECT_THAT(check_core_is_pure(source("core/a.cc", bad + "\n")), SizeIs(1)) << bad;
    EXPECT_THAT(check_core_is_pure(source("agentd/a.cc", bad + "\n")), IsEmpty()) << bad;
  }
  EXPECT_THAT(check_core_is_pure(source("core/a.cc", "int operand(int); int brand();\n")),
              IsEmpty());
}

TEST(Core, HasNoDefaultInSwitches) {
  EXPECT_THAT(check_no_default_in_core(source("core/a.cc", "    default: break;\n")), SizeIs(1));
  EXPECT_THAT(check_no_default_in_core(source("core/a.h", "  A() = default;  // default: none\n")),
              IsEmpty());
}

TEST(BannedCalls, AreCaughtInEveryRoom) {
  for (const std::string bad : {"system(\"ls\");", "FILE* f = popen(a, b);", "strcpy(a, b);",
                                "sprintf(a, b);", "int a = atoi(b);", "int a = std::stoi(b);"}) {
    EXPECT_THAT(check_banned_calls(source("manager/a.cc", bad + "\n")), SizeIs(1)) << bad;
  }
  EXPECT_THAT(
      check_banned_calls(source("manager/a.cc", "snprintf(a, n, b); file_system(); x.system();\n")),
      IsEmpty());
}

TEST(Sizes, OfLinesFilesAndFunctions) {
  EXPECT_THAT(check_sizes(source("core/a.cc", std::string(101, 'a') + "\n")), SizeIs(1));
  EXPECT_THAT(check_sizes(source("core/a.cc", std::string(100, 'a') + "\n")), IsEmpty());
  std::string longer;
  for (int i = 0; i < 601; ++i) longer += "int a;\n";
  EXPECT_THAT(check_sizes(source("core/a.cc", longer)), SizeIs(1));
  std::string function = "int f() {\n";
  for (int i = 0; i < 79; ++i) function += "  work();\n";
  const auto problems = check_sizes(source("core/a.cc", "namespace a {\n\n" + function + "}\n"));
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(problems[0].line, 3U);
}

TEST(Headers, HaveAGuardAndAStory) {
  EXPECT_THAT(check_header_form(source("core/a.h", "#pragma once\n// Why.\n")), IsEmpty());
  EXPECT_THAT(check_header_form(source("core/a.h", "// Why.\n#include <map>\n")), SizeIs(1));
  EXPECT_THAT(check_header_form(source("core/a.h", "#pragma once\n#include <map>\n")), SizeIs(1));
}

TEST(LooseEnds, AreCaughtEverywhere) {
  const std::string word = std::string("TO") + "DO";
  EXPECT_THAT(check_no_loose_ends(source("docs/a.md", word + ": later\n")), SizeIs(1));
  EXPECT_THAT(check_no_loose_ends(source("core/a.cc", "// " + word + "(me)\n")), SizeIs(1));
}

TEST(StandsAlone, NoWorkplaceIsNamed) {
  EXPECT_THAT(check_stands_alone(source("dev", std::string("cd /work") + "/shared\n")), SizeIs(1));
  EXPECT_THAT(check_stands_alone(source("a.md", std::string("see the po") + "c\n")), SizeIs(1));
  EXPECT_THAT(check_stands_alone(source("a.md", "see /proc and epoch\n")), IsEmpty());
}

TEST(Tree, GoldenCasesSayWhatTheyShow) {
  EXPECT_THAT(check_golden_readmes({source("tests/golden/x/1/expect", "")}), SizeIs(1));
  EXPECT_THAT(check_golden_readmes({source("tests/golden/x/1/expect", ""),
                                    source("tests/golden/x/1/README", "why")}),
              IsEmpty());
}

TEST(Tree, EverySourceIsBuilt) {
  const auto cmake = source("core/CMakeLists.txt", "add_library(x a.cc)\n");
  EXPECT_THAT(check_sources_are_built({cmake, source("core/a.cc", "")}), IsEmpty());
  EXPECT_THAT(check_sources_are_built({cmake, source("core/forgotten.cc", "")}), SizeIs(1));
}

TEST(Problem, NamesFileLineRuleAndWhatToDo) {
  const auto problems = check_banned_calls(source("core/a.cc", "\nint a = atoi(b);\n"));
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_EQ(to_text(problems[0]), "core/a.cc:2: [banned-call] 'atoi(': parse_number()");
}

}  // namespace
}  // namespace mold::tidy
