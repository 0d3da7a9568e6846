#include "agentd/heartbeat/rados_watch.h"

#include <rados/librados.h>

#include <cerrno>

namespace mold::heartbeat {
namespace {

// Longer than the 30 s that a client gets by default: who is fenced has been silent for a while,
// and whoever fences may have tried its power first.
constexpr std::uint32_t kWatchTimeoutS = 120;

}  // namespace

void RadosWatch::on_notify(void*, std::uint64_t, std::uint64_t, std::uint64_t, void*, std::size_t) {
}

void RadosWatch::on_error(void* self, std::uint64_t, int error) {
  static_cast<RadosWatch*>(self)->error_ = error;
}

bool RadosWatch::take_answer() {
  const int result = rados_aio_get_return_value(pending_);
  rados_aio_release(pending_);
  pending_ = nullptr;
  stands_ = result == 0;
  return result != -ESHUTDOWN;
}

bool RadosWatch::tend(void* io, const char* object) {
  if (pending_ != nullptr) {
    if (rados_aio_is_complete(pending_) == 0) return true;
    if (!take_answer()) return false;
  }
  if (stands_ && error_ == 0 && rados_watch_check(io, cookie_) >= 0) return true;
  if (error_ == -ESHUTDOWN) return false;
  if (stands_) {
    // Its end is not waited for either; the completion frees itself with its reference.
    rados_completion_t ending = nullptr;
    if (rados_aio_create_completion2(nullptr, nullptr, &ending) == 0) {
      (void)rados_aio_unwatch(io, cookie_, ending);
      rados_aio_release(ending);
    }
  }
  stands_ = false;
  error_ = 0;
  if (rados_aio_create_completion2(nullptr, nullptr, &pending_) != 0) return true;
  const int result =
      rados_aio_watch2(io, object, pending_, &cookie_, on_notify, on_error, kWatchTimeoutS, this);
  if (result == 0) return true;
  rados_aio_release(pending_);
  pending_ = nullptr;
  return result != -ESHUTDOWN;
}

void RadosWatch::forget() {
  if (pending_ != nullptr) rados_aio_release(pending_);
  pending_ = nullptr;
  stands_ = false;
  error_ = 0;
}

}  // namespace mold::heartbeat
