#pragma once
// What the tests of lib/runtime share: a loop that waits for conditions, a directory of their own,
// and a small certificate authority made on the spot.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "lib/runtime/event_loop.h"
#include "lib/runtime/files.h"
#include "lib/runtime/tls_config.h"

namespace mold::runtime {

// Prints the kind when a Status or Result is not what was expected.
#define EXPECT_OK(expression)                                         \
  do {                                                                \
    const auto& expect_ok_result = (expression);                      \
    EXPECT_TRUE(expect_ok_result) << expect_ok_result.error().text(); \
  } while (false)

template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().text();
    std::abort();
  }
  return std::move(*result);
}

inline std::unique_ptr<EventLoop> make_loop() {
  return must(EventLoop::create());
}

// Generous: the machine may be busy and the sanitizers slow. Nothing waits for it to pass.
constexpr Duration kPatience{30'000};

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "mold-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A certificate authority for one test.
class TestCa {
 public:
  explicit TestCa(const std::string& name);
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  enum class Use { kServer, kClient };
  // Valid from `from_s` to `to_s` seconds from now.
  [[nodiscard]] TlsMaterial issue(const std::string& common_name, Use use, long from_s = -3600,
                                  long to_s = 3600) const;
  [[nodiscard]] const std::string& pem() const { return pem_; }

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::string pem_;
};

}  // namespace mold::runtime
