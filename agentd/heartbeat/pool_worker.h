#pragma once
// The supervisor's end of one pool's child process. Never waits: a child that hangs is killed and
// left to the kernel, and no new one is started before it is gone, so a pool has at most one stuck
// process however long its storage hangs. Supervisor's thread only.
#include <sys/types.h>

#include "agentd/heartbeat/pool_protocol.h"
#include "lib/base/time.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {

class PoolWorker {
 public:
  PoolWorker() = default;
  PoolWorker(const PoolWorker&) = delete;
  PoolWorker& operator=(const PoolWorker&) = delete;
  ~PoolWorker() { stop(); }

  // REQUIRES: !present(). Forks, and for rados and nfs executes their program from that directory;
  // false when the fork failed.
  bool start(const PoolChildSetup& setup, const char* programs_dir);
  // False: it does not take orders (hung with a full socket, or dead).
  bool order(const BeatOrder& order);
  // One report, if there is one.
  bool receive(ChildReport& report);
  // SIGKILL; the process may stay for as long as its I/O hangs.
  void stop();
  // Reaps it if it has ended; true when it was there and is now gone.
  bool reap();

  // Of the latest one that reap() took; -1: ended by a signal.
  [[nodiscard]] int exit_code() const { return exit_code_; }
  [[nodiscard]] bool present() const { return pid_ > 0; }
  [[nodiscard]] bool usable() const { return pid_ > 0 && !stopped_; }
  [[nodiscard]] bool stuck() const { return pid_ > 0 && stopped_; }
  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  pid_t pid_ = 0;
  bool stopped_ = false;
  int exit_code_ = 0;
};

}  // namespace mold::heartbeat
