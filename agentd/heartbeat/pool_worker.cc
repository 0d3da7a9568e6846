#include "agentd/heartbeat/pool_worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agentd/heartbeat/pool_child.h"
#include "agentd/heartbeat/quiet_log.h"

namespace mold::heartbeat {
namespace {

// Their libraries are as large as all of us together, start threads, and may crash: not in a
// process that is locked in memory and must stay small.
bool has_own_program(PoolType type) {
  return type == PoolType::kRados || type == PoolType::kNfs;
}

// Nothing of our environment: CEPH_CONF and its like would change what the program does.
[[noreturn]] void become_program(int socket, const char* directory, PoolType type) {
  char path[kMaxPoolPath + 64];
  std::snprintf(path, sizeof path, "%s/mold-heartbeat-%s", directory, to_string(type).data());
  char* const arguments[] = {path, nullptr};
  char* const environment[] = {nullptr};
  // dup2() onto itself would keep the mark that closes it in execve().
  const int moved = ::fcntl(socket, F_DUPFD_CLOEXEC, kPoolProgramSocket + 1);
  if (moved >= 0 && ::dup2(moved, kPoolProgramSocket) >= 0) {
    (void)::execve(path, arguments, environment);
  }
  ::_exit(kExitNoProgram);
}

[[noreturn]] void live_as_child(int socket, int parent, const PoolChildSetup& setup,
                                const char* programs_dir) {
  if (!become_pool_child(socket, parent)) ::_exit(0);
  if (has_own_program(setup.type)) become_program(socket, programs_dir, setup.type);
  const auto medium =
      setup.type == PoolType::kBlock ? make_block_pool(setup) : make_file_pool(setup);
  ::_exit(run_pool_child(socket, *medium, setup));
}

}  // namespace

bool PoolWorker::start(const PoolChildSetup& setup, const char* programs_dir) {
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
  if (pid == 0) live_as_child(theirs.get(), parent, setup, programs_dir);
  if (has_own_program(setup.type)) {
    // Into an empty socket: cannot block. A child that never reads it gives no answer.
    (void)::send(ours.get(), &setup, sizeof setup, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
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
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  pid_ = 0;
  stopped_ = false;
  socket_.reset();
  return true;
}

}  // namespace mold::heartbeat
