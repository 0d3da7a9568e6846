#include "fencing/ceph/program/guard.h"

#include <unistd.h>

#include <chrono>
#include <utility>

namespace mold::ceph {
namespace {

std::int64_t steady_ms() {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Guard::Guard(Duration deadline, std::function<std::string(const std::string&)> late)
    : until_ms_(steady_ms() + deadline.count()), late_(std::move(late)) {
  thread_ = std::thread([this] {
    std::unique_lock<std::mutex> lock(mutex_);
    while (left().count() > 0) never_.wait_for(lock, left());
    write_and_end(late_(doing_));
  });
  thread_.detach();
}

void Guard::doing(std::string what) {
  const std::lock_guard<std::mutex> lock(mutex_);
  doing_ = std::move(what);
}

Duration Guard::left() const {
  return Duration{until_ms_ - steady_ms()};
}

void Guard::with_lock(const std::function<void()>& change) {
  const std::lock_guard<std::mutex> lock(mutex_);
  change();
}

void Guard::answer(const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  write_and_end(text);
}

// Without destructors: those of librados and librbd may wait for a cluster that does not answer.
void Guard::write_and_end(const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const ssize_t more = ::write(STDOUT_FILENO, text.data() + written, text.size() - written);
    if (more < 0) ::_exit(1);
    written += static_cast<std::size_t>(more);
  }
  ::_exit(0);
}

}  // namespace mold::ceph
