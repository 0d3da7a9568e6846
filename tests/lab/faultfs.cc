// faultfs: the shared storage of one lab host, which fails on command.
//
// A pass-through file system over one backing directory. Each host of the lab has its own instance
// (outside the host, so that the host's death and the storage's faults are two different things), and
// all instances share the backing directory: that makes it a shared file system with one client per
// host. Its control file says how it behaves from the next request on:
//
//   ok | hang | eio | ro | slow MILLISECONDS
//
// What matters for a high-availability test, and how it is kept:
//  - hang: requests wait inside the file system, their callers are in D state and cannot be killed;
//    when the file says "ok" again they are carried out, late, as an NFS server's client would do.
//    Killing this process (a power cut of the host) drops them: a dead host's writes never land.
//  - Nothing is cached: direct I/O, no attribute or name timeouts. Hosts see each other's writes at once.
//  - Locks (fcntl, OFD, flock) reach the backing store, so they hold between hosts. --local-locks turns
//    that off, for storage like NFSv3 without a lock manager: then two QEMUs can open one disk.
//  - The root's own attributes are never held back, so that a machine can boot, bind and unmount while
//    its storage hangs; everything beneath it is.
//
// Thread safety: libfuse calls from many threads; there is no shared mutable state but the control file.

#define FUSE_USE_VERSION 314

#include <dirent.h>
#include <fcntl.h>
#include <fuse.h>
#include <getopt.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr auto kHangPoll = std::chrono::milliseconds(10);
constexpr auto kLockPoll = std::chrono::milliseconds(10);
constexpr int kMaxSlowMs = 60'000;

struct Options {
  std::string backing;
  std::string control;
  std::string mount;
  std::string name = "mold-lab";
  bool local_locks = false;
};

Options g_options;   // written by main before the file system starts, read-only afterwards
int g_backing = -1;  // directory handle of the backing store

enum class Access { kRead, kWrite };

// Waits or fails as the control file says. Returns 0 to go on or a negative errno. The file is read
// anew for each request, so a fault is in force when the command that wrote it has returned.
int pass_gate(Access access) {
  for (;;) {
    char text[32] = {};
    const int fd = open(g_options.control.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      if (read(fd, text, sizeof text - 1) < 0) text[0] = '\0';
      close(fd);
    }
    const std::string_view mode(text);
    if (mode.starts_with("hang")) {
      std::this_thread::sleep_for(kHangPoll);
      continue;
    }
    if (mode.starts_with("eio")) return -EIO;
    if (mode.starts_with("ro") && access == Access::kWrite) return -EROFS;
    if (mode.starts_with("slow")) {
      const int delay_ms = std::clamp(std::atoi(text + 4), 0, kMaxSlowMs);
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    }
    return 0;
  }
}

int result(int returned) { return returned < 0 ? -errno : 0; }
int counted(ssize_t returned) { return returned < 0 ? -errno : static_cast<int>(returned); }

// "/a/b" -> "a/b", "/" -> ".": names relative to the backing directory.
const char* beneath(const char* path) { return path[1] == '\0' ? "." : path + 1; }

int handle(const fuse_file_info* info) { return static_cast<int>(info->fh); }

// The backing store belongs to root; a new entry belongs to whoever made it.
int give_to_caller(const char* path) {
  const fuse_context* caller = fuse_get_context();
  return result(
      fchownat(g_backing, beneath(path), caller->uid, caller->gid, AT_SYMLINK_NOFOLLOW));
}

// ---- names and attributes ----

int fs_getattr(const char* path, struct stat* out, fuse_file_info* info) {
  const bool root = path != nullptr && path[1] == '\0';
  if (!root) {
    if (const int error = pass_gate(Access::kRead)) return error;
  }
  if (info != nullptr) return result(fstat(handle(info), out));
  return result(fstatat(g_backing, beneath(path), out, AT_SYMLINK_NOFOLLOW));
}

int fs_readlink(const char* path, char* out, size_t size) {
  if (const int error = pass_gate(Access::kRead)) return error;
  const ssize_t length = readlinkat(g_backing, beneath(path), out, size - 1);
  if (length < 0) return -errno;
  out[length] = '\0';
  return 0;
}

int fs_mknod(const char* path, mode_t mode, dev_t device) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (mknodat(g_backing, beneath(path), mode, device) < 0) return -errno;
  return give_to_caller(path);
}

int fs_mkdir(const char* path, mode_t mode) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (mkdirat(g_backing, beneath(path), mode) < 0) return -errno;
  return give_to_caller(path);
}

int fs_unlink(const char* path) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return result(unlinkat(g_backing, beneath(path), 0));
}

