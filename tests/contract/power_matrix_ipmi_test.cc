// The IPMI driver against a BMC in every mood: each request ends within its deadline in the right
// one of Confirmed, Failed and Unknown, with words that tell an admin what to do, and never says
// off of a machine that is on. ipmitool and ipmi_sim are the real ones.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "fencing/drivers/fence_agent.h"
#include "fencing/drivers/ipmi.h"
#include "tests/contract/ipmi_bmc.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::contract {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

// The kill of a child, and a machine that has other things to do.
constexpr Duration kGrace = 10'000ms;

class IpmiMatrix : public ::testing::Test {
 protected:
  port::PowerResult ask(PowerVerb verb, Duration deadline = 8'000ms) {
    std::optional<port::PowerResult> answer;
    const Instant begin = loop_->now();
    driver_->request(target_, verb, deadline, [&](port::PowerResult r) { answer = std::move(r); });
    if (while_asked_) {
      EXPECT_TRUE(loop_->run_until([&] { return bmc_.commands() > 0; }, deadline));
      while_asked_();
    }
    EXPECT_TRUE(loop_->run_until([&] { return answer.has_value(); }, deadline + kGrace));
    EXPECT_LE(loop_->now() - begin, deadline + kGrace);
    if (!answer) return {};
    EXPECT_FALSE(answer->text.empty());
    EXPECT_EQ(answer->text.find(target_.password.reveal()), std::string::npos);
    if (answer->outcome == Outcome::kConfirmed && answer->state == PowerState::kOff) {
      EXPECT_FALSE(bmc_.power()) << "a false off: " << answer->text;
    }
    return *answer;
  }
  void expect(const port::PowerResult& answer, Outcome outcome, std::optional<ErrorKind> error,
              const std::string& word) {
    EXPECT_EQ(answer.outcome, outcome) << answer.text;
    EXPECT_EQ(answer.error, error.value_or(answer.error)) << answer.text;
    EXPECT_NE(answer.text.find(word), std::string::npos) << word << " in: " << answer.text;
  }

  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  std::unique_ptr<port::PowerControl> driver_ = fencing::make_ipmi_driver(*loop_);
  IpmiBmc bmc_{*loop_};
  port::PowerTarget target_ = bmc_.target();
  std::function<void()> while_asked_;  // once a power command has reached the machine
};

TEST_F(IpmiMatrix, Prompt) {
  expect(ask(PowerVerb::kStatus), Outcome::kConfirmed, {}, "read on");
  expect(ask(PowerVerb::kOff), Outcome::kConfirmed, {}, "read back off");
  expect(ask(PowerVerb::kOn), Outcome::kConfirmed, {}, "read back on");
  expect(ask(PowerVerb::kReset), Outcome::kConfirmed, {}, "reset accepted");
  expect(ask(PowerVerb::kCycle), Outcome::kConfirmed, {}, "cycle accepted");
  expect(ask(PowerVerb::kSoft), Outcome::kConfirmed, {}, "read back off");
}

TEST_F(IpmiMatrix, Late) {
  bmc_.act_late(1'500ms);
  expect(ask(PowerVerb::kOff), Outcome::kConfirmed, {}, "read back off");
}

TEST_F(IpmiMatrix, Lying) {
  bmc_.accept_but_ignore(true);
  const auto answer = ask(PowerVerb::kOff, 2'500ms);
  expect(answer, Outcome::kUnknown, ErrorKind::kTimeout, "did not follow");
  EXPECT_EQ(answer.state, PowerState::kOn);
}

TEST_F(IpmiMatrix, AlreadyOff) {
  bmc_.set_power(false);
  expect(ask(PowerVerb::kOff), Outcome::kConfirmed, {}, "already there");
  EXPECT_EQ(bmc_.commands(), 0);
}

TEST_F(IpmiMatrix, Refused) {
  bmc_.refuse(true);
  const auto answer = ask(PowerVerb::kOff);
  expect(answer, Outcome::kFailed, ErrorKind::kConflict, "refused the power command");
  EXPECT_EQ(answer.state, PowerState::kOn);
}

TEST_F(IpmiMatrix, WrongPassword) {
  target_.password = Secret("not-the-one");
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kDenied, "wrong password");
  expect(ask(PowerVerb::kStatus), Outcome::kUnknown, ErrorKind::kDenied, "wrong password");
}

TEST_F(IpmiMatrix, UnknownUser) {
  target_.username = "nobody-here";
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kDenied, "unknown user");
}

