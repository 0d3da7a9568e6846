#pragma once
// The program's last word. Either the request is answered, or its time is over first: then the
// Guard's own thread says how far it came and ends the process, whatever call into librados or
// librbd hangs at that moment. Exactly one answer is written.
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "lib/base/time.h"

namespace mold::ceph {

class Guard {
 public:
  // `late` makes the answer of a request whose time is over; told what was being done.
  Guard(Duration deadline, std::function<std::string(const std::string& doing)> late);
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // What is being done from here on, for a person: "reading who has the images open".
  void doing(std::string what);
  [[nodiscard]] Duration left() const;
  // Runs `change` while the late answer cannot be made.
  void with_lock(const std::function<void()>& change);
  [[noreturn]] void answer(const std::string& text);

 private:
  [[noreturn]] static void write_and_end(const std::string& text);

  const std::int64_t until_ms_;
  std::function<std::string(const std::string&)> late_;
  std::mutex mutex_;
  std::condition_variable never_;
  std::string doing_ = "connecting";
  std::thread thread_;
};

}  // namespace mold::ceph
