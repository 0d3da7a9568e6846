// faultfs: the shared storage of one lab host, which fails on command (see fault_gate.h).
//
// A pass-through file system over one backing directory. Each host of the lab has its own instance
// (outside the host, so that the host's death and the storage's faults are two different things),
// and all instances share the backing directory: a shared file system with one client per host.
//
// What matters for a high-availability test, and how it is kept:
//  - hang: requests wait in here, their callers are in D state and cannot be killed; on "ok" they
//  are
//    carried out, late, as a hard NFS mount would do. Killing this process (a power cut of the
//    host) drops them: a dead host's writes never land.
//  - Nothing is cached: direct I/O, no attribute or name timeouts. Hosts see each other's writes at
//  once.
//  - Locks (fcntl, OFD, flock) reach the backing store, so they hold between hosts. --local-locks
//  turns
//    that off, for storage like NFSv3 without a lock manager: then two QEMUs can open one disk.
//  - The root's own attributes are never held back, so that a machine can boot, bind and unmount
//  while
//    its storage hangs; everything beneath it is.
//
// libfuse's low-level API on purpose: its high-level one keeps a lock table of its own, in which
// the locks of QEMU (open-file locks) outlive the file that held them. Thread safety: libfuse calls
// from many threads; shared state is in InodeTable alone.

#define FUSE_USE_VERSION 314

#include <dirent.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <getopt.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "fault_gate.h"
#include "inode_table.h"

namespace {

using mold_lab::Access;
using mold_lab::FaultGate;
using mold_lab::InodeTable;

constexpr std::chrono::milliseconds kLockPoll{10};
constexpr unsigned int kMaxThreads = 128;  // each request that hangs occupies one

std::unique_ptr<FaultGate> g_gate;  // set by main before the file system starts
InodeTable g_inodes;

// True when the gate refused; the request has then been answered.
bool refused(fuse_req_t request, Access access) {
  const int error = g_gate->pass(access);
  if (error != 0) fuse_reply_err(request, error);
  return error != 0;
}

void reply(fuse_req_t request, int returned) {
  fuse_reply_err(request, returned < 0 ? errno : 0);
}

int file(const fuse_file_info* info) {
  return static_cast<int>(info->fh);
}

void reply_entry(fuse_req_t request, fuse_ino_t parent, const char* name) {
  fuse_entry_param entry = {};
  const int error = g_inodes.look_up(parent, name, entry.ino, entry.attr);
  if (error != 0) {
    fuse_reply_err(request, error);
  } else {
    fuse_reply_entry(request, &entry);
  }
}

// Answers a request that made an entry; the backing store belongs to root, the entry to its maker.
void reply_made(fuse_req_t request, int returned, fuse_ino_t parent, const char* name) {
  const fuse_ctx* caller = fuse_req_ctx(request);
  if (returned < 0 ||
      fchownat(g_inodes.handle(parent), name, caller->uid, caller->gid, AT_SYMLINK_NOFOLLOW) < 0) {
    fuse_reply_err(request, errno);
    return;
  }
  reply_entry(request, parent, name);
}

// ---- names ----

void fs_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  if (refused(request, Access::kRead)) return;
  reply_entry(request, parent, name);
}

void fs_forget(fuse_req_t request, fuse_ino_t inode, uint64_t lookups) {
  g_inodes.forget(inode, lookups);
  fuse_reply_none(request);
}

void fs_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  if (refused(request, Access::kWrite)) return;
  reply_made(request, mknodat(g_inodes.handle(parent), name, mode, device), parent, name);
}

void fs_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  if (refused(request, Access::kWrite)) return;
  reply_made(request, mkdirat(g_inodes.handle(parent), name, mode), parent, name);
}

void fs_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  if (refused(request, Access::kWrite)) return;
  reply_made(request, symlinkat(target, g_inodes.handle(parent), name), parent, name);
}

void fs_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char* name) {
  if (refused(request, Access::kWrite)) return;
  if (linkat(AT_FDCWD, g_inodes.path(inode).c_str(), g_inodes.handle(parent), name,
             AT_SYMLINK_FOLLOW) < 0) {
    fuse_reply_err(request, errno);
  } else {
    reply_entry(request, parent, name);
  }
}

void fs_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  if (refused(request, Access::kWrite)) return;
  reply(request, unlinkat(g_inodes.handle(parent), name, 0));
}

void fs_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  if (refused(request, Access::kWrite)) return;
  reply(request, unlinkat(g_inodes.handle(parent), name, AT_REMOVEDIR));
}