TEST_F(IpmiMatrix, AUserWithoutTheRight) {
  target_.username = "reader";
  target_.password = Secret("reader-secret");
  target_.options["privilege"] = "USER";
  expect(ask(PowerVerb::kStatus), Outcome::kConfirmed, {}, "read on");
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kDenied, "privilege");
  EXPECT_TRUE(bmc_.power());
}

TEST_F(IpmiMatrix, DeadPort) {
  bmc_.set_power(false);
  bmc_.kill_now();
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kUnavailable, "no answer");
  expect(ask(PowerVerb::kStatus), Outcome::kUnknown, ErrorKind::kUnavailable, "no answer");
}

TEST_F(IpmiMatrix, BlackHole) {
  bmc_.kill_now();
  const UniqueFd hole(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(bmc_.port()));
  ASSERT_EQ(bind(hole.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kUnavailable, "no answer");
  target_.options = {{"timeout", "20"}, {"retries", "3"}};
  expect(ask(PowerVerb::kOff, 2'000ms), Outcome::kFailed, ErrorKind::kTimeout, "deadline");
}

TEST_F(IpmiMatrix, AnAddressThatIsNone) {
  target_.address = "no-such-bmc.invalid";
  const auto answer = ask(PowerVerb::kOff);
  expect(answer, Outcome::kFailed, {}, "no-such-bmc.invalid");
  EXPECT_TRUE(answer.error == ErrorKind::kUnavailable || answer.error == ErrorKind::kTimeout);
}

TEST_F(IpmiMatrix, KilledAfterTheOffWasCarriedOutAndBack) {
  bmc_.hang(true);
  while_asked_ = [this] {
    bmc_.kill_now();
    bmc_.hang(false);
    bmc_.set_power(false);
    bmc_.start();
  };
  expect(ask(PowerVerb::kOff, 20'000ms), Outcome::kConfirmed, {}, "read back off");
}

TEST_F(IpmiMatrix, KilledBeforeTheOffWasCarriedOutAndBack) {
  bmc_.hang(true);
  while_asked_ = [this] {
    bmc_.kill_now();
    bmc_.hang(false);
    bmc_.start();
  };
  expect(ask(PowerVerb::kOff, 20'000ms), Outcome::kConfirmed, {}, "sending again");
}

TEST_F(IpmiMatrix, KilledInTheMiddleForGood) {
  bmc_.hang(true);
  while_asked_ = [this] {
    bmc_.kill_now();
    bmc_.set_power(false);
  };
  const auto answer = ask(PowerVerb::kOff);
  expect(answer, Outcome::kUnknown, {}, "could not be read");
  EXPECT_EQ(answer.state, PowerState::kUnknown);
}

TEST_F(IpmiMatrix, StuckInTheMiddle) {
  bmc_.hang(true);
  const auto answer = ask(PowerVerb::kOff, 5'000ms);
  expect(answer, Outcome::kUnknown, {}, "answer lost");
  EXPECT_EQ(answer.state, PowerState::kUnknown);
}

TEST_F(IpmiMatrix, Slow) {
  bmc_.be_slow(500ms);
  target_.options["timeout"] = "5";
  expect(ask(PowerVerb::kOff, 20'000ms), Outcome::kConfirmed, {}, "read back off");
}

TEST_F(IpmiMatrix, SlowerThanItsPatience) {
  bmc_.be_slow(5'000ms);
  const auto answer = ask(PowerVerb::kOff, 6'000ms);
  EXPECT_NE(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(bmc_.commands(), 0);
}

TEST_F(IpmiMatrix, ACipherSuiteThatItDoesNotSpeak) {
  target_.options["cipher"] = "17";
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kUnsupported, "cipher suite");
}

TEST_F(IpmiMatrix, NoTool) {
  fencing::IpmiSettings settings;
  settings.program = "/nowhere/ipmitool";
  driver_ = fencing::make_ipmi_driver(*loop_, settings);
  expect(ask(PowerVerb::kOff), Outcome::kFailed, ErrorKind::kNotFound, "/nowhere/ipmitool");
}

TEST_F(IpmiMatrix, ManyAtOnceAreAllRead) {
  int answers = 0;
  int read = 0;
  for (int i = 0; i < 40; ++i) {
    driver_->request(target_, PowerVerb::kStatus, 60'000ms, [&](const port::PowerResult& r) {
      ++answers;
      read += r.state == PowerState::kOn ? 1 : 0;
    });
  }
  EXPECT_TRUE(loop_->run_until([&] { return answers == 40; }, 90'000ms));
  EXPECT_EQ(read, 40);
}

TEST_F(IpmiMatrix, WhoseTurnComesTooLateIsToldSo) {
  bmc_.kill_now();
  fencing::IpmiSettings settings;
  settings.readings_at_once = 1;
  driver_ = fencing::make_ipmi_driver(*loop_, settings);
  std::optional<port::PowerResult> first;
  std::optional<port::PowerResult> second;
  driver_->request(target_, PowerVerb::kStatus, 30'000ms, [&](port::PowerResult r) { first = r; });
  driver_->request(target_, PowerVerb::kStatus, 300ms, [&](port::PowerResult r) { second = r; });
  EXPECT_TRUE(loop_->run_until([&] { return first && second; }, 60'000ms));
  expect(*second, Outcome::kUnknown, ErrorKind::kBusy, "too many other readings");
  expect(*first, Outcome::kUnknown, ErrorKind::kUnavailable, "no answer");
}

// The same BMC through a fence agent of the distribution: what it says is read back too.
TEST_F(IpmiMatrix, ThroughARealFenceAgent) {
  if (!runtime::file_exists("/usr/sbin/fence_ipmilan")) GTEST_SKIP() << "needs fence-agents";
  driver_ = fencing::make_fence_agent_driver(*loop_);
  target_.options = {{"agent", "fence_ipmilan"},
                     {"arg.lanplus", "1"},
                     {"arg.cipher", "3"},
                     {"arg.power_wait", "0"},
                     {"arg.power_timeout", "2"}};
  expect(ask(PowerVerb::kStatus, 30'000ms), Outcome::kConfirmed, {}, "read on");
  expect(ask(PowerVerb::kOff, 30'000ms), Outcome::kConfirmed, {}, "read back off");
  expect(ask(PowerVerb::kOn, 30'000ms), Outcome::kConfirmed, {}, "read back on");
  bmc_.accept_but_ignore(true);
  const auto lied = ask(PowerVerb::kOff, 12'000ms);
  EXPECT_EQ(lied.outcome, Outcome::kUnknown) << lied.text;
  EXPECT_EQ(lied.state, PowerState::kOn);
  target_.password = Secret("not-the-one");
  EXPECT_EQ(ask(PowerVerb::kOff, 12'000ms).outcome, Outcome::kFailed);
  bmc_.kill_now();
  EXPECT_EQ(ask(PowerVerb::kOff, 4'000ms).outcome, Outcome::kFailed);
}

class IpmiAccount : public IpmiMatrix {
 protected:
  port::IdentityResult identify() {
    std::optional<port::IdentityResult> answer;
    driver_->identify(target_, 8'000ms, [&](port::IdentityResult r) { answer = std::move(r); });
    EXPECT_TRUE(loop_->run_until([&] { return answer.has_value(); }, 30'000ms));
    return answer.value_or(port::IdentityResult{});
  }
  port::PowerResult change(const std::string& fresh) {
    std::optional<port::PowerResult> answer;
    driver_->change_password(target_, Secret(fresh), 15'000ms,
                             [&](port::PowerResult r) { answer = std::move(r); });
    EXPECT_TRUE(loop_->run_until([&] { return answer.has_value(); }, 60'000ms));
    if (!answer) return {};
    EXPECT_EQ(answer->text.find(fresh), std::string::npos);
    return *answer;
  }
};

TEST_F(IpmiAccount, TellsWhichMachineItSwitches) {
  const auto answer = identify();
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.identity.uuid, IpmiBmc::kUuid);
  EXPECT_EQ(answer.identity.serial, "SER-42");
  EXPECT_EQ(answer.identity.model, "Acme Box9000");
  EXPECT_EQ(bmc_.commands(), 0);
}

TEST_F(IpmiAccount, WhoDoesNotAnswerIsNoMachine) {
  target_.password = Secret("wrong");
  EXPECT_EQ(identify().outcome, Outcome::kFailed);
  EXPECT_EQ(identify().error, ErrorKind::kDenied);
  bmc_.kill_now();
  EXPECT_EQ(identify().error, ErrorKind::kUnavailable);
}

TEST_F(IpmiAccount, APasswordIsChangedOnTheBmc) {
  const std::string fresh = "n e\"w'#$-pass";
  const auto answer = change(fresh);
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(ask(PowerVerb::kStatus).error, ErrorKind::kDenied) << "the old one is out";
  const auto again = change(fresh);
  EXPECT_EQ(again.outcome, Outcome::kConfirmed) << "as after a lost answer: " << again.text;
  target_.password = Secret(fresh);
  EXPECT_EQ(ask(PowerVerb::kStatus).outcome, Outcome::kConfirmed);
}

// ipmi_sim takes the 20-byte form and then compares 16: a BMC that cuts off without a word.
TEST_F(IpmiAccount, APasswordThatTheBmcCutsOffIsTakenBack) {
  const auto answer = change("twenty-bytes-of-text");
  EXPECT_EQ(answer.outcome, Outcome::kFailed) << answer.text;
  EXPECT_EQ(answer.error, ErrorKind::kUnsupported);
  EXPECT_EQ(ask(PowerVerb::kStatus).outcome, Outcome::kConfirmed) << "the old one holds";
}

TEST_F(IpmiAccount, WhatCannotBeSetIsNotSet) {
  EXPECT_EQ(change("longer than twenty bytes").error, ErrorKind::kInvalid);
  EXPECT_EQ(change("two\nlines").error, ErrorKind::kInvalid);
  target_.password = Secret("wrong");
  EXPECT_EQ(change("fresh").error, ErrorKind::kDenied);
  target_ = bmc_.target();
  target_.username = "nobody-here";
  EXPECT_EQ(change("fresh").outcome, Outcome::kFailed);
  target_ = bmc_.target();
  bmc_.kill_now();
  EXPECT_EQ(change("fresh").error, ErrorKind::kUnavailable);
}

// Looks at every command line of this machine, over and over, for texts that must not be there.
class Watcher {
 public:
  explicit Watcher(std::vector<std::string> secrets)
      : secrets_(std::move(secrets)), thread_([this] { watch(); }) {}
  ~Watcher() { stop(); }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::set<std::string> leaks;  // read after stop()
  bool saw_tool = false;        // it did look while the driver's children ran

 private:
  void watch() {
    while (!stop_) {
      std::error_code ignored;
      std::filesystem::directory_iterator entry("/proc", ignored);
      // Processes end meanwhile: neither the list nor a file of it may throw because of that.
      for (; entry != std::filesystem::directory_iterator(); entry.increment(ignored)) look(*entry);
    }
  }
  void look(const std::filesystem::path& process) {
    if (process.filename().string().find_first_not_of("0123456789") != std::string::npos) return;
    std::ifstream file(process / "cmdline");
    std::ostringstream text;
    text << file.rdbuf();
    const std::string line = text.str();
    if (line.starts_with("/usr/bin/ipmitool")) saw_tool = true;
    for (const std::string& secret : secrets_)
      if (line.find(secret) != std::string::npos) leaks.insert(line);
  }
  std::vector<std::string> secrets_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST(IpmiCanary, PasswordsAreInNoCommandLineOutputOrText) {
  const std::string canary = "canary-a8f31";
  const std::string fresh = "canary-b0c72";
  const auto loop = runtime::make_loop();
  IpmiBmc bmc(*loop, {.user = "ADMIN", .password = canary});
  const auto driver = fencing::make_ipmi_driver(*loop);
  std::string texts;
  int answers = 0;
  const auto take = [&](const port::PowerResult& result) {
    texts += result.text;
    ++answers;
  };
  const auto wait_for = [&](int count) {
    EXPECT_TRUE(loop->run_until([&] { return answers == count; }, 60'000ms));
  };
  ::setenv("MOLD_LOG", "stderr", 1);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Watcher watcher({canary, fresh});
  driver->request(bmc.target(), PowerVerb::kOff, 20'000ms, take);
  wait_for(1);
  driver->request(bmc.target(), PowerVerb::kOn, 20'000ms, take);
  wait_for(2);
  driver->change_password(bmc.target(), Secret(fresh), 20'000ms, take);
  wait_for(3);
  driver->request(bmc.target(), PowerVerb::kStatus, 20'000ms, take);  // denied now
  wait_for(4);
  bmc.kill_now();
  driver->request(bmc.target(), PowerVerb::kOff, 1'000ms, take);
  wait_for(5);
  watcher.stop();
  const std::string output =
      ::testing::internal::GetCapturedStdout() + ::testing::internal::GetCapturedStderr() + texts;
  ::unsetenv("MOLD_LOG");
  EXPECT_TRUE(watcher.saw_tool);
  EXPECT_TRUE(watcher.leaks.empty()) << *watcher.leaks.begin();
  EXPECT_EQ(output.find(canary), std::string::npos) << output;
  EXPECT_EQ(output.find(fresh), std::string::npos) << output;
}

}  // namespace
}  // namespace mold::contract
