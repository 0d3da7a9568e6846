#include "fencing/fence_mold/secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>

#include "lib/base/text.h"
#include "lib/base/unique_fd.h"
#include "lib/runtime/child_process.h"

namespace mold::fence_mold {
namespace {

constexpr std::size_t kMostSecretBytes = 16'384;
constexpr Duration kScriptLimit = 10s;

// The file that is judged is the file that is read: both through one descriptor.
Result<std::string> read_private_file(const std::string& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return fail(errno_error(errno, "opening " + file));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail(errno_error(errno, "looking at " + file));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kInvalid, file + ": not a regular file");
  if ((info.st_mode & (S_IROTH | S_IWOTH)) != 0)
    return fail(ErrorKind::kDenied, file + ": open to everybody on this machine; chmod 600 it");
  std::string content;
  std::array<char, 4'096> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading " + file));
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > kMostSecretBytes) return fail(ErrorKind::kInvalid, file + ": too long");
  }
}

std::string first_line(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return std::string(line);
}

Result<Secret> run_script(runtime::EventLoop& loop, const std::string& program) {
  const auto answer = std::make_shared<std::optional<Result<runtime::ChildResult>>>();
  runtime::ChildSpec spec;
  spec.program = program;
  spec.deadline = kScriptLimit;
  spec.output_cap = kMostSecretBytes;
  const auto child = runtime::run_child(
      loop, std::move(spec), [answer](auto result) { answer->emplace(std::move(result)); });
  loop.run_until([&answer] { return answer->has_value(); }, kScriptLimit + 5s);
  if (!*answer) return fail(ErrorKind::kCancelled, program + ": interrupted");
  if (!**answer) return fail((*answer)->error());
  // Its output is a secret also when it failed.
  if (!(*answer)->value().ok())
    return fail(ErrorKind::kInternal,
                program + ": ended with " + std::to_string((*answer)->value().exit_code));
  Secret secret(first_line((*answer)->value().out));
  wipe((*answer)->value().out);
  return secret;
}

}  // namespace

Result<Credentials> read_credentials(const std::string& file) {
  MOLD_TRY(std::string content, read_private_file(file));
  Credentials found;
  for (const std::string& raw : split(content, '\n')) {
    const std::string_view line = trim(raw);
    const auto equals = line.find('=');
    if (line.empty() || line.front() == '#' || equals == std::string_view::npos) continue;
    const std::string_view name = trim(line.substr(0, equals));
    const std::string value(trim(line.substr(equals + 1)));
    if (name == "key" || name == "apikey") found.key = value;
    if (name == "secret" || name == "secretkey") found.secret = Secret(value);
  }
  wipe(content);
  if (found.key.empty() || found.secret.empty())
    return fail(ErrorKind::kInvalid, file + ": needs a line key=... and a line secret=...");
  return found;
}

Result<Secret> read_password(runtime::EventLoop& loop, const DirectSettings& settings) {
  if (!settings.password.empty()) return settings.password;
  if (!settings.password_file.empty()) {
    MOLD_TRY(std::string content, read_private_file(settings.password_file));
    Secret secret(first_line(content));
    wipe(content);
    return secret;
  }
  if (!settings.password_script.empty()) return run_script(loop, settings.password_script);
  return Secret();
}

}  // namespace mold::fence_mold
