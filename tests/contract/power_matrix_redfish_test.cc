// The Redfish driver against a BMC in every mood: each request ends within its deadline in the
// right one of Confirmed, Failed and Unknown, with words that tell an admin what to do, and never
// says off of a machine that is on.
#include <functional>

#include "tests/contract/redfish_bench.h"
#include "tests/fakes/redfish/raw_server.h"

namespace mold::contract {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

// For what only its deadline ends. Long enough for a machine that stands still for a second or two
// in the midst of it: what is asked before must be answered by then.
constexpr Duration kPatience{4'000};

struct Expected {
  Outcome outcome = Outcome::kConfirmed;
  std::optional<ErrorKind> error;  // of what is not confirmed
  std::string word;                // in the text
};

// One row: a mood, and what it must come to for status and for off.
struct Mood {
  const char* name;
  const char* profile = "prompt";
  std::function<void(RedfishBench&)> set = [](RedfishBench&) {};
  Expected status;
  Expected off;
  Duration deadline = 8'000ms;
  std::optional<fake::RawHabit> raw{};  // instead of a BMC, without TLS
};

Expected confirmed(const char* word) {
  return {Outcome::kConfirmed, {}, word};
}
Expected failed(ErrorKind error, const char* word) {
  return {Outcome::kFailed, error, word};
}
Expected unknown(ErrorKind error, const char* word) {
  return {Outcome::kUnknown, error, word};
}

// How the machine behind the BMC follows, or does not.
std::vector<Mood> moods_of_power() {
  using enum ErrorKind;
  const auto plain = [](RedfishBench&) {};
  const auto read = confirmed("read on");
  return {
      {"prompt", "prompt", plain, read, confirmed("read back off")},
      {"late", "late", plain, read, confirmed("read back off")},
      {"lying", "lying", plain, read, unknown(kTimeout, "look at the machine"), kPatience},
      {"already_off", "refuses-409", [](RedfishBench& b) { b.bmc->set_power(false); },
       confirmed("read off"), confirmed("already there")},
      {"off_meanwhile_400", "refuses-400",
       [](RedfishBench& b) { b.bmc->profile().loses_race = true; }, read,
       confirmed("refused: 400")},
      {"off_meanwhile_409", "refuses-409",
       [](RedfishBench& b) { b.bmc->profile().loses_race = true; }, read,
       confirmed("read back off")},
      {"off_meanwhile_500", "refuses-500",
       [](RedfishBench& b) { b.bmc->profile().loses_race = true; }, read,
       confirmed("read back off")},
      {"refusing", "prompt", [](RedfishBench& b) { b.bmc->profile().refuses_all = 409; }, read,
       failed(kConflict, "Not today")},
      {"forbidden", "prompt", [](RedfishBench& b) { b.bmc->profile().refuses_all = 403; }, read,
       failed(kDenied, "operator or administrator role")},
      {"failing", "prompt", [](RedfishBench& b) { b.bmc->profile().refuses_all = 500; }, read,
       unknown(kInternal, "may have worked or not"), kPatience},
      {"busy", "flaky", plain, read, confirmed("read back off")},
  };
}

// What an answer that is no yes says about an action: only that of the service itself, that it
// refused, is a no. A BMC that is short of breath, or a proxy before it, may have passed it on.
std::vector<Mood> moods_of_answers() {
  using enum ErrorKind;
  const auto read = confirmed("read on");
  const auto nothing_done = [](int status) {
    return [status](RedfishBench& b) { b.bmc->profile().refuses_all = status; };
  };
  const auto done_all_the_same = [](int status) {
    return [status](RedfishBench& b) {
      b.bmc->profile().answers_instead = status;
      b.bmc->profile().refuses_same_state = 409;
    };
  };
  const auto done_late = [](int status) {
    return [status](RedfishBench& b) {
      b.bmc->profile().answers_instead = status;
      b.bmc->profile().late = 700ms;
    };
  };
  const auto dropped = [](bool ignored) {
    return [ignored](RedfishBench& b) {
      b.bmc->profile().drops_action = true;
      b.bmc->profile().ignores = ignored;
    };
  };
  const auto maybe = [](ErrorKind error) { return unknown(error, "may have worked or not"); };
  return {
      {"says_429", "prompt", nothing_done(429), read, failed(kBusy, "not taken"), kPatience},
      {"says_501", "prompt", nothing_done(501), read, failed(kUnsupported, "refused"), kPatience},
      {"says_503", "prompt", nothing_done(503), read, maybe(kBusy), kPatience},
      {"says_502", "prompt", nothing_done(502), read, maybe(kTimeout), kPatience},
      {"says_504", "prompt", nothing_done(504), read, maybe(kTimeout), kPatience},
      {"says_507", "prompt", nothing_done(507), read, maybe(kInternal), kPatience},
      {"says_408", "prompt", nothing_done(408), read, maybe(kTimeout), kPatience},
      {"says_300", "prompt", nothing_done(300), read, maybe(kConflict), kPatience},
      {"does_503", "prompt", done_all_the_same(503), read, confirmed("read back off")},
      {"does_502", "prompt", done_all_the_same(502), read, confirmed("read back off")},
      {"does_504", "prompt", done_all_the_same(504), read, confirmed("read back off")},
      {"does_408", "prompt", done_all_the_same(408), read, confirmed("read back off")},
      {"does_503_late", "prompt", done_late(503), read, confirmed("read back off")},
      {"does_504_late", "prompt", done_late(504), read, confirmed("read back off")},
      {"does_503_too_late", "prompt",
       [](RedfishBench& b) {
         b.bmc->profile().answers_instead = 503;
         b.bmc->profile().late = 60'000ms;
       },
       read, maybe(kBusy), kPatience},
      {"closes_done", "prompt", dropped(false), read, confirmed("answer lost")},
      {"closes_undone", "prompt", dropped(true), read, unknown(kTimeout, "answer lost"), kPatience},
  };
}

// Who is let in, and whether there is a BMC at all.
std::vector<Mood> moods_of_reach() {
  using enum ErrorKind;
  const auto plain = [](RedfishBench&) {};
  const auto read = confirmed("read on");
  return {
      {"wrong_password", "prompt", [](RedfishBench& b) { b.target.password = Secret("not-it"); },
       unknown(kDenied, "wrong user or password"), failed(kDenied, "wrong user or password")},
      {"unknown_user", "prompt", [](RedfishBench& b) { b.target.username = "nobody"; },
       unknown(kDenied, "wrong user or password"), failed(kDenied, "wrong user or password")},
      {"sessions_only", "session-only", plain, read, confirmed("logged in with a session")},
      {"wrong_session_password", "session-only",
       [](RedfishBench& b) { b.target.password = Secret("not-it"); },
       unknown(kDenied, "wrong user or password"), failed(kDenied, "wrong user or password")},
      {"no_session_free", "session-only",
       [](RedfishBench& b) { b.bmc->profile().session_slots = 0; },
       unknown(kBusy, "no free session"), failed(kBusy, "no free session")},
      {"tls_not_trusted", "prompt", [](RedfishBench& b) { b.target.options.clear(); },
       unknown(kDenied, "tls.ca"), failed(kDenied, "tls.verify=false")},
      {"tls_other_name", "wrong-cert", plain, unknown(kDenied, "another name"),
       failed(kDenied, "tls.pin")},
      {"tls_spoken_to_plain", "prompt", plain,
       unknown(kUnavailable, "not on this address and port"),
       failed(kUnavailable, "not on this address and port"), 3'000ms, fake::RawHabit::kNoise},
      {"dead_port", "prompt",
       [](RedfishBench& b) {
         b.bmc->set_power(false);
         b.bmc->stop();
       },
       unknown(kUnavailable, "down, unreachable"), failed(kUnavailable, "down, unreachable")},
      {"black_hole_tls", "prompt", plain, unknown(kTimeout, "no answer in time"),
       failed(kTimeout, "no answer in time"), kPatience, fake::RawHabit::kBlackHole},
      {"reboot_after_action", "reboot", plain, read, confirmed("answer lost")},
      {"reboot_instead_of_action", "reboot",
       [](RedfishBench& b) { b.bmc->profile().ignores = true; }, read,
       unknown(kTimeout, "still on"), kPatience},
      {"reboot_for_ever", "reboot", [](RedfishBench& b) { b.bmc->profile().reboots = 60'000ms; },
       read, unknown(kUnavailable, "could not be read"), kPatience},
  };
}

// What it says.
std::vector<Mood> moods_of_speech() {
  using enum ErrorKind;
  const auto plain = [](RedfishBench&) {};
  const auto read = confirmed("read on");
  return {
      {"several_systems", "two-systems", plain,
       failed(kConflict, "set the option system to one of 1, node2"),
       failed(kConflict, "set the option system to one of 1, node2")},
      {"no_such_system", "prompt", [](RedfishBench& b) { b.target.options["system"] = "7"; },
       unknown(kNotFound, "one of 1"), failed(kNotFound, "one of 1")},
      {"another_machine", "prompt",
       [](RedfishBench& b) { b.target.options["system"] = "11111111-2222-3333-4444-555555555555"; },
       failed(kConflict, "belongs to another machine"),
       failed(kConflict, "belongs to another machine")},
      {"slow", "slow", plain, read, confirmed("read back off")},
      {"slower_than_the_deadline", "slow",
       [](RedfishBench& b) { b.bmc->profile().slow = 60'000ms; },
       unknown(kTimeout, "no answer in time"), failed(kTimeout, "no answer in time"), kPatience},
      {"huge_body", "huge", plain, unknown(kCorrupt, "too long"), failed(kCorrupt, "too long")},
      {"html", "html", plain, unknown(kCorrupt, "a web page"), failed(kCorrupt, "option base")},
      {"not_json", "prompt", [](RedfishBench& b) { b.bmc->profile().raw_system = "Off"; },
       unknown(kCorrupt, "not a JSON object"), failed(kCorrupt, "not a JSON object")},
      {"no_state", "null-state", plain, unknown(kBusy, "power state null"),
       unknown(kTimeout, "still null"), kPatience},
      {"absent_state", "prompt", [](RedfishBench& b) { b.bmc->profile().always_state = "absent"; },
       unknown(kBusy, "absent"), unknown(kTimeout, "still absent"), kPatience},
      {"paused", "prompt", [](RedfishBench& b) { b.bmc->profile().always_state = "Paused"; },
       unknown(kBusy, "Paused"), unknown(kTimeout, "still Paused"), kPatience},
      {"powering_off", "powering-off", plain, read, confirmed("PoweringOff")},
      {"tasks", "tasks", plain, read, confirmed("task is done")},
      {"task_that_fails", "tasks-fail", plain, read,
       unknown(kConflict, "The power supply said no")},
      {"only_soft_offered", "prompt",
       [](RedfishBench& b) {
         b.bmc->profile().reset_types = {"On", "GracefulShutdown", "PushPowerButton"};
       },
       read, failed(kUnsupported, "it offers On, GracefulShutdown, PushPowerButton")},
  };
}

std::vector<Mood> moods() {
  std::vector<Mood> all = moods_of_power();
  for (const auto& more : {moods_of_answers(), moods_of_reach(), moods_of_speech()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

class RedfishMatrix : public testing::TestWithParam<Mood> {};

void expect_cell(RedfishBench& bench, PowerVerb verb, const Mood& mood, const Expected& expected) {
  const Instant begin = bench.loop->now();
  const port::PowerResult answer = bench.ask(verb, mood.deadline);
  EXPECT_LE(bench.loop->now() - begin, mood.deadline + kRedfishGrace);
  const std::string where = std::string(core::to_string(verb)) + ": " + answer.text;
  EXPECT_EQ(answer.outcome, expected.outcome) << where;
  EXPECT_EQ(answer.error, expected.error.value_or(answer.error)) << where;
  EXPECT_NE(answer.text.find(expected.word), std::string::npos) << expected.word << " in " << where;
  if (answer.outcome == Outcome::kConfirmed) {
    ASSERT_NE(answer.state, PowerState::kUnknown) << where;
    EXPECT_EQ(bench.bmc->power(), answer.state == PowerState::kOn) << "false: " << where;
    EXPECT_TRUE(verb == PowerVerb::kStatus || answer.state == PowerState::kOff) << where;
  }
  EXPECT_TRUE(bench.sessions_end()) << "a session was left behind";
}

TEST_P(RedfishMatrix, EndsAsItMust) {
  const Mood& mood = GetParam();
  RedfishBench bench(profile_named(mood.profile));
  mood.set(bench);
  std::optional<fake::RawServer> raw;
  if (mood.raw) bench.target.port = std::to_string(raw.emplace(*bench.loop, *mood.raw).port());
  expect_cell(bench, PowerVerb::kStatus, mood, mood.status);
  EXPECT_EQ(bench.bmc->counts().commands, 0) << "reading changes nothing";
  expect_cell(bench, PowerVerb::kOff, mood, mood.off);
}

INSTANTIATE_TEST_SUITE_P(Moods, RedfishMatrix, testing::ValuesIn(moods()),
                         [](const auto& mood) { return std::string(mood.param.name); });

// What TLS would hide: the same moods of a service without it.
struct RawMood {
  const char* name;
  fake::RawHabit habit;
  ErrorKind error;
  const char* word;
};

class RedfishPlain : public testing::TestWithParam<RawMood> {};

TEST_P(RedfishPlain, EndsAsItMust) {
  const RawMood& mood = GetParam();
  RedfishBench bench({}, false);
  fake::RawServer raw(*bench.loop, mood.habit);
  bench.target.port = std::to_string(raw.port());
  for (const auto verb : {PowerVerb::kStatus, PowerVerb::kOff}) {
    const auto answer = bench.ask(verb, kPatience);
    EXPECT_EQ(answer.outcome, verb == PowerVerb::kOff ? Outcome::kFailed : Outcome::kUnknown)
        << answer.text;
    EXPECT_EQ(answer.state, PowerState::kUnknown);
    EXPECT_EQ(answer.error, mood.error) << answer.text;
    EXPECT_NE(answer.text.find(mood.word), std::string::npos) << answer.text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Moods, RedfishPlain,
    testing::Values(
        RawMood{"black_hole", fake::RawHabit::kBlackHole, ErrorKind::kTimeout, "no answer in time"},
        RawMood{"drip", fake::RawHabit::kDrip, ErrorKind::kTimeout, "no answer in time"},
        RawMood{"hang_up", fake::RawHabit::kHangUp, ErrorKind::kTimeout, "is restarting"},
        RawMood{"noise", fake::RawHabit::kNoise, ErrorKind::kCorrupt, "not a Redfish service"}),
    [](const auto& mood) { return std::string(mood.param.name); });

}  // namespace
}  // namespace mold::contract