int fs_rmdir(const char* path) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return result(unlinkat(g_backing, beneath(path), AT_REMOVEDIR));
}

int fs_symlink(const char* target, const char* path) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (symlinkat(target, g_backing, beneath(path)) < 0) return -errno;
  return give_to_caller(path);
}

int fs_rename(const char* from, const char* to, unsigned int flags) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return result(renameat2(g_backing, beneath(from), g_backing, beneath(to), flags));
}

int fs_link(const char* from, const char* to) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return result(linkat(g_backing, beneath(from), g_backing, beneath(to), 0));
}

int fs_chmod(const char* path, mode_t mode, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (info != nullptr) return result(fchmod(handle(info), mode));
  return result(fchmodat(g_backing, beneath(path), mode, 0));
}

int fs_chown(const char* path, uid_t uid, gid_t gid, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (info != nullptr) return result(fchown(handle(info), uid, gid));
  return result(fchownat(g_backing, beneath(path), uid, gid, AT_SYMLINK_NOFOLLOW));
}

int fs_truncate(const char* path, off_t size, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (info != nullptr) return result(ftruncate(handle(info), size));
  const int fd = openat(g_backing, beneath(path), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  const int error = result(ftruncate(fd, size));
  close(fd);
  return error;
}

int fs_utimens(const char* path, const timespec times[2], fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  if (info != nullptr) return result(futimens(handle(info), times));
  return result(utimensat(g_backing, beneath(path), times, AT_SYMLINK_NOFOLLOW));
}

int fs_statfs(const char*, struct statvfs* out) {
  if (const int error = pass_gate(Access::kRead)) return error;
  return result(fstatvfs(g_backing, out));
}

int fs_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*,
               fuse_readdir_flags) {
  if (const int error = pass_gate(Access::kRead)) return error;
  const int fd = openat(g_backing, beneath(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    const int error = -errno;
    close(fd);
    return error;
  }
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    if (fill(buffer, entry->d_name, nullptr, 0, static_cast<fuse_fill_dir_flags>(0)) != 0) break;
  }
  const int error = -errno;
  closedir(directory);
  return error;
}

// ---- open files ----

// O_DIRECT is a promise about caching, which the file system keeps by itself (direct_io); a backing
// store on tmpfs may not know the flag.
int open_backing(const char* path, int flags, mode_t mode, fuse_file_info* info) {
  const int fd = openat(g_backing, beneath(path), (flags & ~O_DIRECT) | O_CLOEXEC, mode);
  if (fd < 0) return -errno;
  info->fh = static_cast<uint64_t>(fd);
  info->direct_io = 1;
  return 0;
}

int fs_open(const char* path, fuse_file_info* info) {
  const bool writes = (info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC) != 0;
  if (const int error = pass_gate(writes ? Access::kWrite : Access::kRead)) return error;
  return open_backing(path, info->flags & ~O_CREAT, 0, info);
}

int fs_create(const char* path, mode_t mode, fuse_file_info* info) {
  if (const int refused = pass_gate(Access::kWrite)) return refused;
  // The kernel asks to create only after it did not find the name; another host may have been quicker.
  const int error = open_backing(path, info->flags | O_CREAT | O_EXCL, mode, info);
  if (error == 0) {
    const fuse_context* caller = fuse_get_context();
    return result(fchown(handle(info), caller->uid, caller->gid));
  }
  if (error != -EEXIST || (info->flags & O_EXCL) != 0) return error;
  return open_backing(path, info->flags & ~O_CREAT, mode, info);
}

int fs_read(const char*, char* buffer, size_t size, off_t offset, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kRead)) return error;
  return counted(pread(handle(info), buffer, size, offset));
}

int fs_write(const char*, const char* buffer, size_t size, off_t offset, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return counted(pwrite(handle(info), buffer, size, offset));
}

int fs_fsync(const char*, int data_only, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return result(data_only != 0 ? fdatasync(handle(info)) : fsync(handle(info)));
}

int fs_fsyncdir(const char*, int, fuse_file_info*) { return pass_gate(Access::kWrite); }

int fs_fallocate(const char*, int mode, off_t offset, off_t length, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kWrite)) return error;
  return result(fallocate(handle(info), mode, offset, length));
}

off_t fs_lseek(const char*, off_t offset, int whence, fuse_file_info* info) {
  if (const int error = pass_gate(Access::kRead)) return error;
  const off_t position = lseek(handle(info), offset, whence);
  return position < 0 ? -errno : position;
}

int fs_release(const char*, fuse_file_info* info) { return result(close(handle(info))); }

// ---- locks ----

