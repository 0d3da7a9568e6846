#pragma once
// One client of a Ceph cluster: a handle, the namespace of the beats in one pool, and the watch by
// which whoever fences this host finds the client's address. Opening it may take the timeouts that
// are set (settings of the pool's file apart: a third of kill_after each) and may be done in a
// thread of its own; after that it belongs to one thread.
#include <rados/librados.h>

#include <memory>

#include "agentd/heartbeat/pool_medium.h"
#include "agentd/heartbeat/rados_watch.h"

namespace mold::heartbeat {

class RadosClient {
 public:
  struct Opening {
    PoolFault fault = PoolFault::kNone;
    int result = 0;  // of librados, or a negative errno
    std::unique_ptr<RadosClient> client = {};
  };
  static Opening open(const PoolChildSetup& setup);

  RadosClient(const RadosClient&) = delete;
  RadosClient& operator=(const RadosClient&) = delete;
  ~RadosClient();

  [[nodiscard]] rados_ioctx_t io() const { return io_; }
  // Sees to the watch on this object; never waits. False: the storage said that this client is
  // fenced.
  bool tend_watch(const char* object) { return watch_.tend(io_, object); }

 private:
  RadosClient() = default;
  int configure(const PoolChildSetup& setup);

  rados_t cluster_ = nullptr;
  rados_ioctx_t io_ = nullptr;
  RadosWatch watch_;
};

}  // namespace mold::heartbeat
