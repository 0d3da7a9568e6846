// Readings for people (poll) and fence drills: bounded, told once, never in the brain's way.
#include "manager/power/drill_service.h"
#include "manager/power/power_poll.h"
#include "manager/power/power_settings.h"
#include "tests/unit/manager/power_world.h"

namespace mold::manager::test {
namespace {

class PollTest : public PowerWorldTest {
 protected:
  void SetUp() override {
    PowerWorldTest::SetUp();
    poll = std::make_unique<PowerPoll>(*world.loop, *world.engine, *world.inventory, *service);
  }
  void round_that(const std::function<void(std::size_t)>& answers) {
    const std::size_t before = driver.calls.size();
    poll->begin_round();
    ASSERT_EQ(driver.calls.size(), before + 1);
    answers(before);
  }
  std::unique_ptr<PowerPoll> poll;
};

TEST_F(PollTest, AReadingIsShownAndAChangeIsToldOnce) {
  round_that([&](std::size_t c) { driver.read(c, core::PowerState::kOn); });
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kOn);
  round_that([&](std::size_t c) { driver.read(c, core::PowerState::kOn); });
  round_that([&](std::size_t c) { driver.keep_silent(c); });
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kUnknown);
  round_that([&](std::size_t c) { driver.read(c, core::PowerState::kOff); });
  round_that([&](std::size_t c) { driver.read(c, core::PowerState::kOff); });
  const auto told = events("HOST.OOBM.POWER_STATE_TRANSITION");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].description, "Power of host h1: on -> off");
  EXPECT_EQ(world.engine->state().hosts.at(host).power, core::PowerState::kUnknown)
      << "the brain is not told";
}

TEST_F(PollTest, AFailingBmcIsToldOnceAndItsReturnOnce) {
  for (int i = 0; i < 10; ++i) round_that([&](std::size_t c) { driver.keep_silent(c); });
  EXPECT_EQ(poll->failing(), 1U);
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kUnknown);
  EXPECT_EQ(events("HOST.OOBM.POLL.FAILED").size(), 1U);
  for (int i = 0; i < 3; ++i)
    round_that([&](std::size_t c) { driver.read(c, core::PowerState::kOn); });
  EXPECT_EQ(events("HOST.OOBM.POLL.RECOVERED").size(), 1U);
  EXPECT_EQ(events("HOST.OOBM.POLL.FAILED").size(), 1U);
  round_that([&](std::size_t c) { driver.keep_silent(c); });
  EXPECT_EQ(events("HOST.OOBM.POLL.FAILED").size(), 1U) << "one lost answer is weather";
}

TEST_F(PollTest, ARefusedPasswordIsToldOnceADay) {
  for (int i = 0; i < 5; ++i) {
    round_that([&](std::size_t c) { driver.refuse(c); });
    round_that([&](std::size_t c) { driver.read(c, core::PowerState::kOn); });
  }
  EXPECT_EQ(events("ALERT.OOBM.AUTHERROR").size(), 1U);
  EXPECT_EQ(events("HOST.OOBM.POLL.FAILED").size(), 0U);
}

TEST_F(PollTest, ABusyHostIsLeftOutAndNothingWaitsForAPoll) {
  service->request(wish(1, host));
  ASSERT_EQ(driver.calls.size(), 1U);
  poll->begin_round();
  EXPECT_EQ(driver.calls.size(), 1U) << "a request of the brain is under way";
  EXPECT_TRUE(poll->idle());
  driver.read(0, core::PowerState::kOn);
  poll->begin_round();
  ASSERT_EQ(driver.calls.size(), 2U);
  service->request(wish(2, host, {}, core::PowerVerb::kStatus));
  EXPECT_EQ(driver.calls.size(), 3U) << "beside the poll's reading";
  driver.read(2, core::PowerState::kOn);
  service->request(wish(3, host));
  driver.read(3, core::PowerState::kOff);
  driver.read(1, core::PowerState::kOn);
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kOff) << "the poll began before";
}

TEST_F(PollTest, SoManyAtATimeAndARoundAfterTheOther) {
  for (int i = 2; i <= 7; ++i) configure(world.add_host("h" + std::to_string(i)));
  ASSERT_TRUE(set_power_setting(*world.inventory, std::string(kPollPool), "3"));
  poll->begin_round();
  EXPECT_EQ(driver.calls.size(), 3U);
  poll->begin_round();
  EXPECT_EQ(driver.calls.size(), 3U);
  for (std::size_t i = 0; i < 7; ++i) driver.read(i, core::PowerState::kOn);
  EXPECT_TRUE(poll->idle());
  EXPECT_EQ(poll->rounds(), 1U);
  EXPECT_EQ(poll->readings(), 7U);
}

