#pragma once
// A directory of one test, removed with everything in it.
#include <filesystem>
#include <fstream>
#include <string>

namespace mold::heartbeat {

class TempDir {
 public:
  TempDir() {
    std::string name = std::filesystem::temp_directory_path() / "mold-hb-XXXXXX";
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
