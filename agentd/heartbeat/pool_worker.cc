#include "agentd/heartbeat/pool_worker.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agentd/heartbeat/pool_child.h"
#include "agentd/heartbeat/quiet_log.h"

namespace mold::heartbeat {
namespace {

[[noreturn]] void live_as_child(int socket, int parent, const PoolChildSetup& setup) {
  if (!become_pool_child(socket, parent)) ::_exit(0);
  const auto medium = make_file_pool(setup);
  ::_exit(run_pool_child(socket, *medium, setup));
}

}  // namespace

bool PoolWorker::start(const PoolChildSetup& setup) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    log_line(LogLevel::kError, "socketpair for a pool's process: %s", std::strerror(errno));
    return false;
  }
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    log_line(LogLevel::kError, "fork of a pool's process: %s", std::strerror(errno));
    return false;
  }
  if (pid == 0) live_as_child(theirs.get(), parent, setup);
  socket_ = std::move(ours);
  pid_ = pid;
  stopped_ = false;
  return true;
}

bool PoolWorker::order(const BeatOrder& order) {
  if (!usable()) return false;
  return ::send(socket_.get(), &order, sizeof order, MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(sizeof order);
}

bool PoolWorker::receive(ChildReport& report) {
  if (!usable()) return false;
  return ::recv(socket_.get(), &report, sizeof report, MSG_DONTWAIT) ==
         static_cast<ssize_t>(sizeof report);
}

void PoolWorker::stop() {
  if (!usable()) return;
  (void)::kill(pid_, SIGKILL);
  stopped_ = true;
  socket_.reset();
}

bool PoolWorker::reap() {
  if (!present()) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  pid_ = 0;
  stopped_ = false;
  socket_.reset();
  return true;
}

}  // namespace mold::heartbeat