TEST_F(PollTest, WhatTheOldBmcSaidIsNotShown) {
  for (int i = 0; i < 3; ++i) {
    const std::size_t call = driver.calls.size();
    poll->begin_round();
    configure(host, "password " + std::to_string(i));
    if (i == 0)
      driver.read(call, core::PowerState::kOff);
    else
      driver.keep_silent(call);
  }
  EXPECT_EQ(service->latest(host), nullptr);
  EXPECT_EQ(poll->failing(), 0U) << "nor is its silence the new one's";
  EXPECT_TRUE(poll->idle());
}

TEST_F(PollTest, SettingsHaveBounds) {
  const std::string name(kPollInterval);
  EXPECT_EQ(power_setting(*world.inventory, name), 30);
  for (const char* bad : {"0", "-1", "x", "", "99999999", "4.5"}) {
    const Status set = set_power_setting(*world.inventory, name, bad);
    ASSERT_FALSE(set) << bad;
    EXPECT_EQ(set.error().kind, ErrorKind::kInvalid);
  }
  EXPECT_EQ(set_power_setting(*world.inventory, "no.such", "1").error().kind, ErrorKind::kNotFound);
  ASSERT_TRUE(set_power_setting(*world.inventory, name, " 4 "));
  EXPECT_EQ(power_setting_seconds(*world.inventory, name), 4s);
}

const std::string kUuid = "00112233-4455-6677-8899-aabbccddeeff";

class DrillServiceTest : public PowerWorldTest {
 protected:
  void SetUp() override {
    PowerWorldTest::SetUp();
    HostRecord record = *world.inventory->hosts().find(host);
    record.facts_json = R"({"product_uuid":")" + kUuid + R"(","product_serial":"S1"})";
    ASSERT_TRUE(world.inventory->update(record));
    make_drills();
  }
  void make_drills() {
    DrillService::Options drill_options;
    drill_options.doubts = world.doubts;
    drill_options.last_heard = [this](HostId) -> std::optional<Instant> {
      if (!heard) return std::nullopt;
      return world.loop->now() + 1s;
    };
    drill_options.second_look = 0ms;
    drills = std::make_unique<DrillService>(*world.loop, *world.engine, *world.inventory, *service,
                                            std::move(drill_options));
  }
  void restart_all() {
    ASSERT_TRUE(world.settle());
    drills.reset();
    restart();
    make_drills();
  }
  std::string why_not(const Feed& feed) const { return drills->veto(feed); }
  // One drill of the only path.
  void drill(const std::function<void(std::size_t)>& reading, const std::string& uuid = {}) {
    const std::size_t call = driver.calls.size();
    const std::size_t identification = driver.identifications.size();
    bool ended = false;
    const Status begun = drills->run_now(host, [&ended] { ended = true; });
    ASSERT_TRUE(begun) << begun.error().text();
    ASSERT_EQ(driver.calls.size(), call + 1);
    EXPECT_EQ(driver.calls[call].verb, core::PowerVerb::kStatus) << "harmless";
    reading(call);
    if (driver.identifications.size() > identification)
      driver.say_identity(identification, {uuid, {}, {}});
    if (!ended) drills->turn();
    EXPECT_TRUE(ended);
  }
  void good(const std::string& uuid = kUuid) {
    drill([this](std::size_t c) { driver.read(c, core::PowerState::kOn); }, uuid);
  }
  core::DrillView view() const { return *drills->book().host_view(host, world.loop->now()); }

  bool heard = true;
  std::unique_ptr<DrillService> drills;
};

TEST_F(DrillServiceTest, AGoodPath) {
  good();
  EXPECT_EQ(view().state, core::DrillState::kGood) << view().reason;
  EXPECT_EQ(view().score, 100);
  EXPECT_EQ(view().identity, core::IdentityVerdict::kSame);
  good("33221100-5544-7766-8899-AABBCCDDEEFF");
  EXPECT_EQ(view().identity, core::IdentityVerdict::kSame) << "the other byte order";
  EXPECT_TRUE(events("HOST.FENCE.DRILL.FAILED").empty());
}

