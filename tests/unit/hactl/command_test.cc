// The command line: dispatch, usage errors, and that every command is documented everywhere.
#include "hactl/command.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "hactl/details.h"
#include "hactl/run.h"
#include "lib/base/text.h"

namespace mold::hactl {
namespace {

std::string house_file(const std::string& path) {
  std::ifstream stream(std::string(MOLD_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

ExitCode quietly(const std::vector<std::string>& words, std::string* err = nullptr) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const ExitCode code = run(words);
  std::fflush(stdout);
  ::testing::internal::GetCapturedStdout();
  const std::string text = ::testing::internal::GetCapturedStderr();
  if (err != nullptr) *err = text;
  return code;
}

TEST(Commands, TheLongestNameWins) {
  EXPECT_EQ(find_command({"host", "list"})->name, "host list");
  EXPECT_EQ(find_command({"events", "--follow"})->name, "events");
  EXPECT_EQ(find_command({"host"}), nullptr);
  EXPECT_EQ(find_command({"host", "lost"}), nullptr);
  EXPECT_EQ(find_command({"host", "power", "h1", "off"})->name, "host power");
  EXPECT_EQ(find_command({"host", "power", "change-password", "h1"})->name,
            "host power change-password");
  EXPECT_EQ(find_command({}), nullptr);
}

TEST(Commands, NamesAreUnique) {
  std::set<std::string> names;
  for (const Command& command : command_table()) EXPECT_TRUE(names.insert(command.name).second);
}

TEST(Commands, HelpIsThereForEachAndIsNoError) {
  EXPECT_EQ(quietly({"--help"}), ExitCode::kOk);
  EXPECT_EQ(quietly({"host", "--help"}), ExitCode::kOk);
  for (const Command& command : command_table()) {
    auto words = split(command.name, ' ');
    words.emplace_back("--help");
    EXPECT_EQ(quietly(words), ExitCode::kOk) << command.name;
  }
}

TEST(Commands, OptionsMayStandInFront) {
  EXPECT_EQ(quietly({"-o", "json", "host", "list", "--help"}), ExitCode::kOk);
  EXPECT_EQ(quietly({"--colour=never", "-y", "status", "-h"}), ExitCode::kOk);
  EXPECT_EQ(quietly({"-o"}), ExitCode::kUsage);
}

TEST(Commands, WrongUsageSaysWhatIsWrong) {
  std::string err;
  EXPECT_EQ(quietly({}, &err), ExitCode::kUsage);
  EXPECT_EQ(quietly({"hots", "list"}, &err), ExitCode::kUsage);
  EXPECT_NE(err.find("hots"), std::string::npos);
  EXPECT_EQ(quietly({"host", "show"}, &err), ExitCode::kUsage);
  EXPECT_NE(err.find("usage: hactl host show HOST"), std::string::npos);
  EXPECT_EQ(quietly({"host", "show", "a", "b"}), ExitCode::kUsage);
  EXPECT_EQ(quietly({"status", "--frobnicate"}, &err), ExitCode::kUsage);
  EXPECT_NE(err.find("frobnicate"), std::string::npos);
  EXPECT_EQ(quietly({"status", "-o", "yaml"}), ExitCode::kUsage);
  EXPECT_EQ(quietly({"api", "listHosts", "novalue"}), ExitCode::kUsage);
  EXPECT_EQ(quietly({"host", "power", "h1", "explode"}), ExitCode::kUsage);
  EXPECT_EQ(quietly({"host", "confirm-dead", "h1"}, &err), ExitCode::kUsage);
  EXPECT_NE(err.find("--reason"), std::string::npos);
  EXPECT_EQ(quietly({"fence", "device", "add", "h1"}, &err), ExitCode::kUsage);
  EXPECT_NE(err.find("--driver"), std::string::npos);
  EXPECT_EQ(quietly({"fence", "device", "remove"}), ExitCode::kUsage);
}

TEST(Details, AreNameAndValue) {
  Params params;
  EXPECT_TRUE(add_details(params, {"h1", "system=1", "tls.verify=", "a=b=c"}, 1));
  EXPECT_EQ(params["details[0].key"], "system");
  EXPECT_EQ(params["details[0].value"], "1");
  EXPECT_EQ(params["details[1].value"], "");
  EXPECT_EQ(params["details[2].value"], "b=c");
  EXPECT_FALSE(add_details(params, {"system"}, 0));
  EXPECT_FALSE(add_details(params, {"=1"}, 0));
  EXPECT_EQ(usual_port("redfish"), "443");
  EXPECT_EQ(usual_port("ipmitool"), "623");
}

TEST(Commands, ManPageAndCompletionKnowThemAll) {
  const std::string man = house_file("packaging/man/hactl.1");
  const std::string completion = house_file("packaging/completion/hactl");
  for (const Command& command : command_table()) {
    EXPECT_NE(man.find("hactl " + command.name), std::string::npos) << command.name;
    for (const std::string& word : split(command.name, ' ')) {
      EXPECT_NE(completion.find(word), std::string::npos) << word;
    }
    for (const auto& option : command.options) {
      EXPECT_NE(completion.find("--" + option.name), std::string::npos) << option.name;
    }
  }
}

TEST(ExitCodes, FollowTheKindOfError) {
  EXPECT_EQ(exit_code(ErrorKind::kInvalid), ExitCode::kUsage);
  EXPECT_EQ(exit_code(ErrorKind::kNotFound), ExitCode::kNotFound);
  EXPECT_EQ(exit_code(ErrorKind::kUnavailable), ExitCode::kUnreachable);
  EXPECT_EQ(exit_code(ErrorKind::kUnknown), ExitCode::kUnreachable);
  EXPECT_EQ(exit_code(ErrorKind::kDenied), ExitCode::kDenied);
  EXPECT_EQ(exit_code(ErrorKind::kConflict), ExitCode::kJobFailed);
  EXPECT_EQ(exit_code(ErrorKind::kTimeout), ExitCode::kStillRunning);
  EXPECT_EQ(exit_code(ErrorKind::kInternal), ExitCode::kFailed);
}

}  // namespace
}  // namespace mold::hactl
