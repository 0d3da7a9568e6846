#include "fencing/by_hand/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "lib/base/unique_fd.h"
#include "lib/runtime/files.h"

namespace mold::fencing {
namespace {

constexpr std::size_t kMost = 4096;

Result<Secret> first_line(std::string text, const std::string& from) {
  const auto end = text.find_first_of("\r\n");
  Secret line(text.substr(0, end));
  wipe(text);
  if (line.empty()) return fail(ErrorKind::kInvalid, from + " has no password in its first line");
  return line;
}

Result<Secret> from_file(const std::string& path, std::string& warning) {
  struct stat info {};
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  if (::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & kOthers) != 0)
    warning = path + " can be read by others: chmod 600 " + path;
  MOLD_TRY(std::string text, runtime::read_file(path, kMost));
  return first_line(std::move(text), path);
}

Result<Secret> from_environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) return fail(ErrorKind::kInvalid, "the environment has no variable " + name);
  return first_line(value, "variable " + name);
}

// No echo while it lives.
class Silence {
 public:
  explicit Silence(int fd) : fd_(fd), known_(::tcgetattr(fd, &before_) == 0) {
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (known_) ::tcsetattr(fd_, TCSAFLUSH, &silent);
  }
  ~Silence() {
    if (known_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int fd_;
  termios before_{};
  bool known_;
};

void say(int fd, const std::string& text) {
  const ssize_t written = ::write(fd, text.data(), text.size());
  static_cast<void>(written);  // a question that cannot be shown can still be answered
}

Result<Secret> from_terminal(const std::string& question) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) {
    return fail(ErrorKind::kInvalid,
                "no terminal to ask for the " + question +
                    " on: name it with --password-file or --password-env (see --help)");
  }
  const Silence silence(terminal.get());
  say(terminal.get(), question + ": ");
  std::string text;
  text.reserve(kMost);
  for (char c = 0; text.size() < kMost;) {
    const ssize_t n = ::read(terminal.get(), &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || c == '\n') break;
    text += c;
  }
  say(terminal.get(), "\n");
  return first_line(std::move(text), "the answer");
}

}  // namespace

Result<Secret> read_hand_secret(const SecretPlace& place, const std::string& question,
                                std::string& warning) {
  if (!place.file.empty()) return from_file(place.file, warning);
  if (!place.environment.empty()) return from_environment(place.environment);
  return from_terminal(question);
}

}  // namespace mold::fencing
