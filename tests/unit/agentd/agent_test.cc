// The whole agent in one process: libvirt's test driver, a manager double, a private bus, a lease
// board. What it writes, says and tells.
#include "agentd/agent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "agentd/heartbeat/pools_file.h"
#include "lib/runtime/child_process.h"
#include "lib/runtime/dbus.h"
#include "tests/unit/agentd/board_double.h"
#include "tests/unit/agentd/fake_manager.h"

namespace mold::agentd {
namespace {

using runtime::kPatience;
using runtime::TempDir;
using runtime::TestCa;

constexpr auto kBusConfig =
    R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=@DIR@/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow own="*"/>
<allow receive_sender="*"/></policy></busconfig>)";

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() : loop_(runtime::make_loop()), ca_("test ca"), manager_(*loop_, ca_) {
    config_.state_dir = dir_.file("state");
    config_.board_path = dir_.file("leases");
    config_.epoch_path = dir_.file("epoch");
    config_.pools_path = dir_.file("pools");
    config_.hypervisor.connection.uri = "test:///default";
    config_.bus = "none";
  }
  void enrol() {
    const auto material = ca_.issue("host:" + std::string(kThisHost), TestCa::Use::kClient);
    EXPECT_OK(store_identity(
        config_.state_dir,
        {kThisHost, material.key_pem, material.cert_pem, ca_.pem(), {manager_.url()}}));
  }
  void start() {
    agent_ = std::make_unique<Agent>(*loop_, config_, runtime::must(read_facts()));
    EXPECT_OK(agent_->start());
  }
  bool until(const std::function<bool()>& holds) { return loop_->run_until(holds, kPatience); }
  wire::PoolInfo pool() const {
    wire::PoolInfo out;
    out.id = PoolId{4};
    out.uuid = kPoolA;
    out.path = dir_.path();
    return out;
  }

  TempDir dir_;
  std::unique_ptr<runtime::EventLoop> loop_;
  TestCa ca_;
  FakeManager manager_;
  AgentConfig config_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, WaitsForItsIdentityAndThenSpeaks) {
  start();
  EXPECT_NE(agent_->status_line().find("not enrolled"), std::string::npos);
  enrol();
  ASSERT_TRUE(until([&] { return !manager_.beats.empty() && !manager_.reports.empty(); }));
  const wire::HelloRequest& hello = manager_.hellos[0];
  EXPECT_EQ(hello.host_uuid, kThisHost);
  EXPECT_GT(hello.capacity.memory_bytes, 0U);
  EXPECT_EQ(hello.facts.count("libvirt_version"), 1U);
  EXPECT_EQ(hello.facts.count("kernel"), 1U);
  EXPECT_TRUE(hello.vms.empty());
  EXPECT_EQ(manager_.reports[0].stats.at("foreign_vms"), 1U);  // the test driver's own
  EXPECT_EQ(runtime::must(runtime::read_file(config_.epoch_path)), "11\n");
  EXPECT_NE(agent_->status_line().find("session 11"), std::string::npos);
  // It was told the present epoch first; the next hello knows it.
  EXPECT_EQ(manager_.hellos_refused, 1);
  manager_.void_session();
  ASSERT_TRUE(until([&] { return manager_.hellos.size() == 2; }));
  EXPECT_EQ(manager_.hellos[1].epoch, Epoch{11});
  EXPECT_EQ(manager_.hellos_refused, 1);
}