void fs_rename(fuse_req_t request, fuse_ino_t from, const char* name, fuse_ino_t to,
               const char* new_name, unsigned int flags) {
  if (refused(request, Access::kWrite)) return;
  reply(request, renameat2(g_inodes.handle(from), name, g_inodes.handle(to), new_name, flags));
}

void fs_readlink(fuse_req_t request, fuse_ino_t inode) {
  if (refused(request, Access::kRead)) return;
  char target[PATH_MAX + 1];
  const ssize_t length = readlinkat(g_inodes.handle(inode), "", target, PATH_MAX);
  if (length < 0) {
    fuse_reply_err(request, errno);
    return;
  }
  target[length] = '\0';
  fuse_reply_readlink(request, target);
}

// ---- attributes ----

void reply_attributes(fuse_req_t request, fuse_ino_t inode) {
  struct stat attributes = {};
  if (fstatat(g_inodes.handle(inode), "", &attributes, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_attr(request, &attributes, 0);
  }
}

void fs_getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
  if (inode != InodeTable::kRoot && refused(request, Access::kRead)) return;
  reply_attributes(request, inode);
}

int set_times(fuse_ino_t inode, const struct stat* wanted, int which) {
  timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
  if ((which & FUSE_SET_ATTR_ATIME) != 0) times[0] = wanted->st_atim;
  if ((which & FUSE_SET_ATTR_ATIME_NOW) != 0) times[0].tv_nsec = UTIME_NOW;
  if ((which & FUSE_SET_ATTR_MTIME) != 0) times[1] = wanted->st_mtim;
  if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0) times[1].tv_nsec = UTIME_NOW;
  return utimensat(g_inodes.handle(inode), "", times, AT_EMPTY_PATH);
}

void fs_setattr(fuse_req_t request, fuse_ino_t inode, struct stat* wanted, int which,
                fuse_file_info* info) {
  if (refused(request, Access::kWrite)) return;
  constexpr int kTimes = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;
  const int handle = g_inodes.handle(inode);
  int done = 0;
  if ((which & FUSE_SET_ATTR_MODE) != 0) {
    done = chmod(g_inodes.path(inode).c_str(), wanted->st_mode);
  }
  if (done == 0 && (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0) {
    const uid_t uid = (which & FUSE_SET_ATTR_UID) != 0 ? wanted->st_uid : static_cast<uid_t>(-1);
    const gid_t gid = (which & FUSE_SET_ATTR_GID) != 0 ? wanted->st_gid : static_cast<gid_t>(-1);
    done = fchownat(handle, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
  }
  if (done == 0 && (which & FUSE_SET_ATTR_SIZE) != 0) {
    done = info != nullptr ? ftruncate(file(info), wanted->st_size)
                           : truncate(g_inodes.path(inode).c_str(), wanted->st_size);
  }
  if (done == 0 && (which & kTimes) != 0) done = set_times(inode, wanted, which);
  if (done < 0) {
    fuse_reply_err(request, errno);
  } else {
    reply_attributes(request, inode);
  }
}

void fs_statfs(fuse_req_t request, fuse_ino_t) {
  if (refused(request, Access::kRead)) return;
  struct statvfs numbers = {};
  if (fstatvfs(g_inodes.handle(InodeTable::kRoot), &numbers) < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_statfs(request, &numbers);
  }
}

// ---- directories ----

DIR* directory(const fuse_file_info* info) {
  return reinterpret_cast<DIR*>(info->fh);
}

void fs_opendir(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
  if (refused(request, Access::kRead)) return;
  DIR* opened = opendir(g_inodes.path(inode).c_str());
  if (opened == nullptr) {
    fuse_reply_err(request, errno);
    return;
  }
  info->fh = reinterpret_cast<uint64_t>(opened);
  fuse_reply_open(request, info);
}

void fs_readdir(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  if (refused(request, Access::kRead)) return;
  std::vector<char> buffer(size);
  size_t used = 0;
  seekdir(directory(info), offset);
  while (const dirent* entry = readdir(directory(info))) {
    struct stat attributes = {};
    attributes.st_ino = entry->d_ino;
    attributes.st_mode = static_cast<mode_t>(entry->d_type) << 12;
    const size_t needed = fuse_add_direntry(request, buffer.data() + used, size - used,
                                            entry->d_name, &attributes, entry->d_off);
    if (needed > size - used) break;
    used += needed;
  }
  fuse_reply_buf(request, buffer.data(), used);
}

void fs_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  closedir(directory(info));
  fuse_reply_err(request, 0);
}

void fs_fsyncdir(fuse_req_t request, fuse_ino_t, int, fuse_file_info* info) {
  if (refused(request, Access::kWrite)) return;
  reply(request, fsync(dirfd(directory(info))));
}

// ---- open files ----

// O_DIRECT is a promise about caching, which this file system keeps by itself (direct_io); a
// backing store on tmpfs may not know the flag.
int backing_flags(int flags) {
  return (flags & ~(O_DIRECT | O_NOFOLLOW)) | O_CLOEXEC;
}

void fs_open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
  const bool writes = (info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC) != 0;
  if (refused(request, writes ? Access::kWrite : Access::kRead)) return;
  const int fd = open(g_inodes.path(inode).c_str(), backing_flags(info->flags) & ~O_CREAT);
  if (fd < 0) {
    fuse_reply_err(request, errno);
    return;
  }
  info->fh = static_cast<uint64_t>(fd);
  info->direct_io = 1;
  fuse_reply_open(request, info);
}

