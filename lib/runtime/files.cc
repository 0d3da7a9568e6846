#include "lib/runtime/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "lib/base/check.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace mold::runtime {
namespace {

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "writing " + path));
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  std::string content;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading " + path));
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > limit) {
      return fail(ErrorKind::kInvalid,
                  path + " is longer than " + std::to_string(limit) + " bytes");
    }
    content.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Status sync_dir(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail(errno_error(errno, "opening directory " + path));
  if (::fsync(fd.get()) != 0) return fail(errno_error(errno, "syncing directory " + path));
  return {};
}

Status write_file_atomic(const std::string& path, std::string_view content, mode_t mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return fail(errno_error(errno, "creating a file beside " + path));
  auto give_up = [&temporary](Error error) {
    ::unlink(temporary.c_str());
    return fail(std::move(error));
  };
  if (auto written = write_all(fd.get(), content, path); !written) return give_up(written.error());
  if (::fchmod(fd.get(), mode) != 0) return give_up(errno_error(errno, "chmod " + path));
  if (::fsync(fd.get()) != 0) return give_up(errno_error(errno, "syncing " + path));
  fd.reset();
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return give_up(errno_error(errno, "renaming to " + path));
  }
  return sync_dir(parent_of(path));
}

Status make_dir(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  const int err = errno;
  struct stat info {};
  if (err == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return fail(errno_error(err, "making directory " + path));
}

Status make_dirs(const std::string& path, mode_t mode) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    MOLD_TRY_VOID(make_dir(path.substr(0, at), mode));
  }
  return make_dir(path, mode);
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail(errno_error(errno, "removing " + path));
}

Result<std::vector<std::string>> list_dir(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), &::closedir);
  if (!dir) return fail(errno_error(errno, "opening directory " + path));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(errno_error(errno, "reading directory " + path));
  std::sort(names.begin(), names.end());
  return names;
}

bool file_exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Result<BootId> read_boot_id() {
  MOLD_TRY(const std::string text, read_file("/proc/sys/kernel/random/boot_id", 64));
  const std::string_view id = trim(text);
  if (!is_uuid(id)) return fail(ErrorKind::kCorrupt, "boot_id is not a UUID");
  return BootId(id);
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t n = ::getrandom(bytes.data() + have, count - have, 0);
    if (n < 0 && errno == EINTR) continue;
    MOLD_CHECK(n > 0, "the kernel gives no random bytes");
    have += static_cast<std::size_t>(n);
  }
  return bytes;
}

std::string new_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = hex_encode(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace mold::runtime
