// Power requests: once per OpId, one at a time per host, every one answered.
#include "manager/power/power_service.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

struct FakePower final : port::PowerControl {
  struct Call {
    port::PowerTarget target;
    core::PowerVerb verb;
    Done done;
  };
  void request(const port::PowerTarget& target, core::PowerVerb verb, Duration,
               Done done) override {
    calls.push_back({target, verb, std::move(done)});
  }
  std::vector<Call> calls;
};

class PowerTest : public testing::Test {
 protected:
  void SetUp() override {
    world.make_ground();
    box.emplace(*SecretBox::open(world.dir.path()));
    service = std::make_unique<PowerService>(*world.engine, *world.inventory, *box, driver);
    host = world.add_host("h1");
  }
  void configure(HostId id, bool enabled = true) {
    OobmSettings settings;
    settings.driver = "ipmitool";
    settings.address = "10.0.0.1";
    settings.port = "623";
    settings.username = "admin";
    ASSERT_TRUE(service->configure(id, settings, Secret("pw")));
    HostRecord record = *world.inventory->hosts().find(id);
    record.oobm.enabled = enabled;
    ASSERT_TRUE(world.inventory->update(record));
  }
  static core::RequestPower wish(std::uint64_t op, HostId id) {
    return {OpId{op}, id, core::PowerVerb::kOff, 1s};
  }

  World world;
  std::optional<SecretBox> box;
  FakePower driver;
  std::unique_ptr<PowerService> service;
  HostId host;
};

TEST_F(PowerTest, OpensThePasswordForTheDriverAlone) {
  configure(host);
  service->request(wish(1, host));
  ASSERT_EQ(driver.calls.size(), 1U);
  EXPECT_EQ(driver.calls[0].target.password.reveal(), "pw");
  EXPECT_EQ(driver.calls[0].target.address, "10.0.0.1");
  EXPECT_EQ(world.inventory->hosts().find(host)->oobm.sealed_password.find("pw"),
            std::string::npos);
}

TEST_F(PowerTest, AnOpIsCarriedOutOnce) {
  configure(host);
  service->request(wish(1, host));
  service->request(wish(1, host));
  ASSERT_EQ(driver.calls.size(), 1U);
  driver.calls[0].done({core::Outcome::kConfirmed, core::PowerState::kOff, {}, "off"});
  service->request(wish(1, host));
  EXPECT_EQ(driver.calls.size(), 1U);
  ASSERT_NE(service->latest(host), nullptr);
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kOff);
  EXPECT_EQ(world.engine->state().hosts.at(host).power, core::PowerState::kOff);
}

TEST_F(PowerTest, OneAtATimePerHost) {
  configure(host);
  const HostId other = world.add_host("h2");
  configure(other);
  service->request(wish(1, host));
  service->request(wish(2, host));
  service->request(wish(3, other));
  ASSERT_EQ(driver.calls.size(), 2U);
  EXPECT_EQ(service->waiting(), 3U);
  const auto done = driver.calls[0].done;
  done({core::Outcome::kUnknown, core::PowerState::kUnknown, ErrorKind::kTimeout, "no answer"});
  EXPECT_EQ(driver.calls.size(), 3U);
  EXPECT_EQ(service->waiting(), 2U);
}

TEST_F(PowerTest, AHostWithoutPowerControlIsAFailureNotSilence) {
  service->request(wish(1, host));
  configure(host, false);
  service->request(wish(2, host));
  EXPECT_TRUE(driver.calls.empty());
  EXPECT_EQ(service->waiting(), 0U);
}

TEST_F(PowerTest, BadSettingsAreRefused) {
  OobmSettings settings;
  settings.driver = "telepathy";
  EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  settings.driver = "ipmitool";
  settings.address = "10.0.0.1; reboot";
  settings.port = "623";
  settings.username = "u";
  EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  settings.address = "10.0.0.1";
  settings.port = "99999";
  EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(service->configure(HostId{99}, settings, Secret("x")).error().kind,
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace mold::manager::test
