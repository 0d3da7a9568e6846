// Devices beside the BMC: what the brain is told, who is asked, each in its own line.
#include "fencing/all_drivers.h"
#include "tests/unit/manager/power_world.h"

namespace mold::manager::test {
namespace {

class FenceDevicesTest : public PowerWorldTest {
 protected:
  std::vector<core::FenceLevel> told() const {
    return world.engine->state().hosts.at(host).more_levels;
  }
};

TEST_F(FenceDevicesTest, TheBrainIsToldLevelsInOrder) {
  const auto b = service->add_device(device(3, "outlet 2"), Secret("x"));
  const auto a = service->add_device(device(2, "outlet 1"), Secret("x"));
  const auto c = service->add_device(device(3, "outlet 3"), Secret{});
  ASSERT_TRUE(a && b && c);
  const std::vector<core::FenceLevel> want{{2, {a->id}}, {3, {b->id, c->id}}};
  EXPECT_EQ(told(), want);
  FenceDevice off = *a;
  off.enabled = false;
  ASSERT_TRUE(service->update_device(off, std::nullopt));
  EXPECT_EQ(told(), (std::vector<core::FenceLevel>{{3, {b->id, c->id}}}));
  ASSERT_TRUE(service->remove_device(b->id));
  EXPECT_EQ(told(), (std::vector<core::FenceLevel>{{3, {c->id}}}));
}

TEST_F(FenceDevicesTest, TheBrainIsToldAgainAfterARestart) {
  const auto made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(made);
  ASSERT_TRUE(world.settle());
  restart();
  EXPECT_TRUE(told().empty());
  service->tell_ladders();
  EXPECT_EQ(told(), (std::vector<core::FenceLevel>{{2, {made->id}}}));
  EXPECT_EQ(*world.inventory->fence_devices().find(made->id), *made);
}

TEST_F(FenceDevicesTest, TwoFeedsAreCutAtTheSameTime) {
  const auto second = service->add_device(device(1), Secret("feed"));
  ASSERT_TRUE(second);
  service->request(wish(1, host));
  service->request(wish(2, host, second->id));
  service->request(wish(3, host, second->id));
  ASSERT_EQ(driver.calls.size(), 2U) << "a line for each device, one act at a time in it";
  EXPECT_EQ(driver.calls[0].target.password.reveal(), "old");
  EXPECT_EQ(driver.calls[1].target.driver, "fence_agent");
  EXPECT_EQ(driver.calls[1].target.password.reveal(), "feed");
  driver.read(1, core::PowerState::kOff);
  EXPECT_EQ(driver.calls.size(), 3U);
  ASSERT_NE(service->latest(Feed{host, second->id}), nullptr);
  EXPECT_EQ(service->latest(Feed{host, second->id})->state, core::PowerState::kOff);
  EXPECT_EQ(service->latest(host), nullptr) << "another device's reading is not the BMC's";
}

TEST_F(FenceDevicesTest, AnOffThatADisabledDeviceStillAnswersIsUnknown) {
  const auto made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(made);
  std::vector<Feed> changed;
  service->set_changed([&changed](const Feed& feed) { changed.push_back(feed); });
  const std::uint64_t before = service->revision(Feed{host, made->id});
  service->request(wish(1, host, made->id));
  ASSERT_EQ(driver.calls.size(), 1U);
  FenceDevice off = *made;
  off.enabled = false;
  ASSERT_TRUE(service->update_device(off, std::nullopt));
  EXPECT_GT(service->revision(Feed{host, made->id}), before);
  driver.read(0, core::PowerState::kOff);
  EXPECT_EQ(service->latest(Feed{host, made->id}), nullptr);
  off.enabled = true;
  const std::uint64_t disabled = service->revision(Feed{host, made->id});
  ASSERT_TRUE(service->update_device(off, std::nullopt));
  EXPECT_EQ(service->revision(Feed{host, made->id}), disabled) << "it is the same device";
  EXPECT_TRUE(changed.empty()) << "what is held against it stays known";
}

TEST_F(FenceDevicesTest, ADeviceThatWentIsAFailureNotSilence) {
  const auto made = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(made);
  service->request(wish(1, host, made->id));
  service->request(wish(2, host, made->id));
  ASSERT_TRUE(service->remove_device(made->id));
  driver.keep_silent(0);
  EXPECT_EQ(driver.calls.size(), 1U);
  EXPECT_EQ(service->waiting(), 0U);
  const HostId other = world.add_host("h2");
  const auto theirs = service->add_device(device(), Secret("x"));
  ASSERT_TRUE(theirs);
  service->request(wish(3, other, theirs->id));
  EXPECT_EQ(driver.calls.size(), 1U) << "a device of another host is nobody's";
}

TEST_F(FenceDevicesTest, BadDevicesAreRefused) {
  const auto refused = [&](FenceDevice wrong) {
    const auto made = service->add_device(std::move(wrong), Secret("x"));
    return made ? std::string("taken") : made.error().what;
  };
  FenceDevice wrong = device();
  wrong.driver = "telepathy";
  EXPECT_NE(refused(wrong).find("driver"), std::string::npos);
  wrong = device();
  wrong.options["bad"] = "x";
  EXPECT_NE(refused(wrong).find("no such option"), std::string::npos);
  wrong = device(0);
  EXPECT_NE(refused(wrong).find("level"), std::string::npos);
  wrong = device();
  wrong.port = "0";
  EXPECT_NE(refused(wrong).find("port"), std::string::npos);
  wrong = device();
  wrong.host = HostId{99};
  EXPECT_NE(refused(wrong).find("host"), std::string::npos);
  ASSERT_TRUE(service->add_device(device(2, "twin"), Secret("x")));
  EXPECT_NE(refused(device(2, "twin")).find("exists already"), std::string::npos);
  EXPECT_EQ(world.inventory->fence_devices().size(), 1U);
}

// Through every check that a device meets on its way into the store, with the drivers that ship.
TEST_F(FenceDevicesTest, AHostThatIsADomainCanBeConfigured) {
  service.reset();
  const auto table = fencing::make_all_drivers(*world.loop);
  PowerService::Options real = options();
  real.drivers = table->names();
  PowerService through(*world.engine, *world.inventory, *box, *table, std::move(real));
  FenceDevice below = device(2, "below");
  below.driver = "libvirt";
  below.address = "qemu+ssh://root@below.example:2222/system";
  below.options["domain"] = "node1";
  const auto made = through.add_device(below, Secret{});
  ASSERT_TRUE(made) << made.error().text();
  OobmSettings bmc;
  bmc.driver = "libvirt";
  bmc.address = "qemu:///system";
  bmc.port = "623";  // the API wants both; this driver has no use for them
  bmc.username = "-";
  bmc.options["domain"] = "node1";
  const Status configured = through.configure(host, bmc, Secret("x"));
  EXPECT_TRUE(configured) << configured.error().text();
  for (const char* bad : {"qemu+ext:///system?command=/tmp/x", "QEMU:///system", "below.example",
                          "test:///default"}) {
    below.name = bad;
    below.address = bmc.address = bad;
    const auto refused = through.add_device(below, Secret{});
    ASSERT_FALSE(refused) << bad;
    EXPECT_NE(refused.error().what.find("must be qemu:///system"), std::string::npos)
        << refused.error().what;
    EXPECT_FALSE(through.configure(host, bmc, Secret("x"))) << bad;
  }
}

TEST_F(FenceDevicesTest, PasswordsAreSealedToTheirDevice) {
  auto a = service->add_device(device(), Secret("canary-a"));
  const auto b = service->add_device(device(), Secret("canary-b"));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->sealed_password.find("canary"), std::string::npos);
  a->sealed_password = b->sealed_password;
  EXPECT_FALSE(box->open_device_password(*a)) << "a swapped row gives nothing away";
  FenceDevice changed = *world.inventory->fence_devices().find(b->id);
  changed.level = 4;
  ASSERT_TRUE(service->update_device(changed, std::nullopt));
  EXPECT_EQ(box->open_device_password(*world.inventory->fence_devices().find(b->id))->reveal(),
            "canary-b");
}

TEST_F(FenceDevicesTest, TheyGoWithTheirHost) {
  ASSERT_TRUE(service->add_device(device(), Secret("x")));
  ASSERT_TRUE(world.inventory->remove(host));
  EXPECT_EQ(world.inventory->fence_devices().size(), 0U);
  ASSERT_TRUE(world.settle());
  restart();
  EXPECT_EQ(world.inventory->fence_devices().size(), 0U);
}

TEST_F(FenceDevicesTest, AnotherHostCarriesItOutAndOnlyThatOne) {
  FakeExecutor executor;
  const HostId helper = world.add_host("h2");
  HostId chosen = helper;
  service->set_executor(&executor, [&](const Feed&) { return chosen; });
  service->request(wish(1, host));
  EXPECT_EQ(driver.calls.size(), 1U) << "the helper is not there: the manager itself";
  driver.keep_silent(0);
  executor.up = {helper};
  service->request(wish(2, host));
  EXPECT_EQ(driver.calls.size(), 1U);
  ASSERT_EQ(executor.asked.size(), 1U);
  EXPECT_EQ(executor.asked[0], (std::pair{helper, OpId{2}}));
  chosen = HostId{};
  service->request(wish(2, host));
  EXPECT_EQ(driver.calls.size(), 1U) << "two never race for one op";
  executor.answers[0]({core::Outcome::kUnknown, core::PowerState::kUnknown, ErrorKind::kUnknown,
                       "the executor vanished"});
  EXPECT_EQ(service->waiting(), 0U);
  EXPECT_EQ(service->latest(host)->outcome, core::Outcome::kUnknown);
  service->set_executor(nullptr, {});
}

TEST_F(FenceDevicesTest, APersonsRequestHasItsOwnDeadline) {
  service->set_deadline(OpId{7}, 90s);
  service->request(wish(7, host));
  ASSERT_EQ(driver.calls.size(), 1U);
  EXPECT_EQ(driver.calls[0].deadline, 90s);
  driver.read(0, core::PowerState::kOff);
  service->request(wish(8, host));
  EXPECT_EQ(driver.calls[1].deadline, 1s);
}

}  // namespace
}  // namespace mold::manager::test
