// fence_mold as a cluster sees it: options in, exit code out, over a power driver of the test's
// own.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fencing/fence_mold/fencer.h"
#include "fencing/fence_mold/metadata.h"
#include "fencing/fence_mold/options.h"
#include "fencing/fence_mold/run.h"
#include "fencing/fence_mold/secrets.h"
#include "fencing/fence_mold/settings.h"

namespace mold::fence_mold {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

TEST(FenceMoldContract, NothingThatFailedEndsWellAndNoStatusIsTakenForOff) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::kUnknown); ++kind) {
    const auto error = static_cast<ErrorKind>(kind);
    for (const auto action : {Action::kOn, Action::kOff, Action::kReboot, Action::kStatus,
                              Action::kMonitor, Action::kList, Action::kValidateAll}) {
      EXPECT_NE(exit_of(action, error), Exit::kOk);
    }
    EXPECT_NE(exit_of(Action::kStatus, error), Exit::kOffOrBadArguments);
    EXPECT_NE(exit_of(std::nullopt, error), Exit::kOffOrBadArguments);
  }
  EXPECT_EQ(exit_of(Action::kOff, ErrorKind::kUnknown), Exit::kWaitingOff);
  EXPECT_EQ(exit_of(Action::kOn, ErrorKind::kTimeout), Exit::kWaitingOn);
  EXPECT_EQ(exit_of(Action::kOff, ErrorKind::kDenied), Exit::kLoginDenied);
  EXPECT_EQ(exit_of(Action::kOff, ErrorKind::kInvalid), Exit::kOffOrBadArguments);
}

TEST(FenceMoldOptions, LinesAreReadAsTheContractSays) {
  const Options options = read_lines(
      "# a comment\n\naction=off\nnodename=n1\nno equals sign\nport=old\nplug=h1\n"
      "passwd=a=b c\nwhatever=1\n");
  EXPECT_EQ(options.text("action"), "off");
  EXPECT_EQ(options.text("plug"), "h1");
  EXPECT_EQ(options.text("password"), "a=b c");
  EXPECT_EQ(options.text("driver"), "ipmitool") << "the default of the table";
  EXPECT_EQ(read_lines("plug=new\nport=old\n").text("plug"), "new") << "in any order";
  EXPECT_EQ(read_lines("port=old\n").text("plug"), "old");
  EXPECT_EQ(read_lines("").text("action"), "reboot");
}

TEST(FenceMoldOptions, ACommandLineInAllItsForms) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"-o", "off", "-n", "h1", "-d"},
                                             {"-ooff", "-nh1", "--direct"},
                                             {"--action=off", "--plug=h1", "--direct=1"},
                                             {"--action", "off", "--port", "h1", "-d"}}) {
    const CommandLine line = read_arguments(words);
    EXPECT_EQ(line.problem, "");
    EXPECT_EQ(line.options.text("action"), "off");
    EXPECT_EQ(line.options.text("plug"), "h1");
    EXPECT_EQ(line.options.text("direct"), "1");
  }
  EXPECT_NE(read_arguments({"--nonsense=1"}).problem, "");
  EXPECT_NE(read_arguments({"-Z"}).problem, "");
  EXPECT_NE(read_arguments({"word"}).problem, "");
  EXPECT_NE(read_arguments({"--plug"}).problem, "") << "its value is missing";
  EXPECT_TRUE(read_arguments({"--help"}).help);
  EXPECT_TRUE(read_arguments({"-V"}).version);
}

TEST(FenceMoldOptions, APasswordOnTheCommandLineIsRefused) {
  const CommandLine line = read_arguments({"--password=canary"});
  EXPECT_NE(line.problem, "");
  EXPECT_EQ(line.problem.find("canary"), std::string::npos);
  EXPECT_FALSE(line.options.has("password"));
}

