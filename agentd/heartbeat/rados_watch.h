#pragma once
// This client's watch on its own beat object. Nobody notifies; it is there so that whoever fences
// this host finds the client's address among the object's watchers. Never waits: registering a
// watch knows no timeout of its own in librados, and would hang a beat for as long as the storage
// hangs. Used by one thread; librados calls back from its own.
#include <rados/librados.h>

#include <atomic>
#include <cstdint>

namespace mold::heartbeat {

class RadosWatch {
 public:
  // Registers the watch unless it stands or is on its way, anew when the storage dropped it. False:
  // the storage said that this client is fenced.
  bool tend(void* io, const char* object);
  // Before the handle goes, or when the object has been made anew. Does not tell the storage, which
  // forgets a watch by itself.
  void forget();

 private:
  static void on_notify(void* self, std::uint64_t id, std::uint64_t handle, std::uint64_t from,
                        void* data, std::size_t size);
  static void on_error(void* self, std::uint64_t cookie, int error);
  bool take_answer();

  void* pending_ = nullptr;
  std::uint64_t cookie_ = 0;
  bool stands_ = false;
  std::atomic<int> error_{0};
};

}  // namespace mold::heartbeat
