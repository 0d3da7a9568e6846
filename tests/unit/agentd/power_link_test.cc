// Power requests that this host carries out for the manager, over real mutual TLS.
#include "agentd/link/power_link.h"

#include <gtest/gtest.h>

#include "agentd/link/manager_link.h"
#include "tests/unit/agentd/fake_manager.h"

namespace mold::agentd {
namespace {

using runtime::kPatience;
using runtime::TestCa;

constexpr const char* kHost = "11111111-1111-4111-8111-111111111111";
constexpr std::uint64_t kManagerClock = 5'000'000;

// Notes what it is asked and answers when told.
class NotingPower final : public port::PowerControl {
 public:
  struct Call {
    port::PowerTarget target;
    core::PowerVerb verb;
    Duration deadline;
    Done done;
  };
  void request(const port::PowerTarget& target, core::PowerVerb verb, Duration deadline,
               Done done) override {
    calls.push_back({target, verb, deadline, std::move(done)});
  }
  [[nodiscard]] Status check(const port::PowerTarget&) const override { return {}; }
  void identify(const port::PowerTarget&, Duration,
                std::function<void(port::IdentityResult)> done) override {
    identities.push_back(std::move(done));
  }
  void change_password(const port::PowerTarget&, const Secret&, Duration, Done) override {
    FAIL() << "nobody asks an agent for that";
  }
  std::vector<Call> calls;
  std::vector<std::function<void(port::IdentityResult)>> identities;
};

class PowerLinkTest : public ::testing::Test {
 protected:
  PowerLinkTest() : loop_(runtime::make_loop()), ca_("test ca"), manager_(*loop_, ca_) {
    auto material = ca_.issue("host:" + std::string(kHost), TestCa::Use::kClient);
    material.ca_pem = ca_.pem();
    tls_ = std::make_shared<const runtime::TlsMaterial>(std::move(material));
    manager_.beat_answer = wire::BeatAnswer{1, std::nullopt, kManagerClock};
  }
  void start() {
    ManagerLink::Hooks hooks;
    hooks.may_hello = [] { return true; };
    hooks.make_hello = [] {
      wire::HelloRequest hello;
      hello.host_uuid = kHost;
      hello.boot_id = kHost;
      hello.hostname = "h1";
      return hello;
    };
    hooks.on_session = [](const auto&, const auto&) {};
    hooks.on_void = [this] { link_->say_hello(); };
    hooks.on_order = [](const wire::Order&) {};
    hooks.make_beat = [] { return wire::BeatRequest{}; };
    hooks.make_report = [] { return wire::ReportRequest{}; };
    hooks.on_pools = [](std::uint64_t, const auto&) {};
    link_ = std::make_unique<ManagerLink>(*loop_);
    link_->set_power(&power_);
    link_->start(std::move(hooks), {manager_.url()}, tls_);
    ASSERT_TRUE(until([&] { return link_->status().last_beat_answered.has_value(); }));
    park();
  }
  void park() {
    ASSERT_TRUE(until([&] { return manager_.power_parked(); }));
  }
  bool until(const std::function<bool()>& holds) { return loop_->run_until(holds, kPatience); }
  std::vector<wire::PowerOutcome> outcomes() const {
    std::vector<wire::PowerOutcome> all;
    for (const auto& report : manager_.power_reports)
      all.insert(all.end(), report.outcomes.begin(), report.outcomes.end());
    return all;
  }
  static wire::PowerOrder order(std::uint64_t ticket, OpId op) {
    wire::PowerOrder out;
    out.ticket = ticket;
    out.op = op;
    out.verb = core::PowerVerb::kOff;
    out.deadline_ms = 20'000;
    out.not_after_ms = kManagerClock + 3'600'000;
    out.target.driver = "ipmitool";
    out.target.address = "10.0.0.9";
    out.target.password = Secret("canary");
    out.target.options = {{"cipher", "17"}};
    return out;
  }

