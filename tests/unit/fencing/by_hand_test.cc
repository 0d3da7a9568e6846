// mold-fence: what may be typed, what is told, and which exit code it ends with.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "fencing/by_hand/run.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::fencing {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

Result<HandCommand> parse(const std::vector<std::string>& words) {
  return parse_hand_command(words);
}

TEST(HandCommandLine, OptionsBeforeAndAfter) {
  const auto command =
      parse({"redfish", "--address", "10.0.0.7", "--username=root", "--option", "base=/redfish/v1/",
             "off", "--option=system=1", "--insecure", "--ca", "/ca.pem", "--timeout=5s"});
  ASSERT_TRUE(command) << command.error().text();
  EXPECT_EQ(command->target.driver, "redfish");
  EXPECT_EQ(command->target.address, "10.0.0.7");
  EXPECT_EQ(command->target.port, "");
  EXPECT_EQ(command->action, HandAction::kOff);
  EXPECT_EQ(command->timeout, 5s);
  EXPECT_EQ(command->target.options, (std::map<std::string, std::string>{{"base", "/redfish/v1/"},
                                                                         {"system", "1"},
                                                                         {"tls.ca", "/ca.pem"},
                                                                         {"tls.verify", "false"}}));
}

TEST(HandCommandLine, APasswordIsNotTaken) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"ipmitool", "--password", "x", "off"},
                                             {"ipmitool", "--password=x", "off"},
                                             {"ipmitool", "-P", "x", "off"},
                                             {"ipmitool", "--new-password=x", "change-password"}}) {
    const auto command = parse(words);
    ASSERT_FALSE(command);
    EXPECT_NE(command.error().what.find("every user"), std::string::npos);
  }
}

TEST(HandCommandLine, WhatIsWrongIsSaid) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {},
           {"ipmitool"},
           {"ipmitool", "explode"},
           {"ipmitool", "off", "on"},
           {"ipmitool", "--insecure", "off"},
           {"ipmitool", "--option", "cipher", "off"},
           {"ipmitool", "--timeout=5", "off"},
           {"ipmitool", "-o", "xml", "off"},
           {"ipmitool", "--password-file=a", "--password-env=B", "off"},
           {"ipmitool", "--new-password-file=a", "off"}}) {
    EXPECT_FALSE(parse(words));
  }
  EXPECT_TRUE(parse({"--help"})->help);
}

TEST(HandAccountText, AStoryBecomesLines) {
  const auto steps = split_story(
      "ipmi 10.0.0.7:623: read on (+52 ms); off sent, answer lost: a; b "
      "(+1 of it) (+101 ms); read back off (+190 ms)");
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].ms, 52);
  EXPECT_EQ(steps[0].text, "read on");
  EXPECT_EQ(steps[1].text, "off sent, answer lost: a; b (+1 of it)");
  EXPECT_EQ(steps[2].ms, 190);
  const auto plain = split_story("manual: nobody can");
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_EQ(plain[0].ms, -1);
  EXPECT_EQ(plain[0].text, "manual: nobody can");
}

HandExit exit_for(HandAction action, Outcome outcome, ErrorKind error, PowerState state) {
  HandAccount account;
  account.action = action;
  account.parts.push_back({"x", outcome, state, error, {}});
  EXPECT_EQ(advice_of(account).empty(), outcome == Outcome::kConfirmed);
  return exit_of(account);
}

TEST(HandAccountText, ExitCodes) {
  constexpr auto kStatus = HandAction::kStatus;
  constexpr auto kOff = HandAction::kOff;
  constexpr auto kNone = PowerState::kUnknown;
  const auto unread = [&](ErrorKind error) {
    return exit_for(kStatus, Outcome::kUnknown, error, kNone);
  };
  const auto not_off = [&](Outcome outcome, ErrorKind error) {
    return exit_for(kOff, outcome, error, kNone);
  };
  const auto done = [](HandAction action, PowerState state) {
    return exit_for(action, Outcome::kConfirmed, ErrorKind::kInternal, state);
  };
  EXPECT_EQ(done(kStatus, PowerState::kOn), HandExit::kDone);
  EXPECT_EQ(done(kStatus, PowerState::kOff), HandExit::kOff);
  EXPECT_EQ(done(kOff, PowerState::kOff), HandExit::kDone);
  EXPECT_EQ(unread(ErrorKind::kDenied), HandExit::kDenied);
  EXPECT_EQ(unread(ErrorKind::kUnavailable), HandExit::kUnreachable);
  EXPECT_EQ(unread(ErrorKind::kTimeout), HandExit::kUnknown);
  EXPECT_EQ(not_off(Outcome::kFailed, ErrorKind::kUnavailable), HandExit::kUnreachable);
  EXPECT_EQ(not_off(Outcome::kFailed, ErrorKind::kConflict), HandExit::kFailed);
  EXPECT_EQ(not_off(Outcome::kUnknown, ErrorKind::kUnavailable), HandExit::kUnknown)
      << "it was sent";
}

