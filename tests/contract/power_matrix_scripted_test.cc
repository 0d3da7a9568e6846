// The matrix for the drivers that run other people's programs: each behaviour of device and
// program, and the answer that is right for it, within its deadline. Never an off that is none.
// Wrong passwords, unknown users and certificates belong to the devices behind these programs; what
// an agent says of them is in fence_agent_test.
#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

#include "tests/contract/scripted_machine.h"

namespace mold::contract {
namespace {

using core::Outcome;
using core::PowerState;
using core::PowerVerb;

constexpr Duration kGrace = 10'000ms;  // the kill of a child, and a busy machine

struct Cell {
  const char* name;
  std::unique_ptr<ScriptedRig> (*rig)();
  const char* mood;
  bool on;  // the machine, before
  Duration deadline;
  Outcome outcome;  // of `off`
  std::optional<ErrorKind> error;
  const char* word;  // in its text
};

std::ostream& operator<<(std::ostream& out, const Cell& cell) {
  return out << cell.name;
}

constexpr auto kConfirmed = Outcome::kConfirmed;
constexpr auto kFailed = Outcome::kFailed;
constexpr auto kUnknown = Outcome::kUnknown;

const Cell kCells[] = {
    {"agent_prompt", make_fence_agent_rig, "", true, 20s, kConfirmed, {}, "read back off"},
    {"agent_already_off", make_fence_agent_rig, "", false, 20s, kConfirmed, {}, "already there"},
    {"agent_lying", make_fence_agent_rig, "ignore", true, 3s, kUnknown, ErrorKind::kTimeout,
     "did not follow"},
    {"agent_refuses", make_fence_agent_rig, "refuse", true, 20s, kFailed, ErrorKind::kDenied,
     "may not do this"},
    {"agent_no_device", make_fence_agent_rig, "away", false, 20s, kFailed, ErrorKind::kUnavailable,
     "no connection or no login"},
    {"agent_black_hole", make_fence_agent_rig, "hang", false, 2s, kFailed, ErrorKind::kTimeout,
     "in time"},
    {"agent_hangs_in_the_middle",
     make_fence_agent_rig,
     "hang-act",
     true,
     3s,
     kUnknown,
     {},
     "answer lost"},
    {"agent_killed_after_it_acted",
     make_fence_agent_rig,
     "die-act",
     true,
     20s,
     kConfirmed,
     {},
     "read back off"},
    {"agent_slow", make_fence_agent_rig, "slow", true, 30s, kConfirmed, {}, "read back off"},
    {"agent_says_a_web_page", make_fence_agent_rig, "html", false, 3s, kUnknown, {}, ""},
    {"agent_says_too_much", make_fence_agent_rig, "huge", false, 10s, kFailed, {}, ""},

    {"libvirt_prompt", make_libvirt_rig, "", true, 20s, kConfirmed, {}, "read back off"},
    {"libvirt_already_off", make_libvirt_rig, "", false, 20s, kConfirmed, {}, "already there"},
    {"libvirt_lying", make_libvirt_rig, "ignore", true, 3s, kUnknown, ErrorKind::kTimeout,
     "did not follow"},
    {"libvirt_refuses", make_libvirt_rig, "refuse", true, 20s, kFailed, ErrorKind::kDenied,
     "access rules"},
    {"libvirt_down", make_libvirt_rig, "away", false, 20s, kFailed, ErrorKind::kUnavailable,
     "no libvirt answers"},
    {"libvirt_black_hole", make_libvirt_rig, "hang", false, 2s, kFailed, ErrorKind::kTimeout,
     "did not answer in time"},
    {"libvirt_hangs_in_the_middle",
     make_libvirt_rig,
     "hang-act",
     true,
     3s,
     kUnknown,
     {},
     "answer lost"},
    {"libvirt_killed_after_it_acted",
     make_libvirt_rig,
     "die-act",
     true,
     20s,
     kConfirmed,
     {},
     "read back off"},
    {"libvirt_slow", make_libvirt_rig, "slow", true, 30s, kConfirmed, {}, "read back off"},
    {"libvirt_says_a_web_page", make_libvirt_rig, "html", false, 3s, kFailed, {}, "libvirt says"},
    {"libvirt_says_too_much", make_libvirt_rig, "huge", false, 10s, kFailed, {}, ""},

    {"cluster_prompt", make_pacemaker_rig, "", true, 20s, kConfirmed, {}, "completed"},
    {"cluster_already_off", make_pacemaker_rig, "", false, 20s, kConfirmed, {}, "completed"},
    {"cluster_lying", make_pacemaker_rig, "ignore", true, 5s, kUnknown, {}, "failed"},
    {"cluster_refuses", make_pacemaker_rig, "refuse", true, 20s, kFailed, ErrorKind::kDenied,
     "haclient"},
    {"cluster_not_running", make_pacemaker_rig, "away", false, 20s, kFailed,
     ErrorKind::kUnavailable, "no Pacemaker cluster"},
    {"cluster_black_hole", make_pacemaker_rig, "hang", false, 2s, kFailed, ErrorKind::kTimeout,
     "in time"},
    {"cluster_hangs_in_the_middle", make_pacemaker_rig, "hang-act", true, 5s, kUnknown,
     ErrorKind::kTimeout, "did not end in time"},
    {"cluster_killed_after_it_acted", make_pacemaker_rig, "die-act", true, 20s, kUnknown, {}, ""},
    {"cluster_slow", make_pacemaker_rig, "slow", true, 30s, kConfirmed, {}, "completed"},
    {"cluster_says_a_web_page",
     make_pacemaker_rig,
     "html",
     true,
     5s,
     kUnknown,
     {},
     "does not show"},
    {"cluster_says_too_much", make_pacemaker_rig, "huge", true, 8s, kUnknown, {}, "does not show"},
};

class ScriptedMatrix : public ::testing::TestWithParam<Cell> {};

TEST_P(ScriptedMatrix, EndsAsItMust) {
  const Cell& cell = GetParam();
  const auto rig = cell.rig();
  rig->set_power(cell.on);
  rig->machine().mood(cell.mood);
  std::optional<port::PowerResult> answer;
  rig->driver().request(rig->target(), PowerVerb::kOff, cell.deadline,
                        [&](port::PowerResult result) { answer = std::move(result); });
  ASSERT_TRUE(rig->loop().run_until([&] { return answer.has_value(); }, cell.deadline + kGrace));
  EXPECT_EQ(answer->outcome, cell.outcome) << answer->text;
  EXPECT_EQ(answer->error, cell.error.value_or(answer->error)) << answer->text;
  EXPECT_NE(answer->text.find(cell.word), std::string::npos) << answer->text;
  if (answer->outcome == Outcome::kConfirmed) {
    EXPECT_FALSE(rig->power()) << "a false off: " << answer->text;
  } else {
    EXPECT_NE(answer->state, PowerState::kOff) << answer->text;
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, ScriptedMatrix, ::testing::ValuesIn(kCells),
                         [](const auto& cell) { return std::string(cell.param.name); });

}  // namespace
}  // namespace mold::contract
