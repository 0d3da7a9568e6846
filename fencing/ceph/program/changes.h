#pragma once
// What this process may have changed, for its last word: an error before the first change is
// kFailed, one after it kUnknown. A change counts from before it is sent, so that the Guard's late
// answer never denies one that is under way; and none begins once that answer is being made.
// Any thread.
#include <mutex>

namespace mold::ceph {

class Changes {
 public:
  // Before something is sent that changes something. Never returns after last_word().
  void begin();
  // The one begun was refused: certainly nothing came of it.
  void refused();
  [[nodiscard]] bool any() const;
  // any(), and no change begins any more: the process is about to end.
  [[nodiscard]] bool last_word();

 private:
  mutable std::mutex mutex_;
  int count_ = 0;
};

}  // namespace mold::ceph
