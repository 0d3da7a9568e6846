// What the Redfish driver does beyond the contract: which types it sends to which BMC, that an
// action leaves once, that no session stays behind, that credentials stay with their host, identity
// and passwords.
#include "tests/contract/redfish_bench.h"
#include "tests/fakes/redfish/raw_server.h"

namespace mold::contract {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;
using Types = std::vector<std::string>;

bool has(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

// ---- types -------------------------------------------------------------------------------------

struct VendorTypes {
  const char* profile;
  Types types;  // for off, on, reset, cycle, soft
};

class RedfishVendor : public testing::TestWithParam<VendorTypes> {};

TEST_P(RedfishVendor, GetsTypesThatItTakes) {
  RedfishBench bench(profile_named(GetParam().profile));
  for (const auto verb :
       {PowerVerb::kOff, PowerVerb::kOn, PowerVerb::kReset, PowerVerb::kCycle, PowerVerb::kSoft}) {
    const auto answer = bench.ask(verb, 15'000ms);
    EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  }
  EXPECT_EQ(bench.bmc->counts().types, GetParam().types);
  EXPECT_TRUE(bench.sessions_end());
}

INSTANTIATE_TEST_SUITE_P(
    Profiles, RedfishVendor,
    testing::Values(
        VendorTypes{"dell", {"ForceOff", "On", "ForceRestart", "PowerCycle", "GracefulShutdown"}},
        VendorTypes{"hpe", {"ForceOff", "On", "ForceRestart", "ForceRestart", "GracefulShutdown"}},
        // Does what it does not offer; types that it offers come first.
        VendorTypes{"supermicro",
                    {"ForceOff", "On", "ForceRestart", "ForceRestart", "GracefulShutdown"}},
        VendorTypes{"lenovo", {"ForceOff", "On", "ForceRestart", "PowerCycle", "GracefulShutdown"}},
        VendorTypes{"openbmc",
                    {"ForceOff", "On", "ForceRestart", "PowerCycle", "GracefulShutdown"}}),
    [](const auto& vendor) { return std::string(vendor.param.profile); });

TEST(RedfishDriver, ACycleWithoutATypeIsOffThenOn) {
  RedfishBench bench;
  bench.bmc->profile().reset_types = {"On", "ForceOff"};
  const auto answer = bench.ask(PowerVerb::kCycle);
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.state, PowerState::kOn);
  EXPECT_EQ(bench.bmc->counts().types, (Types{"ForceOff", "On"}));
}

TEST(RedfishDriver, AHalfDoneCycleIsNotCalledUndone) {
  RedfishBench bench;
  bench.bmc->profile().reset_types = {"On", "ForceOff"};
  bench.bmc->profile().refuses_same_state = 0;
  bench.bmc->profile().late = 300ms;
  std::optional<port::PowerResult> answer;
  bench.power().request(bench.target, PowerVerb::kCycle, 3'000ms,
                        [&](port::PowerResult r) { answer = std::move(r); });
  ASSERT_TRUE(bench.loop->run_until([&] { return bench.bmc->counts().commands == 1; }, 30'000ms));
  bench.bmc->profile().refuses_all = 409;  // the second half
  ASSERT_TRUE(bench.loop->run_until([&] { return answer.has_value(); }, 30'000ms));
  EXPECT_EQ(answer->outcome, Outcome::kUnknown) << answer->text;
  EXPECT_EQ(answer->state, PowerState::kOff);
}

TEST(RedfishDriver, TypesThatNobodyNamesAreTried) {
  RedfishBench bench;
  bench.bmc->profile().types_hidden = true;
  bench.bmc->profile().reset_types = {"ForceOff", "ForceOn"};
  EXPECT_EQ(bench.ask(PowerVerb::kOff).outcome, Outcome::kConfirmed);
  EXPECT_EQ(bench.ask(PowerVerb::kOn).outcome, Outcome::kConfirmed);
  EXPECT_EQ(bench.bmc->counts().types, (Types{"ForceOff", "On", "ForceOn"}));
}

// ---- once --------------------------------------------------------------------------------------

TEST(RedfishDriver, AnActionWithoutAnAnswerIsNotSentAgain) {
  for (const auto verb : {PowerVerb::kReset, PowerVerb::kOff}) {
    RedfishBench bench;
    bench.bmc->profile().drops_action = true;
    const auto answer = bench.ask(verb, 4'000ms);
    // Off shows; a restart does not.
    EXPECT_EQ(answer.outcome, verb == PowerVerb::kOff ? Outcome::kConfirmed : Outcome::kUnknown)
        << answer.text;
    EXPECT_EQ(bench.bmc->counts().commands, 1);
    EXPECT_TRUE(has(answer.text, "answer lost")) << answer.text;
  }
}

TEST(RedfishDriver, ARestartThatIsRefusedIsNotRepeated) {
  // 429 comes from what counts requests, before they are looked at; 503 may come from a proxy that
  // gave up after the BMC had it.
  for (const auto& [status, outcome] :
       {std::pair{429, Outcome::kFailed}, std::pair{503, Outcome::kUnknown}}) {
    RedfishBench bench;
    bench.bmc->profile().refuses_all = status;
    const auto answer = bench.ask(PowerVerb::kReset, 4'000ms);
    EXPECT_EQ(answer.outcome, outcome) << answer.text;
    EXPECT_EQ(answer.error, ErrorKind::kBusy);
    EXPECT_EQ(bench.bmc->counts().commands, 1);
  }
}

TEST(RedfishDriver, ARefusalAfterAnUnclearAnswerProvesNothing) {
  RedfishBench bench;
  bench.bmc->profile().refuses_all = 503;
  std::optional<port::PowerResult> answer;
  bench.power().request(bench.target, PowerVerb::kOff, 3'000ms,
                        [&](port::PowerResult r) { answer = std::move(r); });
  ASSERT_TRUE(bench.loop->run_until([&] { return bench.bmc->counts().commands > 0; }, 30'000ms));
  bench.bmc->profile().refuses_all = 409;
  ASSERT_TRUE(bench.loop->run_until([&] { return answer.has_value(); }, 30'000ms));
  EXPECT_EQ(answer->outcome, Outcome::kUnknown) << answer->text;
}

// ---- which system ------------------------------------------------------------------------------

TEST(RedfishDriver, OfSeveralSystemsTheOneThatIsMeant) {
  for (const std::string& name : {std::string("node2"), fake::RedfishFake::system_uuid(1),
                                  std::string("/redfish/v1/Systems/node2/")}) {
    RedfishBench bench(profile_named("two-systems"));
    bench.target.options["system"] = name;
    const auto answer = bench.ask(PowerVerb::kOff);
    EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
    EXPECT_TRUE(bench.bmc->power(0)) << "the wrong machine was cut";
    EXPECT_FALSE(bench.bmc->power(1));
  }
}

TEST(RedfishDriver, AWrongPathIsHelpedWithTheList) {
  RedfishBench bench(profile_named("two-systems"));
  bench.target.options["system"] = "/redfish/v1/Systems/node3";
  const auto answer = bench.ask(PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_TRUE(has(answer.text, "one of 1, node2")) << answer.text;
}

TEST(RedfishDriver, TellsWhichMachineItIs) {
  RedfishBench bench(profile_named("dell"));
  const auto answer = bench.identify();
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(answer.identity.uuid, fake::RedfishFake::system_uuid(0));
  EXPECT_EQ(answer.identity.serial, "FAKE0");
  EXPECT_EQ(answer.identity.model, "Dell PowerEdge");
  bench.bmc->stop();
  EXPECT_EQ(bench.identify().outcome, Outcome::kUnknown);
}

// ---- sessions ----------------------------------------------------------------------------------

TEST(RedfishDriver, NoSessionStaysBehind) {
  // At success, when time is up, and when the BMC is busy half of the time.
  for (const bool ignores : {false, true}) {
    for (const bool busy : {false, true}) {
      RedfishBench bench(profile_named("session-only"));
      bench.bmc->profile().ignores = ignores;
      bench.bmc->profile().busy_half = busy;
      const auto answer = bench.ask(PowerVerb::kOff, ignores ? 4'000ms : 8'000ms);
      EXPECT_NE(answer.outcome, Outcome::kFailed) << answer.text;
      EXPECT_GE(bench.bmc->counts().logins, 1) << answer.text;
      EXPECT_TRUE(bench.sessions_end()) << answer.text;
    }
  }
}

TEST(RedfishDriver, ASessionThatIsMadeTooLateIsDeletedToo) {
  RedfishBench bench(profile_named("session-only"));
  bench.bmc->profile().slow = 400ms;
  // Root, systems and the login are asked for; the login is answered after the deadline.
  const auto answer = bench.ask(PowerVerb::kOff, 1'000ms);
  EXPECT_EQ(answer.outcome, Outcome::kFailed) << answer.text;
  EXPECT_TRUE(bench.loop->run_until([&] { return bench.bmc->counts().logins > 0; }, kRedfishGrace));
  EXPECT_TRUE(bench.sessions_end());
  EXPECT_EQ(bench.bmc->counts().commands, 0);
}

TEST(RedfishDriver, BasicAuthenticationMakesNoSession) {
  RedfishBench bench;
  EXPECT_EQ(bench.ask(PowerVerb::kOff).outcome, Outcome::kConfirmed);
  EXPECT_EQ(bench.bmc->counts().logins, 0);
}

// ---- where credentials go ----------------------------------------------------------------------

TEST(RedfishDriver, CredentialsDoNotFollowARedirectToAnotherHost) {
  RedfishBench bench;
  RedfishBench other({}, true, "::1");
  bench.bmc->profile().redirects_to = "https://localhost:" + std::to_string(other.bmc->port());
  const auto answer = bench.ask(PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, Outcome::kFailed) << answer.text;
  EXPECT_TRUE(has(answer.text, "another host")) << answer.text;
  bench.bmc->profile().redirects_to = "http://127.0.0.1:" + std::to_string(bench.bmc->port());
  EXPECT_TRUE(has(bench.ask(PowerVerb::kOff).text, "from https to http"));
  EXPECT_EQ(other.bmc->counts().requests, 0);
  EXPECT_EQ(bench.bmc->counts().commands, 0);
}

TEST(RedfishDriver, NothingSecretGoesToAnUntrustedBmc) {
  RedfishBench bench;
  bench.target.options = {{"tls.pin", "sha256//" + std::string(43, 'A') + "="}};
  const auto answer = bench.ask(PowerVerb::kStatus);
  EXPECT_EQ(answer.error, ErrorKind::kDenied) << answer.text;
  bench.target.options.clear();
  EXPECT_EQ(bench.ask(PowerVerb::kStatus).error, ErrorKind::kDenied);
  EXPECT_EQ(bench.bmc->counts().requests, 0);
  bench.target.options = {{"tls.verify", "false"}};
  EXPECT_EQ(bench.ask(PowerVerb::kStatus).outcome, Outcome::kConfirmed);
}

TEST(RedfishDriver, Ipv6AndPlainHttp) {
  RedfishBench bench({}, false, "::1");
  const auto answer = bench.ask(PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_TRUE(has(answer.text, "[::1]:" + bench.target.port)) << answer.text;
}

TEST(RedfishDriver, ARootThatWantsCredentialsGetsThem) {
  RedfishBench bench;
  bench.bmc->profile().root_needs_auth = true;
  EXPECT_EQ(bench.ask(PowerVerb::kOff).outcome, Outcome::kConfirmed);
}

// ---- targets and ends --------------------------------------------------------------------------

TEST(RedfishDriver, ABadTargetIsRefusedByName) {
  RedfishBench bench;
  EXPECT_TRUE(bench.power().check(bench.target).has_value());
  bench.target.options["sytem"] = "1";
  const Status status = bench.power().check(bench.target);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kInvalid);
  EXPECT_TRUE(has(status.error().what, "sytem"));
  const auto answer = bench.ask(PowerVerb::kOff);
  EXPECT_EQ(answer.outcome, Outcome::kFailed);
  EXPECT_EQ(answer.error, ErrorKind::kInvalid);
  EXPECT_EQ(bench.bmc->counts().requests, 0);
}

TEST(RedfishDriver, MayDieWithRequestsUnderWay) {
  RedfishBench bench;
  bench.bmc->profile().late = 500ms;
  bool answered = false;
  bench.power().request(bench.target, PowerVerb::kOff, 8'000ms,
                        [&](const port::PowerResult&) { answered = true; });
  ASSERT_TRUE(bench.loop->run_until([&] { return bench.bmc->counts().commands > 0; }, 30'000ms));
  bench.driver.reset();
  EXPECT_TRUE(bench.loop->run_until([&] { return !bench.bmc->power(); }, 30'000ms));
  EXPECT_FALSE(answered);
}

// ---- passwords ---------------------------------------------------------------------------------

class RedfishPasswordChange : public testing::TestWithParam<const char*> {};

TEST_P(RedfishPasswordChange, IsProvenByUsingIt) {
  RedfishBench bench(profile_named(GetParam()));
  const auto answer = bench.change_password("a-fresh-secret");
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(bench.bmc->password().reveal(), "a-fresh-secret");
  EXPECT_TRUE(bench.sessions_end());
}

INSTANTIATE_TEST_SUITE_P(Profiles, RedfishPasswordChange,
                         testing::Values("prompt", "etag", "lenovo", "session-only", "hpe",
                                         "flaky"),
                         [](const auto& profile) {
                           std::string name(profile.param);
                           std::erase(name, '-');
                           return name;
                         });

TEST(RedfishPassword, AStaleEtagIsReadAnewAndThenWaived) {
  RedfishBench bench;
  bench.bmc->profile().etag_star_only = true;
  const auto answer = bench.change_password("a-fresh-secret");
  EXPECT_EQ(answer.outcome, Outcome::kConfirmed) << answer.text;
  EXPECT_EQ(bench.bmc->counts().patches, 3);
}

TEST(RedfishPassword, RefusedAndLiedAboutAreFailures) {
  RedfishBench bench;
  auto answer = bench.change_password("tiny-pw");
  EXPECT_EQ(answer.outcome, Outcome::kFailed) << answer.text;
  EXPECT_TRUE(has(answer.text, "too short")) << answer.text;
  EXPECT_TRUE(has(answer.text, "old password still holds")) << answer.text;
  bench.bmc->profile().ignores = true;
  answer = bench.change_password("a-fresh-secret");
  EXPECT_EQ(answer.outcome, Outcome::kFailed) << answer.text;
  bench.target.password = Secret("not-the-one");
  answer = bench.change_password("a-fresh-secret");
  EXPECT_EQ(answer.outcome, Outcome::kFailed) << answer.text;
  EXPECT_EQ(answer.error, ErrorKind::kDenied);
}

TEST(RedfishPassword, ABmcThatAsksNobodyProvesNothing) {
  RedfishBench bench;
  bench.bmc->profile().open_to_all = true;
  const auto answer = bench.change_password("a-fresh-secret");
  EXPECT_EQ(answer.outcome, Outcome::kUnknown) << answer.text;
}

}  // namespace
}  // namespace mold::contract
