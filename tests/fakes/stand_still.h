#pragma once
// A process of a test that is to stand still, as a hung server does: a signal alone returns before
// the last of its threads has stopped, which may answer once more.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace mold::fakes {

inline bool stands_still(int pid) {
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::ifstream stat(task.path() / "stat");
    std::string text;
    if (std::getline(stat, text) && text.find(") T ") == std::string::npos) return false;
  }
  return !gone;
}

// False: there is no such process.
inline bool stand_still(int pid) {
  if (::kill(pid, SIGSTOP) != 0) return false;
  while (!stands_still(pid)) {
    if (::kill(pid, 0) != 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace mold::fakes
