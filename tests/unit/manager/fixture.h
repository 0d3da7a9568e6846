#pragma once
// A manager without its listeners: loop, store in a directory of its own, engine, inventory,
// authority, registry. restart() is what a crash and a new start leave: everything made anew from
// the directory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lib/runtime/event_loop.h"
#include "manager/agents/registry.h"
#include "manager/engine/engine.h"
#include "manager/inventory/inventory.h"
#include "manager/inventory/secret_box.h"
#include "manager/pki/authority.h"
#include "manager/store/store.h"

namespace mold::manager::test {

class TempDir {
 public:
  TempDir() {
    std::string name = "/tmp/mold-manager-test-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct World {
  explicit World(EngineLimits engine_limits = {}) : limits(engine_limits) {
    loop = std::move(*runtime::EventLoop::create());
    start();
  }
  ~World() { shut(); }

  void start() {
    auto opened = Store::open(*loop, {.directory = dir.path() + "/state"});
    ASSERT_TRUE(opened) << opened.error().text();
    store = std::move(*opened);
    Restored restored = store->take_restored();
    InventoryData data = std::move(restored.inventory);
    auto certificates = std::move(restored.certificates);
    auto tokens = std::move(restored.tokens);
    doubts = std::move(restored.doubts);
    pool_keys = std::move(restored.pool_keys);
    engine = std::make_unique<Engine>(*loop, *store, policy, std::move(restored), limits);
    const auto wall = [this] { return loop->wall(); };
    inventory = std::make_unique<Inventory>(*engine, wall, std::move(data));
    auto made = Authority::open({.directory = dir.path() + "/state", .names = {"127.0.0.1"}},
                                *engine, wall, std::move(certificates), std::move(tokens));
    ASSERT_TRUE(made) << made.error().text();
    authority = std::move(*made);
    registry = std::make_unique<AgentRegistry>(*loop, *engine, *inventory, *authority,
                                               AgentRegistry::LeaseOptions{});
    Executors executors;
    executors.open_session = [this](const core::OpenSession& a) { opened_sessions.push_back(a); };
    executors.refuse_session = [this](const core::RefuseSession& a) { refused.push_back(a); };
    executors.send_order = [this](const core::Order& a) { orders.push_back(a); };
    executors.request_power = [this](const core::RequestPower& a) { powers.push_back(a); };
    engine->set_executors(std::move(executors));
  }
  void shut() {
    registry.reset();
    authority.reset();
    inventory.reset();
    engine.reset();
    store.reset();
  }
  void restart() {
    shut();
    opened_sessions.clear();
    refused.clear();
    orders.clear();
    powers.clear();
    start();
  }
  bool settle(Duration limit = 5s) {
    return loop->run_until([this] { return engine->idle(); }, limit);
  }
  void turn_for(Duration time) {
    loop->run_until([] { return false; }, time);
  }

  // A zone, pod, cluster, account, offering and template.
  void make_ground() {
    const auto zone = inventory->create(Zone{.name = "z1"});
    ASSERT_TRUE(zone);
    const auto pod = inventory->create(Pod{.zone = zone->id, .name = "p1"});
    ASSERT_TRUE(pod);
    const auto made = inventory->create(Cluster{.pod = pod->id, .name = "c1"});
    ASSERT_TRUE(made);
    cluster = made->id;
    account = inventory->create(Account{.name = "admin"})->id;
  }
  HostId add_host(const std::string& name) {
    const auto record = inventory->create(HostRecord{.cluster = cluster, .name = name});
    EXPECT_TRUE(record) << record.error().text();
    core::Host host;
    host.id = record->id;
    host.cluster = cluster;
    host.name = name;
    engine->submit(core::HostAdded{host});
    return record->id;
  }
  core::HelloReceived hello(HostId host, std::uint64_t session) const {
    core::HelloReceived event;
    event.host = host;
    event.boot_id = "boot-1";
    event.capacity = {.cpus = 8, .cpu_mhz = 2000, .memory_bytes = 8ULL << 30};
    event.session = session;
    event.epoch = engine->state().hosts.at(host).epoch;
    return event;
  }
  core::BeatReceived beat(HostId host, Epoch epoch) const {
    core::BeatReceived event;
    event.host = host;
    event.epoch = epoch;
    event.sequence = ++told;
    return event;
  }

  TempDir dir;
  EngineLimits limits;
  core::Policy policy;
  std::unique_ptr<runtime::EventLoop> loop;
  std::unique_ptr<Store> store;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Inventory> inventory;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<AgentRegistry> registry;
  mutable std::uint64_t told = 0;  // hellos and beats count up, as an agent's do
  ClusterId cluster;
  AccountId account;
  std::vector<DeviceDoubt> doubts;       // as they were read at the latest start
  std::vector<PoolKeyRecord> pool_keys;  // the same
  std::vector<core::OpenSession> opened_sessions;
  std::vector<core::RefuseSession> refused;
  std::vector<core::Order> orders;
  std::vector<core::RequestPower> powers;
};

}  // namespace mold::manager::test
