#pragma once
// A queue with a limit: a full queue refuses, visibly, instead of growing until the host suffers.
// Not thread safe; the owner locks where threads meet.
#include <cstddef>
#include <deque>
#include <utility>

namespace mold {

template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t limit) : limit_(limit) {}

  // False when full: the caller must tell whoever asked (ErrorKind::kBusy).
  [[nodiscard]] bool push(T item) {
    if (items_.size() >= limit_) {
      ++refused_;
      return false;
    }
    items_.push_back(std::move(item));
    return true;
  }
  // REQUIRES: !empty()
  T pop() {
    T item = std::move(items_.front());
    items_.pop_front();
    return item;
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] std::size_t refused() const { return refused_; }

 private:
  std::size_t limit_;
  std::size_t refused_ = 0;
  std::deque<T> items_;
};

}  // namespace mold