void fs_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* info) {
  if (refused(request, Access::kWrite)) return;
  // The kernel asks to create when it does not know the name; another host may have been quicker.
  const int flags = backing_flags(info->flags);
  int fd = openat(g_inodes.handle(parent), name, flags | O_CREAT | O_EXCL, mode);
  if (fd >= 0) {
    const fuse_ctx* caller = fuse_req_ctx(request);
    if (fchown(fd, caller->uid, caller->gid) < 0) std::perror("faultfs: chown");
  } else if (errno == EEXIST && (info->flags & O_EXCL) == 0) {
    fd = openat(g_inodes.handle(parent), name, flags & ~O_CREAT);
  }
  fuse_entry_param entry = {};
  const int error = fd < 0 ? errno : g_inodes.look_up(parent, name, entry.ino, entry.attr);
  if (error != 0) {
    if (fd >= 0) close(fd);
    fuse_reply_err(request, error);
    return;
  }
  info->fh = static_cast<uint64_t>(fd);
  info->direct_io = 1;
  fuse_reply_create(request, &entry, info);
}

void fs_read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  if (refused(request, Access::kRead)) return;
  std::vector<char> buffer(size);
  const ssize_t count = pread(file(info), buffer.data(), size, offset);
  if (count < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_buf(request, buffer.data(), static_cast<size_t>(count));
  }
}

void fs_write(fuse_req_t request, fuse_ino_t, const char* data, size_t size, off_t offset,
              fuse_file_info* info) {
  if (refused(request, Access::kWrite)) return;
  const ssize_t count = pwrite(file(info), data, size, offset);
  if (count < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_write(request, static_cast<size_t>(count));
  }
}

void fs_fsync(fuse_req_t request, fuse_ino_t, int data_only, fuse_file_info* info) {
  if (refused(request, Access::kWrite)) return;
  reply(request, data_only != 0 ? fdatasync(file(info)) : fsync(file(info)));
}

void fs_fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length,
                  fuse_file_info* info) {
  if (refused(request, Access::kWrite)) return;
  reply(request, fallocate(file(info), mode, offset, length));
}

void fs_lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  if (refused(request, Access::kRead)) return;
  const off_t position = lseek(file(info), offset, whence);
  if (position < 0) {
    fuse_reply_err(request, errno);
  } else {
    fuse_reply_lseek(request, position);
  }
}

void fs_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  reply(request, close(file(info)));
}

// ---- locks ----

// Tries until the lock is there or the caller gives up. Polling, because a thread blocked in the
// kernel could not be called back.
template <typename Try>
void lock_patiently(fuse_req_t request, bool wait, Try&& try_once) {
  for (;;) {
    if (try_once() == 0) {
      fuse_reply_err(request, 0);
      return;
    }
    const int error = errno;
    if (!wait || (error != EAGAIN && error != EACCES)) {
      fuse_reply_err(request, error);
      return;
    }
    if (fuse_req_interrupted(request) != 0) {
      fuse_reply_err(request, EINTR);
      return;
    }
    std::this_thread::sleep_for(kLockPoll);
  }
}

// A record lock becomes an open-file lock of the backing handle: each open of each host has its own
// handle, so locks exclude each other between hosts and vanish with the handle (a dead host's too).
// Two opens of one file by one process exclude each other as well, which plain fcntl would not do.
void fs_getlk(fuse_req_t request, fuse_ino_t, fuse_file_info* info, struct flock* lock) {
  if (refused(request, Access::kRead)) return;
  lock->l_pid = 0;
  if (fcntl(file(info), F_OFD_GETLK, lock) < 0) {
    fuse_reply_err(request, errno);
    return;
  }
  if (lock->l_pid < 0) lock->l_pid = 0;  // "held by an open file", which the kernel would not take
  fuse_reply_lock(request, lock);
}

