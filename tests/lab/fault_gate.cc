#include "fault_gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>

namespace mold_lab {

namespace {
constexpr std::chrono::milliseconds kHangPoll{10};
constexpr int kMaxSlowMs = 60'000;
}  // namespace

int FaultGate::pass(Access access) const {
  for (;;) {
    char text[32] = {};
    const int fd = open(control_file_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      if (read(fd, text, sizeof text - 1) < 0) text[0] = '\0';
      close(fd);
    }
    const std::string_view mode(text);
    if (mode.starts_with("hang")) {
      std::this_thread::sleep_for(kHangPoll);
      continue;
    }
    if (mode.starts_with("eio")) return EIO;
    if (mode.starts_with("ro") && access == Access::kWrite) return EROFS;
    if (mode.starts_with("slow")) {
      const int delay_ms = std::clamp(std::atoi(text + 4), 0, kMaxSlowMs);
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    }
    return 0;
  }
}

}  // namespace mold_lab
