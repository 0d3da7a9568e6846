#pragma once
// A World with PowerService over a FakePower, and a host whose BMC is configured.
#include "manager/power/power_service.h"
#include "tests/unit/manager/fake_power.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {

class PowerWorldTest : public testing::Test {
 protected:
  void SetUp() override {
    world.make_ground();
    box.emplace(*SecretBox::open(world.dir.path()));
    make_service();
    host = world.add_host("h1");
    configure(host);
  }
  virtual PowerService::Options options() {
    PowerService::Options made;
    made.drivers = {"ipmitool", "fence_agent"};
    made.wanted = [](const core::RequestPower&) { return true; };
    made.late_change = late_change;
    return made;
  }
  void make_service() {
    service =
        std::make_unique<PowerService>(*world.engine, *world.inventory, *box, driver, options());
  }
  // What a crash and a new start leave.
  void restart() {
    service.reset();
    driver = FakePower{};
    world.restart();
    make_service();
  }
  void configure(HostId id, const std::string& password = "old") {
    OobmSettings settings;
    settings.driver = "ipmitool";
    settings.address = "10.0.0.1";
    settings.port = "623";
    settings.username = "admin";
    const Status done = service->configure(id, settings, Secret(password));
    ASSERT_TRUE(done) << done.error().text();
    HostRecord record = *world.inventory->hosts().find(id);
    record.oobm.enabled = true;
    ASSERT_TRUE(world.inventory->update(record));
  }
  const OobmSettings& oobm() const { return world.inventory->hosts().find(host)->oobm; }
  FenceDevice device(int level = 2, const std::string& name = {}) const {
    FenceDevice made;
    made.host = host;
    made.level = level;
    made.name = name;
    made.driver = "fence_agent";
    made.address = "10.0.0.9";
    return made;
  }
  static core::RequestPower wish(std::uint64_t op, HostId id, DeviceId which = {},
                                 core::PowerVerb verb = core::PowerVerb::kOff) {
    return {OpId{op}, id, verb, 1s, which};
  }
  std::vector<EventRecord> events(const std::string& type) {
    EXPECT_TRUE(world.settle());
    std::optional<EventPage> page;
    world.engine->chronicle().query_events({.type = type},
                                           [&](const auto& r) { page = r.value(); });
    EXPECT_TRUE(world.loop->run_until([&] { return page.has_value(); }, 10s));
    return page->events;
  }

  World world;
  std::optional<SecretBox> box;
  FakePower driver;
  Duration late_change{0};
  std::unique_ptr<PowerService> service;
  HostId host;
};

}  // namespace mold::manager::test
