#include "lib/runtime/child_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "lib/base/text.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

ChildSpec shell(const std::string& script) {
  ChildSpec spec;
  spec.program = "/bin/sh";
  spec.args = {"-c", script};
  spec.deadline = kPatience;
  return spec;
}

Result<ChildResult> run(ChildSpec spec) {
  const auto loop = make_loop();
  std::optional<Result<ChildResult>> got;
  const auto handle = run_child(*loop, std::move(spec), [&](auto r) { got = std::move(r); });
  EXPECT_FALSE(got);
  EXPECT_TRUE(loop->run_until([&] { return got.has_value(); }, kPatience));
  return *got;
}

bool is_gone(int pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

TEST(ChildProcess, TellsExitCodeOutputAndErrors) {
  const auto result = must(run(shell("echo out; echo err >&2; exit 3")));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(child_status(result, "x").error().what, "x ended with code 3: err");
}

TEST(ChildProcess, OutputIsToldAsItComesAndNotKept) {
  const auto loop = make_loop();
  std::string told;
  std::optional<Result<ChildResult>> got;
  // Ends only when it is told "go", and that is written only after its first words were heard.
  const TempDir dir;
  ChildSpec spec =
      shell("echo first; until [ -e " + dir.file("go") + " ]; do sleep 0.02; done; echo last");
  spec.on_output = [&](std::string_view piece) {
    told += piece;
    if (told == "first\n") EXPECT_OK(write_file_atomic(dir.file("go"), ""));
  };
  const auto handle = run_child(*loop, std::move(spec), [&](auto r) { got = std::move(r); });
  EXPECT_TRUE(loop->run_until([&] { return got.has_value(); }, kPatience));
  EXPECT_EQ(told, "first\nlast\n");
  EXPECT_EQ(must(*got).out, "");
}

TEST(ChildProcess, TheListenerMayCancelTheChild) {
  const auto loop = make_loop();
  bool heard = false;
  ChildHandle handle;
  ChildSpec spec = shell("echo word; sleep 100");
  spec.on_output = [&](std::string_view) {
    heard = true;
    handle.cancel();
  };
  handle = run_child(*loop, std::move(spec), [](auto) { FAIL() << "it was cancelled"; });
  EXPECT_TRUE(loop->run_until([&] { return heard; }, kPatience));
  EXPECT_FALSE(handle.running());
}

TEST(ChildProcess, TellsTheSignal) {
  const auto result = must(run(shell("kill -USR1 $$")));
  EXPECT_EQ(result.signal, SIGUSR1);
  EXPECT_EQ(result.exit_code, -1);
}

TEST(ChildProcess, FeedsALongInputAndReadsALongOutput) {
  ChildSpec spec;
  spec.program = "cat";
  spec.deadline = kPatience;
  spec.stdin_text = std::string(2'000'000, 'x');
  spec.output_cap = 4'000'000;
  const auto result = must(run(std::move(spec)));
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.out.size(), 2'000'000U);
  EXPECT_FALSE(result.truncated);
}

TEST(ChildProcess, ClearsTheEnvironment) {
  ::setenv("MOLD_LEAK", "1", 1);
  ChildSpec spec;
  spec.program = "env";
  spec.env = {{"A", "b"}, {"LC_ALL", "C.UTF-8"}};
  const auto result = must(run(std::move(spec)));
  EXPECT_EQ(result.out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nA=b\nLC_ALL=C.UTF-8\n");
}

TEST(ChildProcess, InheritsNoDescriptors) {
  const int leak = ::open("/dev/null", O_RDONLY);  // on purpose without O_CLOEXEC
  const auto result = must(run(shell("ls /proc/self/fd | wc -l")));
  EXPECT_EQ(trim(result.out), "4") << "0, 1, 2 and the listing itself";
  ::close(leak);
}

TEST(ChildProcess, KeepsNoMoreOutputThanTheCap) {
  auto spec = shell("head -c 1000000 /dev/zero");
  spec.output_cap = 1000;
  const auto result = must(run(std::move(spec)));
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(result.truncated);
  EXPECT_EQ(result.out.size(), 1000U);
}

TEST(ChildProcess, TheDeadlineKillsTheWholeGroup) {
  auto spec = shell("sleep 1000 & echo $!; wait");
  spec.deadline = 300ms;
  const auto result = must(run(std::move(spec)));
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.signal, SIGKILL);
  EXPECT_EQ(child_status(result, "x").error().kind, ErrorKind::kUnknown);
  const auto grandchild = parse_number<int>(trim(result.out));
  ASSERT_TRUE(grandchild) << result.out;
  const auto loop = make_loop();
  // It is somebody else's zombie for a moment (init reaps it).
  const auto dead = [&] {
    if (is_gone(*grandchild)) return true;
    const auto stat = read_file("/proc/" + std::to_string(*grandchild) + "/stat");
    return !stat || stat->find(") Z ") != std::string::npos;
  };
  EXPECT_TRUE(loop->run_until(dead, kPatience) || dead());
}

TEST(ChildProcess, WhatAProgramLeavesBehindDoesNotHoldItsResultUp) {
  const auto result = must(run(shell("sleep 1000 & echo started")));
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.out, "started\n");
}

TEST(ChildProcess, AMissingProgramIsNotFound) {
  ChildSpec spec;
  spec.program = "/no/such/program";
  EXPECT_EQ(run(spec).error().kind, ErrorKind::kNotFound);
  spec.program = "no-such-program";
  EXPECT_EQ(run(spec).error().kind, ErrorKind::kNotFound);
  spec.program = "/etc/passwd";
  EXPECT_EQ(run(spec).error().kind, ErrorKind::kDenied);
  spec.program = "cat";
  spec.args = {std::string("a\0b", 3)};
  EXPECT_EQ(run(spec).error().kind, ErrorKind::kInvalid);
}

TEST(ChildProcess, PassesASecretOutsideOfArgv) {
  auto spec = shell("cat /dev/fd/3; echo \" $PASS\"");
  spec.secret = ChildSecret{Secret("s3cret"), "PASS", true};
  EXPECT_EQ(must(run(std::move(spec))).out, "s3cret s3cret\n");
}

TEST(ChildProcess, DroppingTheHandleKillsAndReaps) {
  const auto loop = make_loop();
  bool called = false;
  int pid = 0;
  {
    const auto handle = run_child(*loop, shell("sleep 1000"), [&](auto) { called = true; });
    EXPECT_TRUE(handle.running());
    pid = handle.pid();
  }
  // Runs the loop until the child is reaped.
  Timer tick(*loop);
  tick.start_periodic(1ms, [] {});
  EXPECT_TRUE(loop->run_until([&] { return is_gone(pid); }, kPatience));
  EXPECT_FALSE(called);
}

TEST(ChildProcess, CanBeAskedToEndPolitely) {
  const auto loop = make_loop();
  std::optional<Result<ChildResult>> got;
  auto handle =
      run_child(*loop, shell("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"),
                [&](auto r) { got = std::move(r); });
  // A signal before the trap is set kills the shell, which is a polite end, too; so ask until gone.
  Timer ask(*loop);
  ask.start_periodic(50ms, [&] { handle.send_signal(SIGTERM); });
  ASSERT_TRUE(loop->run_until([&] { return got.has_value(); }, kPatience));
  EXPECT_FALSE(got->value().timed_out);
  EXPECT_TRUE(got->value().exit_code == 5 || got->value().signal == SIGTERM);
}

}  // namespace
}  // namespace mold::runtime
