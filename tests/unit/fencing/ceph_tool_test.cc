// CephTool with programs that are not mold-ceph: whatever a child does, what is not known is not
// called done, and what was certainly not done is not called unknown.
#include "fencing/ceph/ceph_tool.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/lib/runtime/support.h"

namespace mold::ceph {
namespace {

using core::Outcome;

class CephToolTest : public ::testing::Test {
 protected:
  // A program of one shell script.
  std::string script(const std::string& body) {
    const std::string path = dir_.file("program" + std::to_string(++made_));
    EXPECT_TRUE(runtime::write_file_atomic(path, "#!/bin/sh\n" + body + "\n", 0755));
    return path;
  }
  CephTool& use(const std::string& program, std::size_t at_once = 4) {
    CephToolSettings settings;
    settings.program = program;
    settings.reading_at_once = at_once;
    settings.most_waiting = 1;
    tool_ = std::make_unique<CephTool>(*loop_, settings);
    return *tool_;
  }
  port::IsolationAnswer isolate(const std::string& program,
                                Duration deadline = runtime::kPatience) {
    port::IsolationOrder order;
    order.user = "mold-host-h1";
    order.clients = {"v1:10.0.0.1:0/5"};
    order.expiry = Duration{60'000};
    port::IsolationAnswer answer;
    int answers = 0;
    use(program).isolate(access_, order, deadline, [&](port::IsolationAnswer told) {
      answer = std::move(told);
      ++answers;
    });
    EXPECT_EQ(answers, 0);
    EXPECT_TRUE(loop_->run_until([&] { return answers > 0; }, runtime::kPatience * 2));
    EXPECT_EQ(answer.text.find(access_.key.reveal()), std::string::npos) << answer.text;
    EXPECT_FALSE(answer.text.empty());
    return answer;
  }

  runtime::TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_ = runtime::make_loop();
  std::unique_ptr<CephTool> tool_;
  port::CephAccess access_{"10.0.0.1", "vms", "mgr", Secret("AQBtopsecrettopsecret==")};
  int made_ = 0;
};

constexpr const char* kGood =
    R"(echo '{"outcome":"confirmed","error":"unknown","text":"done","listed":["10.0.0.1:0/5"]}')";

TEST_F(CephToolTest, AWholeAnswerIsTaken) {
  const auto answer = isolate(script(kGood));
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.listed, std::vector<std::string>{"10.0.0.1:0/5"});
}

TEST_F(CephToolTest, TheKeyIsOnItsDescriptorOnly) {
  const std::string seen = dir_.file("seen");
  const auto answer = isolate(
      script("cat <&3 >" + seen + ".key; { env; echo \"$@\"; cat; } >" + seen + "\n" + kGood));
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(runtime::must(runtime::read_file(seen + ".key")), access_.key.reveal());
  const std::string all = runtime::must(runtime::read_file(seen));
  EXPECT_EQ(all.find(access_.key.reveal()), std::string::npos);
  EXPECT_NE(all.find("\"isolate\""), std::string::npos);
}

TEST_F(CephToolTest, WhatDidNotStartDidNothing) {
  EXPECT_EQ(isolate(dir_.file("none")).outcome, Outcome::kFailed);
  EXPECT_EQ(isolate(script("exit 127")).outcome, Outcome::kFailed) << "the dynamic linker's code";
}

TEST_F(CephToolTest, WhatEndedOddlyMayHaveDoneAnything) {
  for (const char* const body : {"exit 1", "exit 2", "kill -9 $$", "kill -SEGV $$", "true", "echo",
                                 "echo null", "echo '{}'", "echo '{\"outcome\":\"confirmed\"}'",
                                 "head -c 100000 /dev/urandom", "head -c 9000000 /dev/zero"}) {
    const auto answer = isolate(script(body));
    EXPECT_EQ(answer.outcome, Outcome::kUnknown) << body;
    EXPECT_TRUE(answer.listed.empty());
  }
  EXPECT_EQ(isolate(script(std::string(kGood) + "\nexit 3")).outcome, Outcome::kUnknown);
  EXPECT_EQ(isolate(script(std::string(kGood) + "; " + kGood)).outcome, Outcome::kUnknown);
}

TEST_F(CephToolTest, WhatHangsIsEndedAndUnknown) {
  const auto answer = isolate(script("sleep 1000"), Duration{300});
  EXPECT_EQ(answer.outcome, Outcome::kUnknown);
  EXPECT_EQ(answer.error, ErrorKind::kTimeout);
}

TEST_F(CephToolTest, ATextWithTheKeyIsWithheld) {
  const auto answer = isolate(script(
      "echo '{\"outcome\":\"failed\",\"error\":\"denied\",\"text\":\"key AQBtopsecrettopsecret==\","
      "\"listed\":[]}'"));
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
}

TEST_F(CephToolTest, AnOddRequestStartsNothing) {
  access_.pool = "a b";
  const auto answer = isolate(script("touch " + dir_.file("ran") + "; " + kGood));
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kInvalid);
  EXPECT_FALSE(runtime::file_exists(dir_.file("ran")));
}

TEST_F(CephToolTest, ReadingTakesTurnsAndIsBusyBeyondThem) {
  const std::string go = dir_.file("go");
  CephTool& tool =
      use(script("while [ ! -e " + go +
                 " ]; do sleep 0.02; done\n"
                 "echo '{\"outcome\":\"confirmed\",\"error\":\"unknown\",\"text\":\"r\","
                 "\"images\":[]}'"),
          1);
  std::vector<Outcome> answers;
  for (int i = 0; i < 3; ++i)
    tool.clients(access_, {}, runtime::kPatience,
                 [&](const port::CephClients& told) { answers.push_back(told.outcome); });
  ASSERT_TRUE(loop_->run_until([&] { return !answers.empty(); }, runtime::kPatience));
  EXPECT_EQ(answers, std::vector<Outcome>{Outcome::kFailed}) << "the third finds no place";
  EXPECT_TRUE(runtime::write_file_atomic(go, ""));
  ASSERT_TRUE(loop_->run_until([&] { return answers.size() == 3; }, runtime::kPatience));
  EXPECT_EQ(answers[1], Outcome::kConfirmed);
  EXPECT_EQ(answers[2], Outcome::kConfirmed);
}

TEST_F(CephToolTest, ATurnThatDoesNotComeIsBusy) {
  CephTool& tool = use(script("sleep 1000"), 1);
  std::vector<port::CephAnswer> answers;
  const auto done = [&](const port::CephClients& told) { answers.push_back(told); };
  tool.clients(access_, {}, runtime::kPatience, done);
  tool.clients(access_, {}, Duration{200}, done);
  ASSERT_TRUE(loop_->run_until([&] { return !answers.empty(); }, runtime::kPatience));
  EXPECT_EQ(answers[0].outcome, Outcome::kFailed);
  EXPECT_EQ(answers[0].error, ErrorKind::kBusy);
  tool_.reset();  // what runs is ended, and tells nothing
  EXPECT_EQ(answers.size(), 1U);
}

}  // namespace
}  // namespace mold::ceph
