#pragma once
// How far the store was when the manager acted last, kept apart from it: a backup that is restored
// brings the store back and not the mark, so a store that lags behind its mark, or has none, may be
// older than the world (docs/adr/0016). The number is that of the next order: whatever changes the
// world has one. Written at the very first start, then after each commit that gave one out and
// before anything is done about it. Blocks; at start-up, then on the store's writing lane only.
#include <string>

#include "lib/base/ids.h"
#include "lib/base/result.h"

namespace mold::manager {

class StoreMark {
 public:
  // In a directory of its own, made when missing. It belongs into no backup.
  static Result<StoreMark> open(const std::string& directory);

  // Why a store whose next order is `next_op` may be older than the world; empty: it is not.
  // `is_new`: it has nobody whom it could wrong, so the lack of a mark means nothing yet.
  [[nodiscard]] std::string doubt(OpId next_op, bool is_new) const;
  [[nodiscard]] bool is_there() const;
  Status keep(OpId next_op);

 private:
  explicit StoreMark(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace mold::manager
