// A process that holds a password and dies by a signal leaves no core, whatever its limits were and
// wherever the kernel would have sent it. The programs themselves: tests/tidy/core_dumps.sh.
#include "lib/base/core_dumps.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace mold {
namespace {

class CoreDumps : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "mold-core-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // How a child ended that may dump as much as it likes, and holds a canary.
  int abort_child(bool forbid) {
    const pid_t child = ::fork();
    if (child == 0) {
      rlimit all{};
      ::getrlimit(RLIMIT_CORE, &all);
      all.rlim_cur = all.rlim_max;
      ::setrlimit(RLIMIT_CORE, &all);
      const std::string canary = "canary-" + std::to_string(::getpid());
      if (forbid) forbid_core_dumps();
      const bool forbidden = ::getrlimit(RLIMIT_CORE, &all) == 0 && all.rlim_cur == 0 &&
                             all.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0;
      if (::chdir(folder_.c_str()) != 0 || canary.empty() || forbid != forbidden) ::_exit(1);
      ::signal(SIGABRT, SIG_DFL);
      ::kill(::getpid(), SIGABRT);
      ::_exit(2);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }

  std::filesystem::path folder_;
};

TEST_F(CoreDumps, AreNotLeft) {
  const int status = abort_child(true);
  ASSERT_TRUE(WIFSIGNALED(status)) << "limit and flag are not as they should be: " << status;
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_FALSE(WCOREDUMP(status));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// That the test above can fail: where this machine dumps at all, it does without the call.
TEST_F(CoreDumps, AreLeftByOthers) {
  const int status = abort_child(false);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  if (!WCOREDUMP(status)) GTEST_SKIP() << "this machine takes no cores";
}

}  // namespace
}  // namespace mold