// Tries until the lock is there or the caller is interrupted. Polling, because a thread blocked in the
// kernel could not be called back when the caller gives up.
template <typename Try>
int lock_patiently(bool wait, Try&& try_once) {
  for (;;) {
    const int error = result(try_once());
    if (!wait || (error != -EAGAIN && error != -EACCES)) return error;
    if (fuse_interrupted() != 0) return -EINTR;
    std::this_thread::sleep_for(kLockPoll);
  }
}

// A record lock becomes an open-file lock of the backing handle: each open of each host has its own
// handle, so locks exclude each other between hosts and vanish with the handle (a dead host's too).
// Two opens of one file by one process exclude each other as well, which plain fcntl would not do.
int fs_lock(const char*, fuse_file_info* info, int command, struct flock* lock) {
  if (const int error = pass_gate(Access::kRead)) return error;
  lock->l_pid = 0;
  if (command == F_GETLK) return result(fcntl(handle(info), F_OFD_GETLK, lock));
  return lock_patiently(command == F_SETLKW,
                        [&] { return fcntl(handle(info), F_OFD_SETLK, lock); });
}

int fs_flock(const char*, fuse_file_info* info, int operation) {
  if (const int error = pass_gate(Access::kRead)) return error;
  return lock_patiently((operation & LOCK_NB) == 0,
                        [&] { return flock(handle(info), operation | LOCK_NB); });
}

void* fs_init(fuse_conn_info*, fuse_config* config) {
  config->attr_timeout = 0;
  config->entry_timeout = 0;
  config->negative_timeout = 0;
  config->hard_remove = 1;
  config->nullpath_ok = 1;
  config->direct_io = 1;
  config->use_ino = 1;
  return nullptr;
}

fuse_operations make_operations(bool local_locks) {
  fuse_operations ops = {};
  ops.init = fs_init;
  ops.getattr = fs_getattr;
  ops.readlink = fs_readlink;
  ops.mknod = fs_mknod;
  ops.mkdir = fs_mkdir;
  ops.unlink = fs_unlink;
  ops.rmdir = fs_rmdir;
  ops.symlink = fs_symlink;
  ops.rename = fs_rename;
  ops.link = fs_link;
  ops.chmod = fs_chmod;
  ops.chown = fs_chown;
  ops.truncate = fs_truncate;
  ops.utimens = fs_utimens;
  ops.statfs = fs_statfs;
  ops.readdir = fs_readdir;
  ops.open = fs_open;
  ops.create = fs_create;
  ops.read = fs_read;
  ops.write = fs_write;
  ops.fsync = fs_fsync;
  ops.fsyncdir = fs_fsyncdir;
  ops.fallocate = fs_fallocate;
  ops.lseek = fs_lseek;
  ops.release = fs_release;
  if (!local_locks) {
    ops.lock = fs_lock;
    ops.flock = fs_flock;
  }
  return ops;
}

bool parse(int argc, char** argv, Options& out) {
  static const option kLong[] = {{"backing", required_argument, nullptr, 'b'},
                                 {"control", required_argument, nullptr, 'c'},
                                 {"mount", required_argument, nullptr, 'm'},
                                 {"name", required_argument, nullptr, 'n'},
                                 {"local-locks", no_argument, nullptr, 'l'},
                                 {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (option) {
      case 'b': out.backing = optarg; break;
      case 'c': out.control = optarg; break;
      case 'm': out.mount = optarg; break;
      case 'n': out.name = optarg; break;
      case 'l': out.local_locks = true; break;
      default: return false;
    }
  }
  return optind == argc && !out.backing.empty() && !out.control.empty() && !out.mount.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (!parse(argc, argv, g_options)) {
    std::fprintf(stderr,
                 "usage: faultfs --backing DIR --control FILE --mount DIR [--name NAME] "
                 "[--local-locks]\nReturns when mounted; the file system goes on by itself.\n");
    return 2;
  }
  g_backing = open(g_options.backing.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (g_backing < 0) {
    std::fprintf(stderr, "faultfs: %s: %s\n", g_options.backing.c_str(), std::strerror(errno));
    return 1;
  }
  umask(0);
  // libvirt takes a file system for shared storage by its type: "fuse.glusterfs" is one it knows.
  // Many threads, because each held-back request occupies one.
  std::string mount_options = "allow_other,default_permissions,subtype=glusterfs,max_threads=128";
  mount_options += ",fsname=" + g_options.name;
  std::vector<std::string> words = {"faultfs", "-o", mount_options, g_options.mount};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  const fuse_operations ops = make_operations(g_options.local_locks);
  return fuse_main(static_cast<int>(arguments.size()), arguments.data(), &ops, nullptr);
}
