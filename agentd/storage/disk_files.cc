#include "agentd/storage/disk_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "lib/base/unique_fd.h"
#include "lib/runtime/files.h"

namespace mold::agentd {
namespace {

constexpr std::array<unsigned char, 4> kQcowMagic = {'Q', 'F', 'I', 0xfb};
constexpr std::size_t kQcowSizeOffset = 24;  // big endian, 8 bytes

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::uint64_t> regular_size(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(errno_error(errno, "looking at " + path));
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kConflict, path + ": not a regular file");
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::uint64_t> qcow2_size(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail(errno_error(errno, "opening " + path));
  std::array<unsigned char, kQcowSizeOffset + 8> head{};
  const ssize_t got = ::pread(fd.get(), head.data(), head.size(), 0);
  if (got < 0) return fail(errno_error(errno, "reading " + path));
  if (got != static_cast<ssize_t>(head.size()) ||
      !std::equal(kQcowMagic.begin(), kQcowMagic.end(), head.begin())) {
    return fail(ErrorKind::kCorrupt, path + ": not a qcow2 image");
  }
  std::uint64_t size = 0;
  for (std::size_t i = kQcowSizeOffset; i < head.size(); ++i) size = (size << 8U) | head[i];
  return size;
}

// Ok if what is there can pass for the disk asked for.
Status fits(const core::Disk& disk) {
  MOLD_TRY_VOID(regular_size(disk.path));
  auto size = virtual_size(disk.path, disk.format);
  if (!size && size.error().kind == ErrorKind::kCorrupt) {
    return fail(ErrorKind::kConflict, size.error().what);
  }
  if (!size) return fail(std::move(size).error());
  if (*size < disk.size_bytes) {
    return fail(ErrorKind::kConflict, disk.path + ": is there already and is smaller");
  }
  return {};
}

Status publish(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST) return fail(errno_error(EEXIST, "publishing " + to));
  // Not every file system knows that flag; a hard link does not overwrite either.
  if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) {
    if (::link(from.c_str(), to.c_str()) == 0) return runtime::remove_file(from);
    if (errno == EEXIST) return fail(errno_error(EEXIST, "publishing " + to));
    // Neither is to be had (some FUSE file systems): look, then rename.
    if (runtime::file_exists(to)) return fail(errno_error(EEXIST, "publishing " + to));
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
  }
  return fail(errno_error(errno, "publishing " + to));
}

// Other attempts of this disk that are over, of whatever instance of this program in this boot. One
// that is not over after all loses its file and fails to publish it.
Status remove_leftovers(const std::string& prefix, const std::set<std::string>& in_use) {
  const std::string directory = directory_of(prefix);
  MOLD_TRY(const std::vector<std::string> names, runtime::list_dir(directory));
  for (const std::string& name : names) {
    const std::string path = (directory == "/" ? "" : directory) + "/" + name;
    if (path.compare(0, prefix.size(), prefix) != 0 || in_use.count(path) != 0) continue;
    MOLD_TRY_VOID(runtime::remove_file(path));
  }
  return {};
}

// A link could lead anywhere on this host.
Status check_template(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return fail(errno_error(errno, "looking at " + path));
  if (S_ISLNK(info.st_mode)) return fail(ErrorKind::kInvalid, path + ": is a symbolic link");
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kInvalid, path + ": not a regular file");
  return {};
}

// The name still leads to what was synced.
Status same_file(int fd, const std::string& path) {
  struct stat open {};
  struct stat named {};
  if (::fstat(fd, &open) != 0 || ::lstat(path.c_str(), &named) != 0) {
    return fail(errno_error(errno, "looking at " + path));
  }
  if (open.st_dev != named.st_dev || open.st_ino != named.st_ino) {
    return fail(ErrorKind::kConflict, path + ": was replaced by somebody else");
  }
  return {};
}

}  // namespace

std::string format_of_template(const std::string& path) {
  constexpr std::string_view kEnding = ".qcow2";
  const bool qcow2 = path.size() > kEnding.size() &&
                     path.compare(path.size() - kEnding.size(), kEnding.size(), kEnding) == 0;
  return qcow2 ? "qcow2" : "raw";
}

Result<std::uint64_t> virtual_size(const std::string& path, const std::string& format) {
  return format == "qcow2" ? qcow2_size(path) : regular_size(path);
}

Result<std::uint64_t> template_size(const std::string& path) {
  MOLD_TRY_VOID(check_template(path));
  return virtual_size(path, format_of_template(path));
}

std::string partial_prefix(const std::string& path, const std::string& tag) {
  return path + ".partial-" + tag + "-";
}

Result<DiskPlan> plan_disk(const core::Disk& disk, const std::string& prefix,
                           const std::set<std::string>& in_use) {
  DiskPlan plan;
  struct stat info {};
  if (::lstat(disk.path.c_str(), &info) == 0) {
    MOLD_TRY_VOID(fits(disk));
    plan.there = true;
    return plan;
  }
  if (errno != ENOENT) return fail(errno_error(errno, "looking at " + disk.path));
  MOLD_TRY_VOID(remove_leftovers(prefix, in_use));
  plan.size_bytes = disk.size_bytes;
  if (!disk.template_path.empty()) {
    MOLD_TRY(const std::uint64_t least, template_size(disk.template_path));
    plan.size_bytes = std::max(plan.size_bytes, least);
  }
  if (plan.size_bytes == 0) return fail(ErrorKind::kInvalid, "a disk without size and template");
  plan.needs_tool = !disk.template_path.empty() || disk.format != "raw";
  return plan;
}

Status publish_disk(const core::Disk& disk, const std::string& partial, const DiskPlan& plan) {
  const std::uint64_t size_bytes = plan.size_bytes;
  // What the tool made must be there: an empty file in its place would be no disk.
  const int make = plan.needs_tool ? 0 : O_CREAT | O_EXCL;
  const UniqueFd fd(::open(partial.c_str(), O_RDWR | make | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return fail(errno_error(errno, "opening " + partial));
  if (disk.format == "raw") {
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0) return fail(errno_error(errno, "looking at " + partial));
    if (static_cast<std::uint64_t>(info.st_size) < size_bytes &&
        ::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) {
      return fail(errno_error(errno, "growing " + partial));
    }
  }
  if (::fsync(fd.get()) != 0) return fail(errno_error(errno, "syncing " + partial));
  MOLD_TRY_VOID(same_file(fd.get(), partial));
  if (auto status = publish(partial, disk.path); !status) {
    if (!runtime::file_exists(disk.path)) return status;
    static_cast<void>(runtime::remove_file(partial));
    return fits(disk);  // somebody else made it meanwhile
  }
  return runtime::sync_dir(directory_of(disk.path));
}

Status remove_disk(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return fail(errno_error(errno, "looking at " + path));
  }
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kConflict, path + ": not a regular file");
  MOLD_TRY_VOID(runtime::remove_file(path));
  return runtime::sync_dir(directory_of(path));
}

}  // namespace mold::agentd