TEST_F(DrillServiceTest, ABmcOfAnotherMachineIsFoundBeforeItIsNeeded) {
  const std::string other = "deadbeef-4455-6677-8899-aabbccddeeff";
  good(other);
  EXPECT_EQ(view().state, core::DrillState::kBad);
  EXPECT_EQ(view().reason, "this BMC belongs to another machine: it says uuid " + other +
                               ", the host says uuid " + kUuid + ", serial S1");
  const auto told = events("HOST.FENCE.DRILL.FAILED");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].level, EventLevel::kError);
  EXPECT_NE(told[0].description.find(other), std::string::npos);
}

TEST_F(DrillServiceTest, OffWhileTheHostRunsIsAWrongMachineToo) {
  drill([this](std::size_t c) { driver.read(c, core::PowerState::kOff); });
  EXPECT_EQ(view().state, core::DrillState::kBad);
  heard = false;
  drill([this](std::size_t c) { driver.read(c, core::PowerState::kOff); }, kUuid);
  EXPECT_EQ(view().state, core::DrillState::kBad) << "it died meanwhile: that off proves nothing";
  heard = true;
  good();
  EXPECT_TRUE(drills->veto(Feed{host, {}}).empty());
  heard = false;
  drill([this](std::size_t c) { driver.read(c, core::PowerState::kOff); }, kUuid);
  EXPECT_TRUE(drills->veto(Feed{host, {}}).empty()) << "a host that is off is off";
}

TEST_F(DrillServiceTest, AHostThatJustDiedMakesNoLiarOfItsBmc) {
  bool ended = false;
  ASSERT_TRUE(drills->run_now(host, [&ended] { ended = true; }));
  driver.read(0, core::PowerState::kOff);
  EXPECT_TRUE(driver.identifications.empty()) << "it was heard a moment ago: a second look";
  heard = false;
  drills->turn();
  ASSERT_EQ(driver.identifications.size(), 1U);
  driver.say_identity(0, {kUuid, {}, {}});
  EXPECT_TRUE(ended);
  EXPECT_TRUE(drills->veto(Feed{host, {}}).empty());
}

TEST_F(DrillServiceTest, ADeviceOfAnotherMachineIsNotUsed) {
  service->set_veto([this](const Feed& feed) { return drills->veto(feed); });
  good("deadbeef-4455-6677-8899-aabbccddeeff");
  const std::size_t before = driver.calls.size();
  service->request(wish(1, host));
  service->request(wish(2, host, {}, core::PowerVerb::kStatus));
  EXPECT_EQ(driver.calls.size(), before) << "neither cut nor read: both would prove";
  EXPECT_EQ(service->waiting(), 0U);
  ASSERT_TRUE(set_power_setting(*world.inventory, std::string(kIdentityEnforced), "0"));
  service->request(wish(3, host));
  EXPECT_EQ(driver.calls.size(), before + 1) << "on the operator's word";
  driver.keep_silent(before);
  ASSERT_TRUE(set_power_setting(*world.inventory, std::string(kIdentityEnforced), "1"));
  good();
  service->request(wish(4, host));
  EXPECT_EQ(driver.calls.size(), before + 3);
}

TEST_F(DrillServiceTest, ToldWhenItGetsWorseAndWhenItIsGoodAgain) {
  for (int i = 0; i < 4; ++i) good();
  for (int i = 0; i < 6; ++i) drill([this](std::size_t c) { driver.keep_silent(c); });
  EXPECT_EQ(events("HOST.FENCE.DRILL.FAILED").size(), 2U) << "degraded, then bad";
  for (int i = 0; i < 6; ++i) good();
  EXPECT_EQ(events("HOST.FENCE.DRILL.RECOVERED").size(), 1U);
  EXPECT_EQ(events("HOST.FENCE.DRILL.FAILED").size(), 2U);
}

TEST_F(DrillServiceTest, DueOnesAreRunByTheRasterAndBusyDevicesLater) {
  drills->turn();
  EXPECT_TRUE(drills->book().hosts().contains(host));
  service->request(wish(1, host));
  const Status busy = drills->run_now(host, [] {});
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().kind, ErrorKind::kBusy);
  const HostId bare = world.add_host("h2");
  EXPECT_EQ(drills->run_now(bare, [] {}).error().kind, ErrorKind::kNotFound);
}