void fs_setlk(fuse_req_t request, fuse_ino_t, fuse_file_info* info, struct flock* lock, int sleep) {
  if (refused(request, Access::kRead)) return;
  lock->l_pid = 0;
  lock_patiently(request, sleep != 0, [&] { return fcntl(file(info), F_OFD_SETLK, lock); });
}

void fs_flock(fuse_req_t request, fuse_ino_t, fuse_file_info* info, int operation) {
  if (refused(request, Access::kRead)) return;
  lock_patiently(request, (operation & LOCK_NB) == 0,
                 [&] { return flock(file(info), operation | LOCK_NB); });
}

// ---- the program ----

fuse_lowlevel_ops make_operations(bool local_locks) {
  fuse_lowlevel_ops ops = {};
  ops.lookup = fs_lookup;
  ops.forget = fs_forget;
  ops.getattr = fs_getattr;
  ops.setattr = fs_setattr;
  ops.readlink = fs_readlink;
  ops.mknod = fs_mknod;
  ops.mkdir = fs_mkdir;
  ops.unlink = fs_unlink;
  ops.rmdir = fs_rmdir;
  ops.symlink = fs_symlink;
  ops.rename = fs_rename;
  ops.link = fs_link;
  ops.open = fs_open;
  ops.create = fs_create;
  ops.read = fs_read;
  ops.write = fs_write;
  ops.release = fs_release;
  ops.fsync = fs_fsync;
  ops.opendir = fs_opendir;
  ops.readdir = fs_readdir;
  ops.releasedir = fs_releasedir;
  ops.fsyncdir = fs_fsyncdir;
  ops.statfs = fs_statfs;
  ops.fallocate = fs_fallocate;
  ops.lseek = fs_lseek;
  if (!local_locks) {
    ops.getlk = fs_getlk;
    ops.setlk = fs_setlk;
    ops.flock = fs_flock;
  }
  return ops;
}

struct Options {
  std::string backing;
  std::string control;
  std::string mount;
  std::string name = "mold-lab";
  bool local_locks = false;
};

bool parse(int argc, char** argv, Options& out) {
  static const option kLong[] = {
      {"backing", required_argument, nullptr, 'b'}, {"control", required_argument, nullptr, 'c'},
      {"mount", required_argument, nullptr, 'm'},   {"name", required_argument, nullptr, 'n'},
      {"local-locks", no_argument, nullptr, 'l'},   {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "", kLong, nullptr)) != -1;) {
    switch (option) {
      case 'b':
        out.backing = optarg;
        break;
      case 'c':
        out.control = optarg;
        break;
      case 'm':
        out.mount = optarg;
        break;
      case 'n':
        out.name = optarg;
        break;
      case 'l':
        out.local_locks = true;
        break;
      default:
        return false;
    }
  }
  return optind == argc && !out.backing.empty() && !out.control.empty() && !out.mount.empty();
}

// Mounts, goes to the background and serves until it is unmounted or killed.
int serve(const Options& options) {
  // libvirt takes a file system for shared storage by its type: "fuse.glusterfs" is one it knows.
  std::string mount_options =
      "allow_other,default_permissions,subtype=glusterfs,fsname=" + options.name;
  std::string program = "faultfs", flag = "-o";
  char* arguments[] = {program.data(), flag.data(), mount_options.data()};
  fuse_args args = FUSE_ARGS_INIT(3, arguments);
  const fuse_lowlevel_ops ops = make_operations(options.local_locks);
  fuse_session* session = fuse_session_new(&args, &ops, sizeof ops, nullptr);
  if (session == nullptr || fuse_set_signal_handlers(session) != 0) return 1;
  if (fuse_session_mount(session, options.mount.c_str()) != 0) return 1;
  if (fuse_daemonize(0) != 0) return 1;
  fuse_loop_config* loop = fuse_loop_cfg_create();
  fuse_loop_cfg_set_max_threads(loop, kMaxThreads);
  const int result = fuse_session_loop_mt(session, loop);
  fuse_loop_cfg_destroy(loop);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  return result == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(stderr,
                 "usage: faultfs --backing DIR --control FILE --mount DIR [--name NAME] "
                 "[--local-locks]\nReturns when mounted; the file system goes on by itself.\n");
    return 2;
  }
  if (!g_inodes.open_root(options.backing)) {
    std::fprintf(stderr, "faultfs: %s: %s\n", options.backing.c_str(), std::strerror(errno));
    return 1;
  }
  g_gate = std::make_unique<FaultGate>(options.control);
  umask(0);
  return serve(options);
}
