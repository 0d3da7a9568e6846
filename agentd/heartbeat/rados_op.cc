#include "agentd/heartbeat/rados_op.h"

#include <sys/eventfd.h>

#include <utility>

#include "lib/base/check.h"

namespace mold::heartbeat {

RadosOp::Bell RadosOp::make_bell() {
  auto bell = std::make_shared<const UniqueFd>(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  MOLD_CHECK(bell->get() >= 0, "no eventfd");
  return bell;
}

void RadosOp::silence(const Bell& bell) {
  eventfd_t count = 0;
  (void)::eventfd_read(bell->get(), &count);
}

std::shared_ptr<RadosOp> RadosOp::make(const Bell& bell, std::size_t buffer_size) {
  return std::shared_ptr<RadosOp>(new RadosOp(bell, buffer_size));
}

RadosOp::RadosOp(Bell bell, std::size_t buffer_size)
    : bell_(std::move(bell)), buffer_(buffer_size) {
  MOLD_CHECK(rados_aio_create_completion2(this, finished, &completion_) == 0, "no completion");
}

RadosOp::~RadosOp() {
  if (keys != nullptr) rados_omap_get_end(keys);
  rados_aio_release(completion_);
}

void RadosOp::finished(rados_completion_t, void* self) {
  // Its last owner may be this one.
  const auto op = std::move(static_cast<RadosOp*>(self)->alive_);
  (void)::eventfd_write(op->bell_->get(), 1);
}

}  // namespace mold::heartbeat
