#pragma once
// One asynchronous operation of librados, with the memory that it writes into: it outlives whoever
// stopped waiting for it. Made, submitted and looked at by one thread; librados finishes it in one
// of its own, which only wakes the waiting one.
#include <rados/librados.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

class RadosOp : public std::enable_shared_from_this<RadosOp> {
 public:
  // An eventfd that is written when any operation made with it is finished.
  using Bell = std::shared_ptr<const UniqueFd>;
  static Bell make_bell();
  static void silence(const Bell& bell);

  static std::shared_ptr<RadosOp> make(const Bell& bell, std::size_t buffer_size = 0);
  RadosOp(const RadosOp&) = delete;
  RadosOp& operator=(const RadosOp&) = delete;
  ~RadosOp();

  // Hands it to librados by `submit(completion)`, which returns what librados does: 0, or a
  // negative code, and then the operation is not under way.
  template <typename Submit>
  int start(Submit submit) {
    alive_ = shared_from_this();
    const int result = submit(completion_);
    if (result < 0) alive_.reset();
    return result;
  }

  // Before its client goes: librados does not count on a read that outlives the ioctx.
  void cancel(rados_ioctx_t io) { (void)rados_aio_cancel(io, completion_); }
  // Its client has gone, and will not finish it.
  void forget() { alive_.reset(); }

  [[nodiscard]] bool done() const { return rados_aio_is_complete(completion_) != 0; }
  // Of a done one.
  [[nodiscard]] int result() const { return rados_aio_get_return_value(completion_); }

  [[nodiscard]] char* buffer() { return buffer_.data(); }
  [[nodiscard]] std::size_t buffer_size() const { return buffer_.size(); }

  // Where a listing of omap keys puts what it finds.
  rados_omap_iter_t keys = nullptr;
  unsigned char more = 0;
  int inner_result = 0;

 private:
  RadosOp(Bell bell, std::size_t buffer_size);
  static void finished(rados_completion_t, void* self);

  Bell bell_;
  std::vector<char> buffer_;
  rados_completion_t completion_ = nullptr;
  std::shared_ptr<RadosOp> alive_;  // while librados has it
};

}  // namespace mold::heartbeat