TEST(FenceMoldSettings, WhatIsWrongIsNamed) {
  const auto problem = [](const std::string& lines) {
    const auto made = make_settings(read_lines(lines));
    return made ? std::string("none") : made.error().what;
  };
  EXPECT_EQ(problem("action=off\nplug=h1\n"), "none");
  EXPECT_EQ(problem("action=off\n").substr(0, 5), "plug:");
  EXPECT_EQ(problem("action=explode\n").substr(0, 7), "action:");
  EXPECT_EQ(problem("plug=h1\nmanager=ftp://m\n").substr(0, 8), "manager:");
  EXPECT_EQ(problem("plug=h1\npower_timeout=0\n").substr(0, 14), "power_timeout:");
  EXPECT_EQ(problem("plug=h1\ndirect=perhaps\n").substr(0, 7), "direct:");
  EXPECT_EQ(problem("direct=1\ndriver_options=x\n").substr(0, 15), "driver_options:");
  EXPECT_EQ(problem("direct=1\npassword_script=x -y\n").substr(0, 16), "password_script:");
  EXPECT_EQ(problem("direct=1\nip=192.0.2.1\naction=off\n"), "none") << "one BMC, one host";
}

TEST(FenceMoldSettings, ListsAndDriverOptions) {
  const auto made = make_settings(
      read_lines("plug=h1\nmanager=https://a/client/api, https://b/client/api\nssl_insecure=1\n"));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->manager.urls.size(), 2U);
  EXPECT_EQ(made->manager.urls[1], "https://b/client/api");
  EXPECT_TRUE(made->manager.insecure);
  const auto direct = make_settings(read_lines(
      "direct=1\ndriver=redfish\nip=192.0.2.1\ndriver_options=system=1,tls.verify=false\n"
      "power_timeout=7s\n"));
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->direct_way.target.options.at("system"), "1");
  EXPECT_EQ(direct->direct_way.target.options.at("tls.verify"), "false");
  EXPECT_EQ(direct->direct_way.target.port, "") << "the driver knows its own";
  EXPECT_EQ(direct->power_timeout, Duration{7'000});
}

class FenceMoldSecrets : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "mold-fence-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& content, mode_t mode) {
    const std::string path = folder_ / ("f" + std::to_string(++files_));
    std::ofstream(path) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }

  std::filesystem::path folder_;
  int files_ = 0;
};

TEST_F(FenceMoldSecrets, CredentialsOfBothForms) {
  for (const char* text : {"# us\nkey=K\nsecret=S=1\n", "url=x\napikey=K\nsecretkey=S=1\n"}) {
    const auto read = read_credentials(file(text, 0600));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->key, "K");
    EXPECT_EQ(read->secret.reveal(), "S=1");
  }
  EXPECT_EQ(read_credentials(file("key=K\n", 0600)).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(read_credentials(file("key=K\nsecret=S\n", 0644)).error().kind, ErrorKind::kDenied);
  EXPECT_EQ(read_credentials(file("key=K\nsecret=S\n", 0602)).error().kind, ErrorKind::kDenied);
  EXPECT_EQ(read_credentials(folder_ / "none").error().kind, ErrorKind::kNotFound);
}

TEST_F(FenceMoldSecrets, APasswordFromFileOrProgram) {
  const auto loop = runtime::EventLoop::create();
  ASSERT_TRUE(loop);
  DirectSettings settings;
  EXPECT_TRUE(read_password(**loop, settings)->empty());
  settings.password_script = file("#!/bin/sh\necho from-program\n", 0700);
  EXPECT_EQ(read_password(**loop, settings)->reveal(), "from-program");
  settings.password_file = file("from-file\nmore\n", 0600);
  EXPECT_EQ(read_password(**loop, settings)->reveal(), "from-file");
  settings.password_file = file("from-file\n", 0644);
  EXPECT_EQ(read_password(**loop, settings).error().kind, ErrorKind::kDenied);
  settings.password_file.clear();
  settings.password_script = file("#!/bin/sh\necho canary\nexit 3\n", 0700);
  const auto failed = read_password(**loop, settings);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().what.find("canary"), std::string::npos);
}

// A device that answers each verb as the test has laid out.
class PlayedDevice final : public port::PowerControl {
 public:
  explicit PlayedDevice(runtime::EventLoop& loop,
                        const std::map<PowerVerb, port::PowerResult>& play,
                        std::vector<PowerVerb>& asked, std::vector<Duration>& limits)
      : loop_(loop), play_(play), asked_(asked), limits_(limits) {}