TEST_F(AgentTest, PoolsReachTheHeartbeatAndReadingsTheManager) {
  enrol();
  BoardDouble board(config_.board_path);
  board.head().incarnation = 4;
  board.add_held_pool(kPoolA, loop_->now() + 600'000ms);
  board.add_reading(0, loop_->now(), loop_->now() + 500'000ms);
  board.publish(loop_->now() + 500'000ms);
  start();
  ASSERT_TRUE(until([&] { return !manager_.beats.empty(); }));
  EXPECT_EQ(manager_.hellos[0].incarnation, 4U);
  manager_.beat_answer = wire::BeatAnswer{8, std::vector<wire::PoolInfo>{pool()}};
  ASSERT_TRUE(until([&] { return manager_.beats.back().readings.size() == 1; }));
  EXPECT_EQ(manager_.beats.back().pools_version, 8U);
  EXPECT_EQ(manager_.beats.back().readings[0].subject_uuid, kOtherHost);
  EXPECT_EQ(manager_.beats.back().leases[0].state, "held");
  ASSERT_TRUE(until([&] {
    const auto file = heartbeat::load_pools(config_.pools_path);
    return file && file->pools.size() == 1;
  }));
  EXPECT_EQ(runtime::must(heartbeat::load_pools(config_.pools_path)).pools[0].path, dir_.path());
  ASSERT_TRUE(until([&] {
    return std::any_of(manager_.reports.begin(), manager_.reports.end(), [](const auto& report) {
      return report.pools.size() == 1 && report.pools[0].usable;
    });
  }));
}

TEST_F(AgentTest, ALeaseShorterThanTheManagersStartGuardStartsNothing) {
  enrol();
  BoardDouble board(config_.board_path);
  board.add_held_pool(kPoolA, loop_->now() + 300'000ms);
  board.publish(loop_->now() + 500'000ms);
  manager_.start_guard_ms = 600'000;
  start();
  manager_.beat_answer = wire::BeatAnswer{8, std::vector<wire::PoolInfo>{pool()}};
  ASSERT_TRUE(
      until([&] { return !manager_.beats.empty() && manager_.beats.back().pools_version == 8U; }));
  wire::Order order;
  order.op = OpId{1};
  order.epoch = Epoch{manager_.epoch()};
  order.vm = VmId{7};
  order.generation = Generation{1};
  order.name = "web";
  order.uuid = kPoolB;
  order.memory_bytes = 1 << 20;
  order.disks.push_back({kPoolA, dir_.file("disk"), "raw", "", 4096});
  manager_.queue(order);
  ASSERT_TRUE(until([&] { return !manager_.results.empty(); }));
  EXPECT_EQ(manager_.results[0].outcome, core::Outcome::kFailed);
  EXPECT_NE(manager_.results[0].text.find("not fresh"), std::string::npos)
      << manager_.results[0].text;
}

TEST_F(AgentTest, TellsAboutItselfOnTheBus) {
  if (!runtime::file_exists("/usr/bin/dbus-daemon")) GTEST_SKIP() << "no dbus-daemon here";
  std::string text = kBusConfig;
  text.replace(text.find("@DIR@"), 5, dir_.path());
  EXPECT_OK(runtime::write_file_atomic(dir_.file("bus.conf"), text));
  runtime::ChildSpec spec;
  spec.program = "/usr/bin/dbus-daemon";
  spec.args = {"--config-file=" + dir_.file("bus.conf"), "--nofork", "--nopidfile"};
  spec.deadline = kPatience * 4;
  const auto daemon = runtime::run_child(*loop_, spec, [](const auto&) {});
  runtime::Timer tick(*loop_);
  tick.start_periodic(5ms, [] {});
  config_.bus = "unix:path=" + dir_.file("bus");
  // The socket has its name a moment before anybody listens on it.
  ASSERT_TRUE(until([&] { return runtime::Bus::open_address(*loop_, config_.bus).has_value(); }));
  enrol();
  start();
  ASSERT_TRUE(until([&] { return manager_.hellos.size() == 1 && !manager_.beats.empty(); }));
  const auto client = runtime::must(runtime::Bus::open_address(*loop_, config_.bus));
  const auto call = [&](const std::string& method) {
    std::optional<Result<runtime::DbusValues>> got;
    client->call_async("org.mold.Agent1", "/org/mold/Agent1", "org.mold.Agent1", method, "", {},
                       kPatience, [&got](auto r) { got.emplace(std::move(r)); });
    EXPECT_TRUE(until([&got] { return got.has_value(); }));
    return runtime::must(std::move(*got));
  };
  const auto status = std::get<std::string>(call("Status").at(0));
  EXPECT_NE(status.find("\"epoch\":11"), std::string::npos) << status;
  EXPECT_NE(status.find(kThisHost), std::string::npos);
  EXPECT_EQ(std::get<std::string>(call("Vms").at(0)), "[]");
  EXPECT_EQ(std::get<std::string>(call("Leases").at(0)), "[]");
  call("Reconnect");
  EXPECT_TRUE(until([&] { return manager_.hellos.size() == 2; }));
}

}  // namespace
}  // namespace mold::agentd