class FakeDriver final : public port::PowerControl {
 public:
  explicit FakeDriver(runtime::EventLoop& loop) : loop_(loop) {}
  void request(const port::PowerTarget& target, PowerVerb verb, Duration, Done done) override {
    const bool good = target.password.reveal() == "s3cret";
    const PowerState state = verb == PowerVerb::kOff ? PowerState::kOff : PowerState::kOn;
    loop_.post([done = std::move(done), good, state] {
      done({good ? Outcome::kConfirmed : Outcome::kFailed, good ? state : PowerState::kUnknown,
            ErrorKind::kDenied, "fake: did it (+3 ms)"});
    });
  }
  [[nodiscard]] Status check(const port::PowerTarget& target) const override {
    if (target.address.empty()) return fail(ErrorKind::kInvalid, "address: must not be empty");
    return {};
  }
  void identify(const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    loop_.post([done = std::move(done)] {
      done({Outcome::kConfirmed,
            {"4c4c4544-0039-3310-8051-b4c04f564432", "S\x01N", "Box"},
            ErrorKind::kInternal,
            "fake: told (+4 ms)"});
    });
  }
  void change_password(const port::PowerTarget&, const Secret& fresh, Duration,
                       Done done) override {
    changed_to = fresh.reveal();
    loop_.post([done = std::move(done)] {
      done({Outcome::kConfirmed, PowerState::kUnknown, ErrorKind::kInternal, "fake: set (+5 ms)"});
    });
  }
  static inline std::string changed_to;

 private:
  runtime::EventLoop& loop_;
};

class ByHand : public ::testing::Test {
 protected:
  ByHand() {
    std::ofstream(dir_.file("pw")) << "s3cret\nsecond line\n";
    std::filesystem::permissions(dir_.file("pw"), std::filesystem::perms::owner_read);
  }
  HandExit run(std::vector<std::string> words) {
    words.insert(words.begin() + 1, {"--address=a", "--password-file=" + dir_.file("pw")});
    HandWorld world;
    world.make_drivers = [](runtime::EventLoop& loop) {
      return std::make_unique<FakeDriver>(loop);
    };
    out_.clear();
    err_.clear();
    world.out = [this](const std::string& text) { out_ += text; };
    world.err = [this](const std::string& text) { err_ += text; };
    const HandExit code = run_by_hand(words, world);
    EXPECT_EQ((out_ + err_).find("s3cret"), std::string::npos);
    return code;
  }
  runtime::TempDir dir_;
  std::string out_;
  std::string err_;
};

TEST_F(ByHand, TellsStepsAndVerdict) {
  EXPECT_EQ(run({"ipmitool", "off"}), HandExit::kDone);
  EXPECT_NE(out_.find("+3 ms  did it"), std::string::npos) << out_;
  EXPECT_NE(out_.find("off confirmed: the machine is off"), std::string::npos) << out_;
  EXPECT_EQ(err_, "");
}

TEST_F(ByHand, AsJson) {
  EXPECT_EQ(run({"ipmitool", "-o", "json", "drill"}), HandExit::kDone);
  const auto json = nlohmann::json::parse(out_, nullptr, false);
  ASSERT_TRUE(json.is_object()) << out_;
  EXPECT_EQ(json["exit_code"], 0);
  EXPECT_EQ(json["parts"].size(), 2U);
  EXPECT_EQ(json["parts"][0]["steps"][0]["ms"], 3);
  EXPECT_EQ(json["identity"]["uuid"], "4c4c4544-0039-3310-8051-b4c04f564432");
}

TEST_F(ByHand, ADrillFindsTheWrongMachine) {
  EXPECT_EQ(run({"ipmitool", "drill", "--expect-uuid=44454c4c-3900-1033-8051-b4c04f564432"}),
            HandExit::kDone)
      << out_;
  EXPECT_EQ(run({"ipmitool", "drill", "--expect-uuid=11111111-2222-3333-4444-555555555555"}),
            HandExit::kFailed);
  EXPECT_NE(out_.find("another machine"), std::string::npos);
  EXPECT_NE(out_.find("do not fence"), std::string::npos);
  EXPECT_EQ(out_.find('\x01'), std::string::npos) << "a device cannot forge lines";
}

TEST_F(ByHand, PasswordsFromFileAndEnvironment) {
  ::setenv("MOLD_TEST_FRESH", "fre5h", 1);
  EXPECT_EQ(run({"ipmitool", "change-password", "--new-password-env=MOLD_TEST_FRESH"}),
            HandExit::kDone);
  EXPECT_EQ(FakeDriver::changed_to, "fre5h");
  EXPECT_EQ(out_.find("fre5h"), std::string::npos);
  EXPECT_EQ(run({"ipmitool", "change-password", "--new-password-env=MOLD_TEST_NONE"}),
            HandExit::kUsage);
  std::filesystem::permissions(dir_.file("pw"), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(run({"ipmitool", "status"}), HandExit::kDone);
  EXPECT_NE(err_.find("chmod 600"), std::string::npos);
  std::filesystem::remove(dir_.file("pw"));
  EXPECT_EQ(run({"ipmitool", "status"}), HandExit::kUsage);
}

}  // namespace
}  // namespace mold::fencing
