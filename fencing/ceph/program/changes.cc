#include "fencing/ceph/program/changes.h"

namespace mold::ceph {

void Changes::begin() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++count_;
}

void Changes::refused() {
  const std::lock_guard<std::mutex> lock(mutex_);
  --count_;
}

bool Changes::any() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return count_ > 0;
}

bool Changes::last_word() {
  mutex_.lock();  // for good
  return count_ > 0;
}

}  // namespace mold::ceph