  void request(const port::PowerTarget&, PowerVerb verb, Duration limit, Done done) override {
    asked_.push_back(verb);
    limits_.push_back(limit);
    loop_.post([done = std::move(done), result = play_.at(verb)] { done(result); });
  }
  Status check(const port::PowerTarget& target) const override {
    if (target.address.empty()) return fail(ErrorKind::kInvalid, "address: missing");
    return {};
  }
  void identify(const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    loop_.post([done = std::move(done)] { done({}); });
  }
  void change_password(const port::PowerTarget&, const Secret&, Duration, Done done) override {
    loop_.post([done = std::move(done)] { done({}); });
  }

 private:
  runtime::EventLoop& loop_;
  const std::map<PowerVerb, port::PowerResult>& play_;
  std::vector<PowerVerb>& asked_;
  std::vector<Duration>& limits_;
};

port::PowerResult confirmed(PowerState state) {
  return {Outcome::kConfirmed, state, ErrorKind::kInternal, "read"};
}
port::PowerResult without(Outcome outcome, ErrorKind error,
                          PowerState state = PowerState::kUnknown) {
  return {outcome, state, error, "told why"};
}

class FenceMoldDirect : public ::testing::Test {
 protected:
  Exit ask(const std::string& action, const std::string& more = "ip=192.0.2.1\n") {
    World world;
    world.read_stdin = [&] { return "direct=1\nplug=h1\n" + more + "action=" + action + "\n"; };
    world.make_drivers = [this](runtime::EventLoop& loop) {
      return std::make_unique<PlayedDevice>(loop, play_, asked_, limits_);
    };
    world.out = [this](const std::string& text) { out_ += text; };
    world.err = [this](const std::string& text) { err_ += text; };
    asked_.clear();
    limits_.clear();
    out_.clear();
    err_.clear();
    return run({}, world);
  }

  std::map<PowerVerb, port::PowerResult> play_;
  std::vector<PowerVerb> asked_;
  std::vector<Duration> limits_;
  std::string out_;
  std::string err_;
};

TEST_F(FenceMoldDirect, StatusIsZeroForOnTwoForOffAndNeitherForAnythingElse) {
  play_[PowerVerb::kStatus] = confirmed(PowerState::kOn);
  EXPECT_EQ(ask("status"), Exit::kOk);
  EXPECT_EQ(out_, "Status: ON\n");
  play_[PowerVerb::kStatus] = confirmed(PowerState::kOff);
  EXPECT_EQ(ask("status"), Exit::kOffOrBadArguments);
  EXPECT_EQ(out_, "Status: OFF\n");
  play_[PowerVerb::kStatus] = without(Outcome::kUnknown, ErrorKind::kUnavailable);
  EXPECT_EQ(ask("status"), Exit::kConnectionLost);
  play_[PowerVerb::kStatus] = without(Outcome::kUnknown, ErrorKind::kUnavailable, PowerState::kOff);
  EXPECT_EQ(ask("status"), Exit::kConnectionLost) << "a state without confirmation is none";
  play_[PowerVerb::kStatus] = confirmed(PowerState::kUnknown);
  EXPECT_EQ(ask("status"), Exit::kNoStatus);
  EXPECT_EQ(ask("status", ""), Exit::kFailed) << "bad arguments must not read as off";
  EXPECT_TRUE(asked_.empty());
}

TEST_F(FenceMoldDirect, OffIsOnlyWhatWasReadBack) {
  play_[PowerVerb::kOff] = confirmed(PowerState::kOff);
  EXPECT_EQ(ask("off"), Exit::kOk);
  EXPECT_EQ(out_, "Success: Powered OFF\n");
  play_[PowerVerb::kOff] = without(Outcome::kUnknown, ErrorKind::kTimeout, PowerState::kOn);
  EXPECT_EQ(ask("off"), Exit::kWaitingOff);
  EXPECT_EQ(out_, "");
  EXPECT_NE(err_.find("told why"), std::string::npos);
  play_[PowerVerb::kOff] = confirmed(PowerState::kOn);
  EXPECT_NE(ask("off"), Exit::kOk);
  play_[PowerVerb::kOff] = without(Outcome::kFailed, ErrorKind::kDenied);
  EXPECT_EQ(ask("off"), Exit::kLoginDenied);
  play_[PowerVerb::kOff] = without(Outcome::kFailed, ErrorKind::kUnavailable, PowerState::kOff);
  EXPECT_EQ(ask("off"), Exit::kConnectionLost);
}

