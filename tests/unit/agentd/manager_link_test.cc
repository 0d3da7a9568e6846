// The link against manager doubles over real mutual TLS.
#include "agentd/link/manager_link.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/agentd/fake_manager.h"

namespace mold::agentd {
namespace {

using runtime::kPatience;
using runtime::TestCa;

constexpr const char* kHost = "11111111-1111-4111-8111-111111111111";

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() : loop_(runtime::make_loop()), ca_("test ca") {
    auto material = ca_.issue("host:" + std::string(kHost), TestCa::Use::kClient);
    material.ca_pem = ca_.pem();
    tls_ = std::make_shared<const runtime::TlsMaterial>(std::move(material));
  }

  ManagerLink::Hooks hooks() {
    ManagerLink::Hooks out;
    out.may_hello = [this] { return ready_; };
    out.make_hello = [] {
      wire::HelloRequest hello;
      hello.host_uuid = kHost;
      hello.boot_id = kHost;
      hello.hostname = "h1";
      return hello;
    };
    out.on_session = [this](const auto&, const wire::HelloAnswer& answer) {
      sessions_.push_back(answer.epoch);
    };
    out.on_void = [this] {
      ++voided_;
      link_->say_hello();
    };
    out.on_order = [this](const wire::Order& order) { orders_.push_back(order); };
    out.make_beat = [] { return wire::BeatRequest{}; };
    out.make_report = [] { return wire::ReportRequest{}; };
    out.on_pools = [this](std::uint64_t version, const auto& pools) {
      pools_version_ = version;
      pools_ = pools;
    };
    return out;
  }
  void start(std::vector<std::string> managers) {
    link_ = std::make_unique<ManagerLink>(*loop_);
    link_->start(hooks(), std::move(managers), tls_);
  }
  bool until(const std::function<bool()>& holds) { return loop_->run_until(holds, kPatience); }

  std::unique_ptr<runtime::EventLoop> loop_;
  TestCa ca_;
  std::shared_ptr<const runtime::TlsMaterial> tls_;
  bool ready_ = true;
  std::vector<Epoch> sessions_;
  std::vector<wire::Order> orders_;
  std::vector<wire::PoolInfo> pools_;
  std::uint64_t pools_version_ = 0;
  int voided_ = 0;
  std::unique_ptr<ManagerLink> link_;
};

wire::Order order() {
  wire::Order out;
  out.op = OpId{5};
  out.vm = VmId{7};
  out.uuid = kHost;
  return out;
}

TEST_F(LinkTest, OpensASessionWithItsCertificate) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return !manager.beats.empty() && !manager.reports.empty(); }));
  EXPECT_EQ(sessions_, std::vector<Epoch>{Epoch{11}});
  EXPECT_EQ(manager.hellos.size(), 1U);
  EXPECT_EQ(manager.common_names.front(), "host:" + std::string(kHost));
  EXPECT_EQ(link_->status().state, LinkState::kSession);
  EXPECT_EQ(link_->status().epoch, Epoch{11});
}

TEST_F(LinkTest, WaitsUntilAHelloMayBeSaid) {
  FakeManager manager(*loop_, ca_);
  ready_ = false;
  start({manager.url()});
  EXPECT_FALSE(loop_->run_until([&] { return !manager.hellos.empty(); }, 100ms));
  ready_ = true;
  link_->say_hello();
  EXPECT_TRUE(until([&] { return !sessions_.empty(); }));
}

TEST_F(LinkTest, BeatsGoOnWhileAPollIsParked) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return manager.parked() == 1; }));
  const std::size_t before = manager.beats.size();
  ASSERT_TRUE(until([&] { return manager.beats.size() >= before + 5; }));
  EXPECT_EQ(manager.parked(), 1U);
  // Each is there once; on connections of their own one may overtake another.
  std::set<std::uint64_t> numbers;
  for (const auto& beat : manager.beats) EXPECT_TRUE(numbers.insert(beat.seq).second) << beat.seq;
  EXPECT_LT(*numbers.rbegin(), numbers.size() + Beater::kLanes);
  manager.queue(order());
  ASSERT_TRUE(until([&] { return orders_.size() == 1; }));
  EXPECT_EQ(orders_[0].vm, VmId{7});
  EXPECT_TRUE(until([&] { return manager.parked() == 1; }));  // and polls again
}

TEST_F(LinkTest, ABeatWithoutAnAnswerDelaysNoOther) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return manager.parked() == 1; }));
  manager.swallow_beats = static_cast<int>(Beater::kLanes) - 1;
  const std::size_t before = manager.beats.size();
  ASSERT_TRUE(until([&] { return manager.beats.size() >= before + Beater::kLanes + 5; }));
  EXPECT_EQ(link_->status().beats_failed, 0U);  // those are still awaited
  ASSERT_TRUE(until([&] { return link_->status().beats_failed >= Beater::kLanes - 1; }));
  EXPECT_EQ(link_->status().trouble, "");  // later ones were answered
  EXPECT_EQ(manager.parked(), 1U);
  EXPECT_EQ(sessions_.size(), 1U);
}

