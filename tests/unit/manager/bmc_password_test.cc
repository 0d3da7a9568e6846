// Changing a BMC's password: whatever happens when, the password that holds is not lost.
#include <algorithm>

#include "tests/unit/manager/power_world.h"

namespace mold::manager::test {
namespace {

class BmcPasswordTest : public PowerWorldTest {
 protected:
  void change(const std::string& to) {
    const Status begun = service->change_password(
        host, Secret(to), 5s, [this](const port::PowerResult& r) { told.push_back(r); });
    ASSERT_TRUE(begun) << begun.error().text();
    ASSERT_TRUE(world.loop->run_until([this] { return !driver.changes.empty(); }, 10s));
  }
  std::string opened() const {
    return box->open_oobm_password(*world.inventory->hosts().find(host))->reveal();
  }
  std::string pending() const {
    return box->open_pending_password(*world.inventory->hosts().find(host))->reveal();
  }
  void status(std::uint64_t op) { service->request(wish(op, host, {}, core::PowerVerb::kStatus)); }
  std::vector<port::PowerResult> told;
};

TEST_F(BmcPasswordTest, BothAreOnDiskBeforeTheBmcIsAsked) {
  ASSERT_TRUE(service->change_password(host, Secret("new"), 5s, [](const auto&) {}));
  EXPECT_TRUE(driver.changes.empty()) << "not before the store has it";
  ASSERT_TRUE(world.loop->run_until([this] { return !driver.changes.empty(); }, 10s));
  EXPECT_EQ(driver.changes[0].target.password.reveal(), "old");
  EXPECT_EQ(driver.changes[0].fresh.reveal(), "new");
  restart();
  EXPECT_EQ(opened(), "old");
  EXPECT_EQ(pending(), "new");
}

TEST_F(BmcPasswordTest, ConfirmedIsTheNewOne) {
  change("new");
  driver.end_change(0, core::Outcome::kConfirmed);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(opened(), "new");
  EXPECT_TRUE(oobm().pending_password.empty());
  ASSERT_TRUE(world.settle());
  restart();
  EXPECT_EQ(opened(), "new");
}

TEST_F(BmcPasswordTest, FailedIsTheOldOne) {
  change("new");
  driver.end_change(0, core::Outcome::kFailed);
  EXPECT_EQ(opened(), "old");
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(BmcPasswordTest, UnknownIsSettledByALoginWithTheNewOne) {
  change("new");
  driver.end_change(0, core::Outcome::kUnknown);
  EXPECT_EQ(opened(), "old");
  EXPECT_EQ(pending(), "new");
  service->request(wish(1, host));
  ASSERT_EQ(driver.calls.size(), 1U);
  EXPECT_EQ(driver.calls[0].target.password.reveal(), "old");
  driver.refuse(0);
  ASSERT_EQ(driver.calls.size(), 2U) << "the same request with the other password";
  EXPECT_EQ(driver.calls[1].target.password.reveal(), "new");
  EXPECT_EQ(driver.calls[1].verb, core::PowerVerb::kOff);
  EXPECT_EQ(service->waiting(), 1U) << "not answered yet";
  driver.read(1, core::PowerState::kOff);
  EXPECT_EQ(service->waiting(), 0U);
  EXPECT_EQ(service->latest(host)->state, core::PowerState::kOff);
  EXPECT_EQ(opened(), "new");
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(BmcPasswordTest, UnknownIsSettledByALoginWithTheOldOne) {
  change("new");
  driver.end_change(0, core::Outcome::kUnknown);
  status(1);
  driver.keep_silent(0);
  EXPECT_EQ(pending(), "new") << "silence settles nothing";
  status(2);
  driver.read(1, core::PowerState::kOn);
  EXPECT_EQ(opened(), "old");
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(BmcPasswordTest, NeitherIsToldAsThat) {
  change("new");
  driver.end_change(0, core::Outcome::kUnknown);
  status(1);
  driver.refuse(0);
  driver.refuse(1);
  EXPECT_NE(service->latest(host)->text.find("neither"), std::string::npos);
  EXPECT_EQ(pending(), "new");
}

TEST_F(BmcPasswordTest, AnOldLoginDuringTheChangeSettlesNothing) {
  change("new");
  status(1);
  driver.read(0, core::PowerState::kOn);
  EXPECT_EQ(pending(), "new") << "the change may still land";
  driver.end_change(0, core::Outcome::kConfirmed);
  EXPECT_EQ(opened(), "new");
}

TEST_F(BmcPasswordTest, AChangeThatWasCutOffMayLandLate) {
  late_change = 60min;
  change("new");
  restart();
  status(1);
  driver.read(0, core::PowerState::kOn);
  EXPECT_EQ(pending(), "new") << "too soon after the restart to forget it";
  status(2);
  driver.refuse(1);
  driver.read(2, core::PowerState::kOn);
  EXPECT_EQ(opened(), "new");
}

TEST_F(BmcPasswordTest, OneAtATimeAndConfiguringAnewEndsIt) {
  change("new");
  const Status second = service->change_password(host, Secret("third"), 5s, [](const auto&) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  configure(host, "by hand");
  driver.end_change(0, core::Outcome::kConfirmed);
  EXPECT_EQ(opened(), "by hand") << "a late answer changes nothing";
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(BmcPasswordTest, ABmcThatWasConfiguredAnewMeanwhileIsNotAskedOfBefore) {
  ASSERT_TRUE(service->change_password(host, Secret("new"), 5s,
                                       [this](const port::PowerResult& r) { told.push_back(r); }));
  configure(host, "by hand");
  ASSERT_TRUE(world.loop->run_until([this] { return !told.empty(); }, 10s));
  EXPECT_TRUE(driver.changes.empty()) << "nothing is sent to the BMC of before";
  EXPECT_EQ(told[0].outcome, core::Outcome::kFailed);
  EXPECT_EQ(opened(), "by hand");
}

TEST_F(BmcPasswordTest, AConfirmedChangeOnTheBmcOfBeforeIsNoSuccess) {
  change("new");
  configure(host, "by hand");
  driver.end_change(0, core::Outcome::kConfirmed);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].outcome, core::Outcome::kUnknown);
  EXPECT_EQ(told[0].text, "the settings of this device were changed meanwhile");
}

TEST_F(BmcPasswordTest, TheSecondPasswordIsNotTriedWhereTheFirstOneWasChanged) {
  change("new");
  driver.end_change(0, core::Outcome::kUnknown);
  service->request(wish(1, host));
  configure(host, "by hand");
  driver.refuse(0);
  EXPECT_EQ(driver.calls.size(), 1U);
  EXPECT_EQ(service->waiting(), 0U);
}

TEST_F(BmcPasswordTest, AskingWhetherItMayChangesNothing) {
  EXPECT_TRUE(service->check_change_password(host, Secret("new")));
  EXPECT_FALSE(service->check_change_password(host, Secret("")));
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(BmcPasswordTest, WhatTheDriverCannotUseIsRefusedAtOnce) {
  for (const char* bad : {"", "123456789012345678901"}) {
    const Status refused = service->change_password(host, Secret(bad), 5s, [](const auto&) {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::kInvalid);
    EXPECT_EQ(refused.error().text().find("12345678901"), std::string::npos);
  }
  EXPECT_TRUE(oobm().pending_password.empty());
}

TEST_F(BmcPasswordTest, MadeOnesSuitEveryBmc) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string made = make_bmc_password().reveal();
    EXPECT_EQ(made.size(), 16U);
    EXPECT_TRUE(seen.insert(made).second);
    EXPECT_TRUE(std::all_of(made.begin(), made.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '.';
    }));
    EXPECT_NE(std::isalnum(static_cast<unsigned char>(made[0])), 0);
  }
}

}  // namespace
}  // namespace mold::manager::test
