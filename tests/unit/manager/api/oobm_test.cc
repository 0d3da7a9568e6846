// Jobs of out-of-band management and of fence drills: open, durable, before anything is asked of a
// BMC, and always ended.
#include <variant>

#include "manager/api/call.h"
#include "manager/api/jobs.h"
#include "tests/unit/manager/power_world.h"

namespace mold::manager::api {
namespace {

class OobmJobs : public test::PowerWorldTest {
 protected:
  void SetUp() override {
    PowerWorldTest::SetUp();
    open_house();
  }
  void open_house() {
    drills = std::make_unique<DrillService>(*world.loop, *world.engine, *world.inventory, *service,
                                            DrillService::Options{});
    poll = std::make_unique<PowerPoll>(*world.loop, *world.engine, *world.inventory, *service);
    storage = std::make_unique<StorageService>(*world.loop, *world.engine, *world.inventory, *box,
                                               StorageService::Options{});
    house = std::make_shared<CallHouse>(
        CallHouse{Services{*world.loop, *world.engine, *world.inventory, *world.registry, *service,
                           *drills, *poll, *storage, ApiSettings{}},
                  build_command_table()});
  }
  void restart_all() {
    house.reset();
    storage.reset();
    poll.reset();
    drills.reset();
    restart();
    open_house();
    world.engine->start();
  }
  ApiResult<BegunJob> begin(std::string_view command,
                            const std::map<std::string, std::string>& given) {
    const CommandSpec& spec = *house->table.find(command);
    ApiResult<Params> params = Params::read(command, spec.params, given);
    if (!params) return tl::unexpected(params.error());
    Call call(house, spec, std::move(*params), Caller{}, Page{}, Format::kJson, nullptr);
    return std::get<Begin>(spec.handler)(call);
  }
  const JobRecord& job(const ApiResult<BegunJob>& begun) {
    EXPECT_TRUE(world.settle());
    const JobRecord* const found = world.engine->jobs().find_uuid(begun->job_uuid);
    EXPECT_NE(found, nullptr);
    return *found;
  }
  std::string uuid(HostId id) const { return world.inventory->hosts().find(id)->uuid; }

