// Power requests: once per OpId, one at a time per host, every one answered.
#include "manager/power/power_service.h"
#include "tests/unit/manager/fake_power.h"
#include "tests/unit/manager/fixture.h"

namespace mold::manager::test {
namespace {

class PowerTest : public testing::Test {
 protected:
  void SetUp() override {
    world.make_ground();
    box.emplace(*SecretBox::open(world.dir.path()));
    PowerService::Options options;
    options.wanted = [this](const core::RequestPower& request) {
      return !unwanted.contains(request.op);
    };
    service = std::make_unique<PowerService>(*world.engine, *world.inventory, *box, driver,
                                             std::move(options));
    host = world.add_host("h1");
  }
  void configure(HostId id, bool enabled = true, const std::string& password = "pw") {
    OobmSettings settings;
    settings.driver = "ipmitool";
    settings.address = "10.0.0.1";
    settings.port = "623";
    settings.username = "admin";
    ASSERT_TRUE(service->configure(id, settings, Secret(password)));
    HostRecord record = *world.inventory->hosts().find(id);
    record.oobm.enabled = enabled;
    ASSERT_TRUE(world.inventory->update(record));
  }
  static core::RequestPower wish(std::uint64_t op, HostId id,
                                 core::PowerVerb verb = core::PowerVerb::kOff) {
    return {OpId{op}, id, verb, 1s, DeviceId{}};
  }
  void answer(std::size_t call, core::PowerState state) {
    const auto done = driver.calls.at(call).done;
    done({core::Outcome::kConfirmed, state, {}, "read back"});
  }

