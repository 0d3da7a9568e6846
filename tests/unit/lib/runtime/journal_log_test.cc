#include "lib/runtime/journal_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <set>

#include "lib/runtime/systemd_notify.h"
#include "tests/unit/lib/runtime/support.h"

namespace mold::runtime {
namespace {

std::string stderr_of(const std::function<void()>& action) {
  testing::internal::CaptureStderr();
  action();
  return testing::internal::GetCapturedStderr();
}

TEST(JournalLog, FallsBackToOnePlainLine) {
  set_log_target(LogTarget::kStderr);
  const std::string text = stderr_of([] {
    log(LogLevel::kWarning, messages::kLoopLag, "two\nlines", {{"HOST", "h1"}, {"N", "5"}});
  });
  set_log_target(LogTarget::kAuto);
  EXPECT_EQ(text, "warning: two\\nlines {HOST=h1 N=5}\n");
}

TEST(JournalLog, WithoutAJournalNothingIsLost) {
  if (::access("/run/systemd/journal/socket", F_OK) == 0) GTEST_SKIP() << "there is a journal";
  set_log_target(LogTarget::kJournal);
  const std::string text = stderr_of([] { log_error("still here"); });
  set_log_target(LogTarget::kAuto);
  EXPECT_EQ(text, "error: still here\n");
}

TEST(JournalLog, DropsWhatIsBelowTheLevel) {
  int lines = 0;
  set_log_capture([&](std::string_view) { ++lines; });
  log_debug("no");
  log_info("yes");
  set_log_level(LogLevel::kError);
  log_warning("no");
  set_log_level(LogLevel::kDebug);
  log_debug("yes");
  set_log_level(LogLevel::kInfo);
  set_log_capture(nullptr);
  EXPECT_EQ(lines, 2);
}

TEST(JournalLog, TransitionsHaveOneForm) {
  const Transition transition{"host", "h1", "suspect", "checking", "no beat\nfor 9000 ms"};
  EXPECT_EQ(to_line(transition), "host h1: suspect -> checking (no beat\\nfor 9000 ms)");
  std::string line;
  set_log_capture([&](std::string_view text) { line = text; });
  log(transition, {{"OP", "7"}});
  set_log_capture(nullptr);
  EXPECT_EQ(line.find("notice: host h1: suspect -> checking"), 0U) << line;
  EXPECT_NE(line.find("FROM=suspect TO=checking"), std::string::npos) << line;
}

TEST(JournalLog, EscapesWhatCouldForgeALine) {
  EXPECT_EQ(one_line("a\r\n\x1b[31m\tb"), "a\\x0d\\n\\x1b[31m\\tb");
  EXPECT_EQ(one_line("한글"), "한글");
}

TEST(MessageIds, AreDistinctAndExplained) {
  std::set<std::string_view> names;
  std::set<std::string_view> ids;
  for (const auto& message : runtime_message_ids()) {
    EXPECT_TRUE(names.insert(message.name).second) << message.name;
    EXPECT_TRUE(ids.insert(message.hex).second) << message.hex;
    EXPECT_EQ(message.hex.size(), 32U) << message.name;
    EXPECT_EQ(message.hex.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    EXPECT_GT(message.explanation.size(), 20U) << message.name;
  }
}

TEST(SystemdNotify, IsSilentWithoutASupervisor) {
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  systemd::ready();
  systemd::status("fine");
  systemd::stopping();
  EXPECT_FALSE(systemd::watchdog_interval());
  const auto loop = make_loop();
  EXPECT_FALSE(must(loop->enable_watchdog()));
}

}  // namespace
}  // namespace mold::runtime
