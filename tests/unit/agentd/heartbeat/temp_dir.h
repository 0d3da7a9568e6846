#pragma once
// A directory of one test, removed with everything in it.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace mold::heartbeat {

// Where files never wait for a disk: a beat that a busy disk keeps for seconds is a lost lease, and
// that is another test.
inline std::filesystem::path in_memory() {
  constexpr auto kMemory = "/dev/shm";
  return ::access(kMemory, W_OK) == 0 ? kMemory : std::filesystem::temp_directory_path();
}

class TempDir {
 public:
  explicit TempDir(const std::filesystem::path& where = std::filesystem::temp_directory_path()) {
    std::string name = where / "mold-hb-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(const std::string& name = {}) const {
    return name.empty() ? path_ : path_ + "/" + name;
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }

 private:
  std::string path_;
};

}  // namespace mold::heartbeat