  World world;
  std::optional<SecretBox> box;
  FakePower driver;
  std::set<OpId> unwanted;
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

TEST_F(PowerTest, AnOffWaitsForNoReading) {
  configure(host);
  service->request(wish(1, host, core::PowerVerb::kStatus));
  service->request(wish(2, host, core::PowerVerb::kStatus));
  service->request(wish(3, host));
  ASSERT_EQ(driver.calls.size(), 2U) << "beside the reading under way, past the one in line";
  EXPECT_EQ(driver.calls[1].verb, core::PowerVerb::kOff);
  service->request(wish(4, host));
  EXPECT_EQ(driver.calls.size(), 2U) << "one act at a time";
  answer(1, core::PowerState::kOff);
  ASSERT_EQ(driver.calls.size(), 3U);
  EXPECT_EQ(driver.calls[2].verb, core::PowerVerb::kOff);
  answer(0, core::PowerState::kOn);
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kOff) << "the reading began before";
  EXPECT_EQ(driver.calls.size(), 3U) << "no reading while an act is under way";
  answer(2, core::PowerState::kOff);
  ASSERT_EQ(driver.calls.size(), 4U);
  EXPECT_EQ(driver.calls[3].verb, core::PowerVerb::kStatus);
  answer(3, core::PowerState::kOff);
  EXPECT_EQ(service->waiting(), 0U);
}

TEST_F(PowerTest, OtherActsWaitForTheirTurn) {
  configure(host);
  service->request(wish(1, host, core::PowerVerb::kStatus));
  service->request(wish(2, host, core::PowerVerb::kOn));
  service->request(wish(3, host));
  ASSERT_EQ(driver.calls.size(), 1U) << "an off does not overtake an on";
  answer(0, core::PowerState::kOff);
  ASSERT_EQ(driver.calls.size(), 2U);
  EXPECT_EQ(driver.calls[1].verb, core::PowerVerb::kOn);
}

TEST_F(PowerTest, WhatNobodyWantsAnyMoreIsNotSent) {
  configure(host);
  service->request(wish(1, host, core::PowerVerb::kReset));
  service->request(wish(2, host));
  unwanted.insert(OpId{2});
  answer(0, core::PowerState::kOn);
  EXPECT_EQ(driver.calls.size(), 1U) << "the off lost its reason while it waited";
  EXPECT_EQ(service->waiting(), 0U);
}

TEST_F(PowerTest, TheBrainKnowsWhatIsWanted) {
  core::State state;
  core::Host& known = state.hosts[host];
  EXPECT_FALSE(is_wanted(state, wish(1, HostId{99})));
  EXPECT_FALSE(is_wanted(state, wish(1, host)));
  known.fence.op = OpId{1};
  EXPECT_TRUE(is_wanted(state, wish(1, host)));
  known.fence = {};
  EXPECT_FALSE(is_wanted(state, wish(1, host)));
  known.status_op = OpId{2};
  EXPECT_TRUE(is_wanted(state, wish(2, host)));
  core::Job job;
  job.op = OpId{3};
  state.jobs[JobId{1}] = job;
  EXPECT_TRUE(is_wanted(state, wish(3, host)));
  state.jobs[JobId{1}].status = core::JobStatus::kFailed;
  EXPECT_FALSE(is_wanted(state, wish(3, host)));
}

TEST_F(PowerTest, AHostWithoutPowerControlIsAFailureNotSilence) {
  service->request(wish(1, host));
  configure(host, false);
  service->request(wish(2, host));
  EXPECT_TRUE(driver.calls.empty());
  EXPECT_EQ(service->waiting(), 0U);
}

// The brain takes part: what it is told, and what it makes of it.
TEST_F(PowerTest, AnAnswerToTheSettingsOfBeforeIsUnknown) {
  configure(host);
  service->request(wish(1, host));
  const std::uint64_t before = service->revision(Feed{host, {}});
  configure(host, true, "other");
  EXPECT_GT(service->revision(Feed{host, {}}), before);
  bool used = false;
  service->set_used([&used](const Feed&, HostId, bool) { used = true; });
  answer(0, core::PowerState::kOff);
  EXPECT_EQ(world.engine->state().hosts.at(host).power, core::PowerState::kUnknown);
  EXPECT_EQ(service->latest(host), nullptr) << "nor is it shown";
  EXPECT_FALSE(used) << "nor does it say which way is good";
  EXPECT_EQ(service->waiting(), 0U);
  service->request(wish(2, host));
  ASSERT_EQ(driver.calls.size(), 2U);
  EXPECT_EQ(driver.calls[1].target.password.reveal(), "other");
  answer(1, core::PowerState::kOff);
  EXPECT_EQ(world.engine->state().hosts.at(host).power, core::PowerState::kOff);
  configure(host, true, "other");
  EXPECT_NE(service->latest(host), nullptr) << "the very same settings change nothing";
}

TEST_F(PowerTest, WhatWaitsInLineIsSentWithTheSettingsOfItsTurn) {
  configure(host);
  service->request(wish(1, host));
  service->request(wish(2, host));
  configure(host, true, "other");
  answer(0, core::PowerState::kOff);
  ASSERT_EQ(driver.calls.size(), 2U) << "one act at a time, whatever the settings";
  EXPECT_EQ(driver.calls[1].target.password.reveal(), "other");
  answer(1, core::PowerState::kOff);
  ASSERT_NE(service->latest(host), nullptr);
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kOff);
}

TEST_F(PowerTest, BadSettingsAreRefused) {
  OobmSettings settings;
  for (const char* driver_name : {"telepathy", "redfish", ""}) {
    settings.driver = driver_name;
    settings.address = "10.0.0.1";
    settings.port = "623";
    settings.username = "u";
    EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  }
  settings.driver = "ipmitool";
  settings.address = "10.0.0.1; reboot";
  settings.port = "623";
  settings.username = "u";
  EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  settings.address = "10.0.0.1";
  settings.port = "99999";
  EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  settings.port = "623";
  settings.username = std::string(17, 'u');
  EXPECT_EQ(service->configure(host, settings, Secret("x")).error().kind, ErrorKind::kInvalid);
  settings.username = std::string(16, 'u');
  const auto long_password = service->configure(host, settings, Secret("123456789012345678901"));
  ASSERT_FALSE(long_password);
  EXPECT_EQ(long_password.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(long_password.error().text().find("12345678901"), std::string::npos);
  EXPECT_TRUE(service->configure(host, settings, Secret("12345678901234567890")));
  EXPECT_EQ(service->configure(HostId{99}, settings, Secret("x")).error().kind,
            ErrorKind::kNotFound);
}

}  // namespace
}  // namespace mold::manager::test