  std::unique_ptr<runtime::EventLoop> loop_;
  TestCa ca_;
  FakeManager manager_;
  std::shared_ptr<const runtime::TlsMaterial> tls_;
  NotingPower power_;
  std::unique_ptr<ManagerLink> link_;
};

TEST_F(PowerLinkTest, CarriesOutARequestAndTellsItsOutcome) {
  start();
  manager_.queue_power(order(3, OpId{7}));
  ASSERT_TRUE(until([&] { return power_.calls.size() == 1; }));
  EXPECT_EQ(power_.calls[0].verb, core::PowerVerb::kOff);
  EXPECT_EQ(power_.calls[0].deadline, 20s);
  EXPECT_EQ(power_.calls[0].target.options.at("cipher"), "17");
  EXPECT_TRUE(power_.calls[0].target.password == Secret("canary"));
  power_.calls[0].done(
      {core::Outcome::kConfirmed, core::PowerState::kOff, ErrorKind::kInternal, "read back"});
  ASSERT_TRUE(until([&] { return outcomes().size() == 1; }));
  EXPECT_EQ(outcomes()[0].ticket, 3U);
  EXPECT_EQ(outcomes()[0].outcome, core::Outcome::kConfirmed);
  EXPECT_EQ(outcomes()[0].state, core::PowerState::kOff);
}

TEST_F(PowerLinkTest, OneOpIsCarriedOutOnce) {
  start();
  manager_.queue_power(order(1, OpId{7}));
  ASSERT_TRUE(until([&] { return power_.calls.size() == 1; }));
  park();
  manager_.queue_power(order(2, OpId{7}));  // while it is under way
  park();
  power_.calls[0].done(
      {core::Outcome::kUnknown, core::PowerState::kUnknown, ErrorKind::kTimeout, "lost"});
  ASSERT_TRUE(until([&] { return outcomes().size() == 2; }));
  manager_.queue_power(order(3, OpId{7}));  // and after it
  ASSERT_TRUE(until([&] { return outcomes().size() == 3; }));
  EXPECT_EQ(power_.calls.size(), 1U);
  EXPECT_EQ(outcomes()[2].ticket, 3U);
  EXPECT_EQ(outcomes()[2].outcome, core::Outcome::kUnknown);
}

TEST_F(PowerLinkTest, WhatCertainlyWasNotDoneMayBeTriedAgain) {
  start();
  manager_.queue_power(order(1, OpId{7}));
  ASSERT_TRUE(until([&] { return power_.calls.size() == 1; }));
  power_.calls[0].done(
      {core::Outcome::kFailed, core::PowerState::kUnknown, ErrorKind::kDenied, "no"});
  ASSERT_TRUE(until([&] { return outcomes().size() == 1; }));
  park();
  manager_.queue_power(order(2, OpId{7}));
  EXPECT_TRUE(until([&] { return power_.calls.size() == 2; }));
}

TEST_F(PowerLinkTest, ARequestThatWasHeldUpIsRefused) {
  start();
  wire::PowerOrder late = order(1, OpId{7});
  late.not_after_ms = kManagerClock - 1;
  manager_.queue_power(late);
  ASSERT_TRUE(until([&] { return outcomes().size() == 1; }));
  EXPECT_EQ(outcomes()[0].outcome, core::Outcome::kFailed);
  EXPECT_EQ(outcomes()[0].error, ErrorKind::kTimeout);
  EXPECT_TRUE(power_.calls.empty());
}

TEST_F(PowerLinkTest, WithoutTheManagersClockNothingIsCarriedOut) {
  manager_.beat_answer = wire::BeatAnswer{1, std::nullopt, 0};
  start();
  manager_.queue_power(order(1, OpId{7}));
  ASSERT_TRUE(until([&] { return outcomes().size() == 1; }));
  EXPECT_EQ(outcomes()[0].error, ErrorKind::kBusy);
  EXPECT_TRUE(power_.calls.empty());
}

TEST_F(PowerLinkTest, TellsWhichMachineIsThere) {
  start();
  wire::PowerOrder who = order(5, OpId{});
  who.task = wire::PowerTask::kIdentify;
  manager_.queue_power(who);
  ASSERT_TRUE(until([&] { return power_.identities.size() == 1; }));
  power_.identities[0]({core::Outcome::kConfirmed, {"u", "s", "m"}, ErrorKind::kInternal, "read"});
  ASSERT_TRUE(until([&] { return outcomes().size() == 1; }));
  EXPECT_EQ(outcomes()[0].uuid, "u");
  EXPECT_EQ(outcomes()[0].serial, "s");
}

TEST_F(PowerLinkTest, AnOutcomeOfAnEarlierSessionIsNotToldInTheNext) {
  start();
  manager_.queue_power(order(1, OpId{7}));
  ASSERT_TRUE(until([&] { return power_.calls.size() == 1; }));
  const std::size_t hellos = manager_.hellos.size();
  manager_.void_session();
  ASSERT_TRUE(until([&] { return manager_.hellos.size() > hellos; }));
  park();
  power_.calls[0].done(
      {core::Outcome::kConfirmed, core::PowerState::kOff, ErrorKind::kInternal, "read back"});
  manager_.queue_power(order(1, OpId{8}));  // the same ticket, another asking
  ASSERT_TRUE(until([&] { return power_.calls.size() == 2; }));
  EXPECT_TRUE(outcomes().empty());
}

TEST_F(PowerLinkTest, TellsWhomTheClusterFencedAndWhenItHeardOfIt) {
  start();
  link_->report_fenced("pacemaker", "h2", "off by h3");
  ASSERT_TRUE(until([&] { return !manager_.power_reports.empty(); }));
  const auto& report = manager_.power_reports.front();
  ASSERT_EQ(report.fenced.size(), 1U);
  EXPECT_EQ(report.fenced[0], (wire::FencedNode{"h2", "pacemaker", "off by h3", kManagerClock}));
}

}  // namespace
}  // namespace mold::agentd