TEST_F(DrillServiceTest, OtherHostsTryTooAndTheBestIsChosen) {
  FakeExecutor executor;
  for (int i = 2; i <= 6; ++i) executor.up.insert(world.add_host("h" + std::to_string(i)));
  executor.up.insert(host);
  drills->set_executor(&executor);
  service->set_executor(&executor, {});
  ASSERT_TRUE(drills->run_now(host, [] {}));
  ASSERT_EQ(driver.calls.size(), 1U);
  ASSERT_EQ(executor.asked.size(), 3U) << "a few, never the host itself";
  for (const auto& [who, op] : executor.asked) {
    EXPECT_NE(who, host);
    EXPECT_FALSE(op);
  }
  const HostId best = executor.asked[1].first;
  EXPECT_EQ(drills->choose(Feed{host, {}}), HostId{}) << "nothing is known yet: the manager";
  driver.keep_silent(0);
  executor.answers[1]({core::Outcome::kConfirmed, core::PowerState::kOn, {}, "read"});
  ASSERT_EQ(executor.identifications.size(), 1U) << "asked by the same host";
  executor.identifications[0]({core::Outcome::kConfirmed, {kUuid, {}, {}}, {}, {}});
  EXPECT_EQ(drills->choose(Feed{host, {}}), best);
  EXPECT_EQ(view().state, core::DrillState::kGood) << "one way that works is enough";
  executor.up.erase(best);
  EXPECT_NE(drills->choose(Feed{host, {}}), best) << "it went";
  EXPECT_EQ(service->read(Feed{host, {}}, best, 1s, {}).error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(events("HOST.FENCE.DRILL.FAILED").empty());
  service->set_executor(nullptr, {});
}

const std::string kStranger = "deadbeef-4455-6677-8899-aabbccddeeff";

TEST_F(DrillServiceTest, WhatWasUnderWayWhenDoubtCameIsNotCounted) {
  service->set_veto([this](const Feed& feed) { return why_not(feed); });
  ASSERT_TRUE(drills->run_now(host, [] {}));
  driver.read(0, core::PowerState::kOn);
  service->request(wish(1, host));
  ASSERT_EQ(driver.calls.size(), 2U);
  driver.say_identity(0, {kStranger, {}, {}});
  driver.read(1, core::PowerState::kOff);
  EXPECT_EQ(world.engine->state().hosts.at(host).power, core::PowerState::kUnknown);
  EXPECT_EQ(service->waiting(), 0U);
}

TEST_F(DrillServiceTest, DoubtOutlivesARestartAndHoldsBeforeAnythingIsAsked) {
  good(kStranger);
  const std::string why = why_not(Feed{host, {}});
  ASSERT_NE(why.find("another machine"), std::string::npos);
  restart_all();
  EXPECT_EQ(why_not(Feed{host, {}}), why) << "no drill was run yet, no path is known";
  service->set_veto([this](const Feed& feed) { return why_not(feed); });
  service->request(wish(1, host));
  EXPECT_TRUE(driver.calls.empty());
  good(kStranger);
  EXPECT_EQ(view().state, core::DrillState::kBad);
  good();
  EXPECT_TRUE(why_not(Feed{host, {}}).empty()) << "a drill found the right machine";
  restart_all();
  EXPECT_TRUE(why_not(Feed{host, {}}).empty()) << "that is kept too";
  EXPECT_TRUE(world.doubts.empty());
}

TEST_F(DrillServiceTest, AContradictionIsKeptToo) {
  drill([this](std::size_t c) { driver.read(c, core::PowerState::kOff); });
  heard = false;  // it dies while the manager is away: now an "off" would be believed
  restart_all();
  drill([this](std::size_t c) { driver.read(c, core::PowerState::kOff); }, kUuid);
  EXPECT_FALSE(why_not(Feed{host, {}}).empty());
}

TEST_F(DrillServiceTest, DoubtIsDurableBeforeAnythingThatFollowsFromIt) {
  good(kStranger);
  bool committed = false;
  world.engine->when_durable([&committed](const Status& stored) { committed = bool(stored); });
  ASSERT_TRUE(world.loop->run_until([&committed] { return committed; }, 10s));
  drills.reset();
  restart();  // a crash right after that commit
  ASSERT_EQ(world.doubts.size(), 1U);
  EXPECT_EQ(world.doubts[0].host, host);
  EXPECT_TRUE(world.doubts[0].other_machine);
}

TEST_F(DrillServiceTest, DoubtEndsWithTheSettingsAndWithTheDeviceForGood) {
  good(kStranger);
  configure(host);
  EXPECT_FALSE(why_not(Feed{host, {}}).empty()) << "the very same settings change nothing";
  configure(host, "another password");
  EXPECT_TRUE(why_not(Feed{host, {}}).empty());
  good(kStranger);
  const auto made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(made);
  restart_all();
  EXPECT_FALSE(why_not(Feed{host, {}}).empty());
  ASSERT_TRUE(world.inventory->remove(host));
  drills->turn();
  restart_all();
  EXPECT_TRUE(world.doubts.empty()) << "nobody will ask for these any more";
}

TEST_F(DrillServiceTest, ANewNameIsNoNewDevice) {
  auto made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(made);
  const Feed feed{host, made->id};
  const std::uint64_t before = service->revision(feed);
  made->name = "renamed";
  made->level = 3;
  ASSERT_TRUE(service->update_device(*made, std::nullopt));
  EXPECT_EQ(service->revision(feed), before);
  made->address = "10.0.0.10";
  ASSERT_TRUE(service->update_device(*made, Secret("x")));
  EXPECT_GT(service->revision(feed), before);
}

TEST_F(DrillServiceTest, ADrillOfTheOldSettingsIsNeitherScoredNorBelieved) {
  bool ended = false;
  ASSERT_TRUE(drills->run_now(host, [&ended] { ended = true; }));
  configure(host, "changed");
  driver.read(0, core::PowerState::kOn);
  EXPECT_TRUE(driver.identifications.empty()) << "another device answered";
  ASSERT_EQ(driver.calls.size(), 2U) << "tried again as it is now";
  EXPECT_EQ(driver.calls[1].target.password.reveal(), "changed");
  EXPECT_FALSE(ended);
  driver.read(1, core::PowerState::kOn);
  ASSERT_EQ(driver.identifications.size(), 1U);
  configure(host, "once more");
  driver.say_identity(0, {kStranger, {}, {}});
  EXPECT_TRUE(why_not(Feed{host, {}}).empty()) << "the machine behind the old address";
  EXPECT_EQ(view().trials, 0U);
  ASSERT_EQ(driver.calls.size(), 3U);
  driver.read(2, core::PowerState::kOn);
  driver.say_identity(1, {kUuid, {}, {}});
  EXPECT_TRUE(ended);
  EXPECT_EQ(view().state, core::DrillState::kGood);
  EXPECT_TRUE(events("HOST.FENCE.DRILL.FAILED").empty());
}

TEST_F(DrillServiceTest, ASuspicionAgainstTheOldSettingsIsDropped) {
  bool ended = false;
  ASSERT_TRUE(drills->run_now(host, [&ended] { ended = true; }));
  driver.read(0, core::PowerState::kOff);  // it is heard: looked at a second time
  configure(host, "changed");
  drills->turn();
  EXPECT_TRUE(why_not(Feed{host, {}}).empty());
  ASSERT_EQ(driver.calls.size(), 2U);
  driver.read(1, core::PowerState::kOn);
  driver.say_identity(0, {kUuid, {}, {}});
  EXPECT_TRUE(ended);
  EXPECT_EQ(view().state, core::DrillState::kGood);
}

TEST_F(DrillServiceTest, ADrillOfADeviceThatWentEnds) {
  const auto made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(made);
  bool ended = false;
  ASSERT_TRUE(drills->run_now(host, [&ended] { ended = true; }));
  ASSERT_EQ(driver.calls.size(), 2U);
  ASSERT_TRUE(service->remove_device(made->id));
  driver.read(0, core::PowerState::kOn);
  driver.say_identity(0, {kUuid, {}, {}});
  EXPECT_FALSE(ended);
  driver.read(1, core::PowerState::kOn);
  EXPECT_TRUE(ended);
  EXPECT_EQ(driver.calls.size(), 2U);
}

TEST_F(DrillServiceTest, WhatWasLearnedEndsWithTheSettings) {
  good();
  configure(host, "changed");
  EXPECT_EQ(view().state, core::DrillState::kUnknown);
  const auto device_made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(device_made);
  drills->turn();
  EXPECT_EQ(drills->book().paths_of(host).size(), 2U);
  ASSERT_TRUE(service->remove_device(device_made->id));
  drills->turn();
  EXPECT_EQ(drills->book().paths_of(host).size(), 1U);
}

}  // namespace
}  // namespace mold::manager::test