TEST_F(LinkTest, NoMoreBeatsThanLanesAreUnderWay) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return manager.parked() == 1; }));
  manager.swallow_beats = 1'000;
  const std::size_t before = manager.beats.size();
  ASSERT_TRUE(until([&] { return link_->status().beats_failed >= 1; }));
  EXPECT_LE(manager.beats.size(), before + Beater::kLanes + 1);
}

TEST_F(LinkTest, ResultsAreToldUntilTaken) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return !sessions_.empty(); }));
  core::OrderResult result;
  for (std::uint64_t op = 1; op <= 600; ++op) {
    result.op = OpId{op};
    link_->send_result(result);
  }
  ASSERT_TRUE(until([&] { return manager.results.size() == 600; }));
  for (std::uint64_t op = 1; op <= 600; ++op) EXPECT_EQ(manager.results[op - 1].op, OpId{op});
  EXPECT_TRUE(until([&] { return link_->status().results_waiting == 0; }));
}

TEST_F(LinkTest, AVoidSessionLeadsToANewHelloAndKeepsResults) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return manager.parked() == 1; }));
  manager.void_session();
  core::OrderResult result;
  result.op = OpId{9};
  link_->send_result(result);
  ASSERT_TRUE(until([&] { return manager.results.size() == 1; }));
  EXPECT_EQ(sessions_.size(), 2U);
  EXPECT_GE(voided_, 1);
  EXPECT_EQ(manager.epoch(), 12U);
}

TEST_F(LinkTest, GoesThroughTheListOfManagers) {
  FakeManager dead(*loop_, ca_);
  dead.standby = true;
  FakeManager alive(*loop_, ca_);
  alive.managers = {dead.url(), alive.url()};
  start({"https://127.0.0.1:1", dead.url(), alive.url()});
  ASSERT_TRUE(until([&] { return !alive.beats.empty(); }));
  EXPECT_EQ(link_->status().manager, alive.url());
  // It becomes a standby; the other takes over and knows nothing of the session.
  alive.standby = true;
  dead.standby = false;
  ASSERT_TRUE(until([&] { return !dead.beats.empty(); }));
  EXPECT_EQ(sessions_.size(), 2U);
}

TEST_F(LinkTest, ASessionOutlivesAManagersRestart) {
  auto manager = std::make_unique<FakeManager>(*loop_, ca_);
  const std::uint16_t port = manager->port();
  start({manager->url()});
  ASSERT_TRUE(until([&] { return !manager->beats.empty(); }));
  manager.reset();
  EXPECT_TRUE(until([&] { return link_->status().beats_failed >= 2; }));
  FakeManager again(*loop_, ca_, port);
  ASSERT_TRUE(until([&] { return !again.beats.empty() && again.parked() == 1; }));
  EXPECT_EQ(sessions_.size(), 2U);  // the double forgot the first
}

TEST_F(LinkTest, ASilentManagerIsGivenUpAndFoundAgain) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return manager.parked() == 1; }));
  manager.swallow = true;
  ASSERT_TRUE(until([&] { return link_->status().beats_failed >= 1; }));
  EXPECT_EQ(link_->status().state, LinkState::kSession);  // silence alone ends no session
  manager.swallow = false;
  const std::size_t before = manager.beats.size();
  ASSERT_TRUE(until([&] { return manager.beats.size() > before; }));
  // The poll was dialled anew: an order arrives though the old poll is dead.
  ASSERT_TRUE(until([&] { return link_->status().trouble.empty() && manager.parked() == 1; }));
  EXPECT_EQ(sessions_.size(), 1U);
}

TEST_F(LinkTest, RefusalsAreToldAndTriedAgainWithPauses) {
  FakeManager manager(*loop_, ca_);
  manager.refuse_hello = true;
  start({manager.url()});
  ASSERT_TRUE(until([&] { return manager.hellos.size() >= 2; }));
  EXPECT_NE(link_->status().trouble.find("denied"), std::string::npos);
  manager.refuse_hello = false;
  EXPECT_TRUE(until([&] { return !sessions_.empty(); }));
}

TEST_F(LinkTest, AManagerOfAnotherCaIsNotTalkedTo) {
  const TestCa stranger("another ca");
  FakeManager manager(*loop_, stranger);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return !link_->status().trouble.empty(); }));
  EXPECT_TRUE(manager.hellos.empty());
}

TEST_F(LinkTest, NewPoolsComeWithBeats) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return !manager.beats.empty(); }));
  wire::PoolInfo pool;
  pool.id = PoolId{4};
  pool.uuid = kHost;
  pool.path = "/pool";
  manager.beat_answer = wire::BeatAnswer{8, std::vector<wire::PoolInfo>{pool}};
  ASSERT_TRUE(until([&] { return pools_version_ == 8; }));
  EXPECT_EQ(pools_, std::vector<wire::PoolInfo>{pool});
}

TEST_F(LinkTest, ReconnectsOnRequest) {
  FakeManager manager(*loop_, ca_);
  start({manager.url()});
  ASSERT_TRUE(until([&] { return sessions_.size() == 1; }));
  link_->reconnect();
  ASSERT_TRUE(until([&] { return sessions_.size() == 2; }));
}

}  // namespace
}  // namespace mold::agentd