  std::unique_ptr<DrillService> drills;
  std::unique_ptr<PowerPoll> poll;
  std::unique_ptr<StorageService> storage;
  std::shared_ptr<CallHouse> house;
};

TEST_F(OobmJobs, ASwitchOfAClusterThatIsRefusedMidwayEndsAndSwitchesTheOthers) {
  const HostId second = world.add_host("h2");
  const HostId third = world.add_host("h3");
  for (const HostId id : {second, third}) configure(id);
  // As an older version may have stored it: no change of this record is taken.
  HostRecord odd = *world.inventory->hosts().find(second);
  odd.address = "no address";
  world.engine->put(odd);
  ASSERT_TRUE(world.settle());
  restart_all();
  const std::string cluster = world.inventory->clusters().find(world.cluster)->uuid;
  const auto begun = begin("disableOutOfBandManagementForCluster", {{"clusterid", cluster}});
  ASSERT_TRUE(begun) << begun.error().text;
  const JobRecord& ended = job(begun);
  EXPECT_EQ(ended.status, core::JobStatus::kFailed);
  EXPECT_EQ(ended.result_code, 431);
  EXPECT_NE(ended.result_json.find("not switched: h2: address"), std::string::npos)
      << ended.result_json;
  EXPECT_FALSE(world.inventory->hosts().find(host)->oobm.enabled);
  EXPECT_TRUE(world.inventory->hosts().find(second)->oobm.enabled);
  EXPECT_FALSE(world.inventory->hosts().find(third)->oobm.enabled);
  const auto alone = begin("disableOutOfBandManagementForHost", {{"hostid", uuid(second)}});
  ASSERT_TRUE(alone) << alone.error().text;
  EXPECT_EQ(job(alone).status, core::JobStatus::kFailed);
}

TEST_F(OobmJobs, ASwitchOfAClusterSucceeds) {
  const std::string cluster = world.inventory->clusters().find(world.cluster)->uuid;
  const auto begun = begin("disableOutOfBandManagementForCluster", {{"clusterid", cluster}});
  ASSERT_TRUE(begun);
  EXPECT_EQ(job(begun).status, core::JobStatus::kSucceeded);
}

TEST_F(OobmJobs, DisablingABmcVoidsWhatIsUnderWayThere) {
  const std::uint64_t before = service->revision(Feed{host, {}});
  ASSERT_TRUE(begin("disableOutOfBandManagementForHost", {{"hostid", uuid(host)}}));
  const std::uint64_t disabled = service->revision(Feed{host, {}});
  EXPECT_GT(disabled, before);
  ASSERT_TRUE(begin("enableOutOfBandManagementForHost", {{"hostid", uuid(host)}}));
  EXPECT_EQ(service->revision(Feed{host, {}}), disabled);
}

TEST_F(OobmJobs, TheJobOfAPasswordIsDurableBeforeTheBmcIsAsked) {
  const auto begun = begin("changeOutOfBandManagementPassword", {{"hostid", uuid(host)}});
  ASSERT_TRUE(begun) << begun.error().text;
  EXPECT_TRUE(driver.changes.empty());
  ASSERT_TRUE(world.loop->run_until([this] { return !driver.changes.empty(); }, 10s));
  restart_all();  // a crash while the BMC works
  const JobRecord& ended = job(begun);
  EXPECT_EQ(ended.status, core::JobStatus::kFailed);
  EXPECT_NE(ended.result_json.find("restarted"), std::string::npos);
  EXPECT_FALSE(oobm().pending_password.empty()) << "and both passwords are kept";
}

TEST_F(OobmJobs, APasswordThatIsRefusedOpensNoJob) {
  const auto begun = begin("changeOutOfBandManagementPassword",
                           {{"hostid", uuid(host)}, {"password", "123456789012345678901"}});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().status, 431);
  EXPECT_TRUE(world.engine->jobs().all().empty());
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(OobmJobs, EveryEndOfAPasswordEndsItsJob) {
  for (const core::Outcome outcome : {core::Outcome::kConfirmed, core::Outcome::kFailed}) {
    const std::size_t before = driver.changes.size();
    const auto begun = begin("changeOutOfBandManagementPassword", {{"hostid", uuid(host)}});
    ASSERT_TRUE(begun) << begun.error().text;
    ASSERT_TRUE(world.loop->run_until([&] { return driver.changes.size() > before; }, 10s));
    driver.end_change(before, outcome);
    EXPECT_EQ(job(begun).status, outcome == core::Outcome::kConfirmed ? core::JobStatus::kSucceeded
                                                                      : core::JobStatus::kFailed);
  }
  const auto begun = begin("changeOutOfBandManagementPassword", {{"hostid", uuid(host)}});
  ASSERT_TRUE(begun);
  configure(host, "by hand");
  EXPECT_EQ(job(begun).status, core::JobStatus::kFailed);
  EXPECT_EQ(driver.changes.size(), 2U);
}

TEST_F(OobmJobs, TheJobOfADrillIsDurableBeforeADeviceIsAsked) {
  const auto begun = begin("runFenceDrill", {{"hostid", uuid(host)}});
  ASSERT_TRUE(begun) << begun.error().text;
  EXPECT_TRUE(driver.calls.empty());
  ASSERT_TRUE(world.loop->run_until([this] { return !driver.calls.empty(); }, 10s));
  restart_all();  // a crash while the BMC is read
  const JobRecord& ended = job(begun);
  EXPECT_EQ(ended.status, core::JobStatus::kFailed);
  EXPECT_NE(ended.result_json.find("restarted"), std::string::npos);
}

TEST_F(OobmJobs, EveryEndOfADrillEndsItsJob) {
  const auto good = begin("runFenceDrill", {{"hostid", uuid(host)}});
  ASSERT_TRUE(good) << good.error().text;
  ASSERT_TRUE(world.loop->run_until([this] { return !driver.calls.empty(); }, 10s));
  driver.read(0, core::PowerState::kOn);
  driver.say_identity(0, {});
  EXPECT_EQ(job(good).status, core::JobStatus::kSucceeded);
  EXPECT_NE(job(good).result_json.find("\"fencedrill\":[{"), std::string::npos)
      << job(good).result_json;
  service->request(wish(1, host));
  const auto busy = begin("runFenceDrill", {{"hostid", uuid(host)}});
  ASSERT_TRUE(busy) << busy.error().text;
  EXPECT_EQ(job(busy).status, core::JobStatus::kFailed);
  EXPECT_NE(job(busy).result_json.find("busy"), std::string::npos) << job(busy).result_json;
}

TEST_F(OobmJobs, NothingToDrillOpensNoJob) {
  const auto begun = begin("runFenceDrill", {{"hostid", uuid(world.add_host("h2"))}});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().status, 431);
  EXPECT_TRUE(world.engine->jobs().all().empty());
}

}  // namespace
}  // namespace mold::manager::api