TEST_F(FenceMoldDirect, ARebootIsAVerifiedOffAndThenAnOn) {
  play_[PowerVerb::kOff] = confirmed(PowerState::kOff);
  play_[PowerVerb::kOn] = confirmed(PowerState::kOn);
  EXPECT_EQ(ask("reboot"), Exit::kOk);
  EXPECT_EQ(asked_, (std::vector{PowerVerb::kOff, PowerVerb::kOn}));
  play_[PowerVerb::kOn] = without(Outcome::kUnknown, ErrorKind::kTimeout);
  EXPECT_EQ(ask("reboot"), Exit::kOk) << "it was off: it is fenced";
  EXPECT_NE(err_.find("not seen to come on"), std::string::npos);
  play_[PowerVerb::kOff] = without(Outcome::kUnknown, ErrorKind::kTimeout);
  EXPECT_EQ(ask("reboot"), Exit::kWaitingOff);
  EXPECT_EQ(asked_, std::vector{PowerVerb::kOff}) << "no on after an off that is not proven";
}

// Pacemaker gives a reboot 60 s as a whole, and kills what takes longer: a host that was fenced
// would count as not fenced.
TEST_F(FenceMoldDirect, ARebootWhoseOnHangsIsOverInTime) {
  play_[PowerVerb::kOff] = confirmed(PowerState::kOff);
  play_[PowerVerb::kOn] = without(Outcome::kUnknown, ErrorKind::kTimeout);
  EXPECT_EQ(ask("reboot"), Exit::kOk);
  EXPECT_EQ(limits_, (std::vector<Duration>{30s, 10s}));
  EXPECT_LT(limits_[0] + limits_[1] + Fencer::kGrace * 2, 55s);
  EXPECT_EQ(ask("reboot", "ip=192.0.2.1\npower_timeout=4\n"), Exit::kOk);
  EXPECT_EQ(limits_, (std::vector<Duration>{4s, 4s}));
  play_[PowerVerb::kOn] = confirmed(PowerState::kOn);
  EXPECT_EQ(ask("on"), Exit::kOk);
  EXPECT_EQ(limits_, std::vector<Duration>{30s}) << "an on that was asked for has the whole time";
}

TEST_F(FenceMoldDirect, TheHarmlessActions) {
  play_[PowerVerb::kStatus] = confirmed(PowerState::kOff);
  EXPECT_EQ(ask("monitor"), Exit::kOk);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(ask("list"), Exit::kOk);
  EXPECT_EQ(out_, "h1,\n");
  EXPECT_EQ(ask("validate-all"), Exit::kOk);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(ask("validate-all", ""), Exit::kOffOrBadArguments);
  EXPECT_EQ(ask("metadata"), Exit::kOk);
  EXPECT_EQ(out_, metadata_xml());
  EXPECT_NE(out_.find("<parameter name=\"plug\" unique=\"0\" required=\"0\" obsoletes=\"port\">"),
            std::string::npos);
  EXPECT_EQ(out_.find("--password="), std::string::npos);
}

TEST_F(FenceMoldDirect, NoPasswordIsEverTold) {
  play_[PowerVerb::kOff] = without(Outcome::kUnknown, ErrorKind::kTimeout);
  for (const char* lines : {"ip=192.0.2.1\npassword=canary\nverbose=1\n",
                            "passwd=canary\ndriver_options=x\nverbose=1\n"}) {
    EXPECT_NE(ask("off", lines), Exit::kOk);
    EXPECT_FALSE(err_.empty());
    EXPECT_EQ((out_ + err_).find("canary"), std::string::npos);
  }
}

}  // namespace
}  // namespace mold::fence_mold
