#include "lib/runtime/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/runtime/journal_log.h"

namespace mold::runtime {
namespace {

constexpr std::string_view kPath = "/usr/sbin:/usr/bin:/sbin:/bin";
constexpr Duration kKillGrace{2'000};  // for a killed process that cannot die (state D)
constexpr int kReadsPerTurn = 8;
constexpr int kReadsAtEnd = 64;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// Both ends close-on-exec and above the numbers that the child's own descriptors get.
Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error(errno, "making a pipe"));
  const UniqueFd low_read(ends[0]);
  const UniqueFd low_write(ends[1]);
  Pipe pipe{UniqueFd(::fcntl(low_read.get(), F_DUPFD_CLOEXEC, 10)),
            UniqueFd(::fcntl(low_write.get(), F_DUPFD_CLOEXEC, 10))};
  if (!pipe.read || !pipe.write) return fail(errno_error(errno, "making a pipe"));
  return pipe;
}

void set_nonblocking(const UniqueFd& fd) {
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

Result<UniqueFd> make_secret_file(const Secret& secret) {
  const UniqueFd low(::memfd_create("secret", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!low) return fail(errno_error(errno, "making a memory file"));
  const std::string& text = secret.reveal();
  if (::pwrite(low.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail(errno_error(errno, "writing a memory file"));
  }
  ::fcntl(low.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  UniqueFd fd(::fcntl(low.get(), F_DUPFD_CLOEXEC, 10));
  if (!fd) return fail(errno_error(errno, "making a memory file"));
  return fd;
}

Result<std::string> find_program(const std::string& program) {
  if (program.empty()) return fail(ErrorKind::kInvalid, "no program named");
  if (program.find('/') != std::string::npos) return program;
  for (const auto& dir : split(kPath, ':')) {
    std::string path = dir + "/" + program;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(ErrorKind::kNotFound, "program " + program + " is not installed");
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

struct SpawnSetup {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
};

struct ChildFds {
  int in, out, err, secret;
};

Result<pid_t> spawn(const std::string& path, const ChildSpec& spec, const ChildFds& fds) {
  SpawnSetup setup;
  posix_spawn_file_actions_adddup2(&setup.actions, fds.in, 0);
  posix_spawn_file_actions_adddup2(&setup.actions, fds.out, 1);
  posix_spawn_file_actions_adddup2(&setup.actions, fds.err, 2);
  if (fds.secret >= 0) posix_spawn_file_actions_adddup2(&setup.actions, fds.secret, 3);
  posix_spawn_file_actions_addclosefrom_np(&setup.actions, fds.secret >= 0 ? 4 : 3);
  const std::string directory = spec.directory.empty() ? "/" : spec.directory;
  posix_spawn_file_actions_addchdir_np(&setup.actions, directory.c_str());
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&setup.attributes, &none);
  posix_spawnattr_setsigdefault(&setup.attributes, &all);
  posix_spawnattr_setpgroup(&setup.attributes, 0);
  posix_spawnattr_setflags(&setup.attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> args{path};
  args.insert(args.end(), spec.args.begin(), spec.args.end());
  std::vector<std::string> env{"PATH=" + std::string(kPath), "LC_ALL=C"};
  for (const auto& [name, value] : spec.env) {
    std::erase_if(env, [&](const auto& e) { return e.starts_with(name + "="); });
    env.push_back(name + "=" + value);
  }
  const bool secret_in_env = spec.secret && !spec.secret->env_name.empty();
  if (secret_in_env) env.push_back(spec.secret->env_name + "=" + spec.secret->text.reveal());
  Result<pid_t> result = fail(ErrorKind::kInvalid, path + ": a NUL byte in an argument");
  if (std::none_of(args.begin(), args.end(), has_nul) &&
      std::none_of(env.begin(), env.end(), has_nul)) {
    pid_t pid = 0;
    const int err = ::posix_spawn(&pid, path.c_str(), &setup.actions, &setup.attributes,
                                  pointers(args).data(), pointers(env).data());
    if (err == 0) {
      result = pid;
    } else {
      result = fail(errno_error(err, "starting " + path));
    }
  }
  if (secret_in_env) wipe(env.back());
  return result;
}

}  // namespace

struct ChildHandle::State : std::enable_shared_from_this<State> {
  State(EventLoop& the_loop, ChildSpec the_spec, std::function<void(Result<ChildResult>)> the_done)
      : loop(the_loop), spec(std::move(the_spec)), done(std::move(the_done)), timer(the_loop) {}
  ~State() { abandon(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  struct Stream {
    UniqueFd fd;
    std::unique_ptr<IoSource> source;
    std::string* text = nullptr;
    void close() {
      source.reset();
      fd.reset();
    }
  };

  EventLoop& loop;
  ChildSpec spec;
  std::function<void(Result<ChildResult>)> done;
  Timer timer;
  pid_t pid = 0;
  UniqueFd pidfd;
  std::unique_ptr<IoSource> exit_source;
  UniqueFd stdin_fd;
  std::unique_ptr<IoSource> stdin_source;
  std::size_t stdin_at = 0;
  Stream out;
  Stream err;
  ChildResult result;
  Instant started;

  Status start();
  void watch();
  void feed_stdin();
  void read_some(Stream& stream, int reads);
  void kill_group(int signal) const;
  void on_exit();
  void on_deadline();
  void finish();
  void abandon();
};

Status ChildHandle::State::start() {
  MOLD_TRY(const std::string path, find_program(spec.program));
  MOLD_TRY(Pipe in, make_pipe());
  MOLD_TRY(Pipe output, make_pipe());
  MOLD_TRY(Pipe errors, make_pipe());
  UniqueFd secret;
  if (spec.secret && spec.secret->as_fd3) {
    MOLD_TRY(secret, make_secret_file(spec.secret->text));
  }
  started = loop.now();
  MOLD_TRY(pid, spawn(path, spec,
                      {in.read.get(), output.write.get(), errors.write.get(), secret.get()}));
  spec.secret.reset();
  pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const Error error = errno_error(errno, "watching " + path);
    kill_group(SIGKILL);
    ::waitpid(pid, nullptr, 0);
    pid = 0;
    return fail(error);
  }
  stdin_fd = std::move(in.write);
  out.fd = std::move(output.read);
  err.fd = std::move(errors.read);
  watch();
  return {};
}

void ChildHandle::State::watch() {
  for (const auto* fd : {&stdin_fd, &out.fd, &err.fd}) set_nonblocking(*fd);
  out.text = &result.out;
  err.text = &result.err;
  for (Stream* stream : {&out, &err}) {
    stream->source =
        std::make_unique<IoSource>(loop, stream->fd.get(), EPOLLIN,
                                   [this, stream](auto) { read_some(*stream, kReadsPerTurn); });
  }
  if (spec.stdin_text.empty()) {
    stdin_fd.reset();
  } else {
    stdin_source =
        std::make_unique<IoSource>(loop, stdin_fd.get(), EPOLLOUT, [this](auto) { feed_stdin(); });
  }
  exit_source = std::make_unique<IoSource>(loop, pidfd.get(), EPOLLIN, [this](auto) { on_exit(); });
  timer.start_after(spec.deadline, [this] { on_deadline(); });
}

void ChildHandle::State::feed_stdin() {
  const ssize_t n =
      ::write(stdin_fd.get(), spec.stdin_text.data() + stdin_at, spec.stdin_text.size() - stdin_at);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) stdin_at += static_cast<std::size_t>(n);
  // A child that does not read its input (EPIPE) is no error; its exit code tells.
  if (n < 0 || stdin_at == spec.stdin_text.size()) {
    stdin_source.reset();
    stdin_fd.reset();
  }
}

void ChildHandle::State::read_some(Stream& stream, int reads) {
  const auto keep = shared_from_this();
  std::array<char, 16384> buffer{};
  for (int i = 0; i < reads && stream.fd; ++i) {
    const ssize_t n = ::read(stream.fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      stream.close();
      return;
    }
    const auto got = static_cast<std::size_t>(n);
    if (&stream == &out && spec.on_output) {
      spec.on_output({buffer.data(), got});
      continue;
    }
    const std::size_t room = spec.output_cap - std::min(spec.output_cap, stream.text->size());
    stream.text->append(buffer.data(), std::min(got, room));
    if (got > room) result.truncated = true;
  }
}

// Safe as long as the leader is not reaped: its number cannot be given to anybody else.
void ChildHandle::State::kill_group(int signal) const {
  ::kill(-pid, signal);
  ::kill(pid, signal);
}

void ChildHandle::State::on_exit() {
  const auto keep = shared_from_this();
  kill_group(SIGKILL);  // what the program left behind
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) == 0) {
    if (info.si_pid == 0) return;  // not yet
    if (info.si_code == CLD_EXITED) {
      result.exit_code = info.si_status;
    } else {
      result.signal = info.si_status;
    }
  }
  pid = 0;
  read_some(out, kReadsAtEnd);
  read_some(err, kReadsAtEnd);
  finish();
}

void ChildHandle::State::on_deadline() {
  const auto keep = shared_from_this();
  if (!result.timed_out) {
    result.timed_out = true;
    kill_group(SIGKILL);
    log(LogLevel::kWarning, messages::kChildKilled,
        spec.program + " did not end within " + std::to_string(spec.deadline.count()) +
            " ms and was killed",
        {{"PROGRAM", spec.program}});
    timer.start_after(kKillGrace, [this] { on_deadline(); });
    return;
  }
  // Killed, and still there: it sleeps in the kernel. Nobody can wait for that.
  loop.reap_later(std::move(pidfd));
  result.signal = SIGKILL;
  pid = 0;
  finish();
}

void ChildHandle::State::finish() {
  timer.cancel();
  exit_source.reset();
  stdin_source.reset();
  stdin_fd.reset();
  pidfd.reset();
  out.close();
  err.close();
  wipe(spec.stdin_text);  // it may have held a secret
  result.duration = loop.now() - started;
  if (const auto call = std::exchange(done, nullptr)) call(std::move(result));
}

void ChildHandle::State::abandon() {
  done = nullptr;
  timer.cancel();
  exit_source.reset();
  stdin_source.reset();
  out.close();
  err.close();
  wipe(spec.stdin_text);
  if (pid == 0) return;
  kill_group(SIGKILL);
  pid = 0;
  loop.reap_later(std::move(pidfd));
}

ChildHandle::ChildHandle() = default;
ChildHandle::ChildHandle(std::shared_ptr<State> state) : state_(std::move(state)) {}
ChildHandle::ChildHandle(ChildHandle&&) noexcept = default;
ChildHandle::~ChildHandle() {
  cancel();
}

ChildHandle& ChildHandle::operator=(ChildHandle&& other) noexcept {
  if (this != &other) {
    cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

void ChildHandle::cancel() {
  if (const auto state = std::exchange(state_, nullptr)) state->abandon();
}

void ChildHandle::send_signal(int signal) {
  if (running()) ::kill(-state_->pid, signal);
}

bool ChildHandle::running() const {
  return pid() != 0;
}
int ChildHandle::pid() const {
  return state_ ? state_->pid : 0;
}

ChildHandle run_child(EventLoop& loop, ChildSpec spec,
                      std::function<void(Result<ChildResult>)> done) {
  auto state = std::make_shared<ChildHandle::State>(loop, std::move(spec), std::move(done));
  if (auto started = state->start(); !started) {
    loop.post([weak = std::weak_ptr(state), error = started.error()] {
      const auto alive = weak.lock();
      if (!alive) return;
      if (const auto call = std::exchange(alive->done, nullptr)) call(fail(error));
    });
  }
  return ChildHandle(std::move(state));
}

Status child_status(const ChildResult& result, std::string_view name) {
  if (result.ok()) return {};
  const std::string what(name);
  if (result.timed_out) {
    return fail(ErrorKind::kUnknown, what + " did not end in time and was killed");
  }
  const std::string_view errors = trim(result.err);
  const std::string_view line = errors.substr(0, errors.find('\n'));
  std::string text =
      what + (result.signal != 0 ? " was killed by signal " + std::to_string(result.signal)
                                 : " ended with code " + std::to_string(result.exit_code));
  if (!line.empty()) text += ": " + std::string(line);
  return fail(ErrorKind::kInternal, text);
}

}  // namespace mold::runtime
