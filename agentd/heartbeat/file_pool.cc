// The file pool: a directory shared by the cluster's hosts (NFS, CephFS, GFS2 or any other). One
// file per host, one block, rewritten in place. A record's file is made by write-and-rename, so no
// reader ever meets an empty one. The identity file `.mold-ha/pool` tells this pool from another
// one and from the empty directory below a missing mount; it is made once, when a pool is first
// seen.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "agentd/heartbeat/pool_identity.h"
#include "agentd/heartbeat/pool_medium.h"
#include "agentd/heartbeat/proc_dir.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {
namespace {

constexpr std::size_t kNameSize = kMaxPoolPath + 128;

// Opens for direct I/O where the file system can do that, else normally.
UniqueFd open_direct(const char* path, int flags, mode_t mode, bool& direct) {
  direct = true;
  UniqueFd fd(::open(path, flags | O_DIRECT | O_CLOEXEC, mode));
  if (!fd && errno == EINVAL) {
    direct = false;
    fd.reset(::open(path, flags | O_CLOEXEC, mode));
  }
  return fd;
}

class FilePool final : public PoolMedium {
 public:
  explicit FilePool(const PoolChildSetup& setup) : setup_(setup), identity_(setup) {
    std::snprintf(beats_, sizeof beats_, "%s/%s", setup.path, kBeatDirectory.data());
    char own[kUuidTextSize];
    setup.host.write(own);
    std::snprintf(own_, sizeof own_, "%s/%.36s", beats_, own);
    std::snprintf(own_tmp_, sizeof own_tmp_, "%s/.tmp.%.36s", beats_, own);
    std::snprintf(identity_path_, sizeof identity_path_, "%s/%s/pool", setup.path,
                  kHaDirectory.data());
  }

  PoolOutcome write_own(ConstBeatBlock block) override;
  int list(std::span<Uuid> hosts) override;
  int read(const Uuid& host, BeatBlock out) override;
  [[nodiscard]] const char* real_path() const override { return real_path_; }

 private:
  PoolOutcome prepare();
  PoolOutcome check_mount() const;
  PoolOutcome check_identity();
  PoolOutcome make_identity();
  PoolOutcome write_to(int fd, bool direct);
  PoolOutcome create_own();

  PoolChildSetup setup_;
  PoolIdentity identity_;
  bool prepared_ = false;
  char real_path_[PATH_MAX] = {};
  char beats_[kNameSize] = {};
  char own_[kNameSize + 64] = {};
  char own_tmp_[kNameSize + 64] = {};
  char identity_path_[kNameSize] = {};
  alignas(kBeatBlockSize) std::byte out_[kBeatBlockSize] = {};
  alignas(kBeatBlockSize) std::byte in_[kBeatBlockSize] = {};
};

PoolOutcome FilePool::check_mount() const {
  if (!setup_.must_be_mountpoint) return {};
  char parent[kNameSize];
  std::snprintf(parent, sizeof parent, "%s/..", setup_.path);
  struct stat here {};
  struct stat above {};
  if (::stat(setup_.path, &here) != 0) return pool_failed(PoolFault::kDirectory, errno);
  if (::stat(parent, &above) != 0) return pool_failed(PoolFault::kDirectory, errno);
  if (here.st_dev == above.st_dev) return pool_failed(PoolFault::kNotMounted, 0);
  return {};
}

PoolOutcome FilePool::make_identity() {
  char tmp[kNameSize + 64];
  char own[kUuidTextSize];
  setup_.host.write(own);
  std::snprintf(tmp, sizeof tmp, "%s.tmp.%.36s", identity_path_, own);
  const UniqueFd fd(::open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return pool_failed(PoolFault::kCreate, errno);
  const auto text = identity_.text();
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0) {
    return pool_failed(PoolFault::kCreate, errno);
  }
  // link, not rename: when another host was first, its file stays and is checked.
  const int result = ::link(tmp, identity_path_) == 0 ? 0 : errno;
  (void)::unlink(tmp);
  if (result == 0 || result == EEXIST) return {};
  return pool_failed(PoolFault::kCreate, result);
}

PoolOutcome FilePool::check_identity() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const UniqueFd fd(::open(identity_path_, O_RDONLY | O_CLOEXEC));
    if (fd) {
      char text[kIdentitySize];
      const auto n = ::read(fd.get(), text, sizeof text);
      if (n < 0) return pool_failed(PoolFault::kIdentityMissing, errno);
      const bool same = std::string_view(text, static_cast<std::size_t>(n)) == identity_.text();
      return same ? PoolOutcome{} : pool_failed(PoolFault::kForeignPool, 0);
    }
    if (errno != ENOENT || setup_.identity_known)
      return pool_failed(PoolFault::kIdentityMissing, errno);
    if (const auto made = make_identity(); !made.ok()) return made;
  }
  return pool_failed(PoolFault::kIdentityMissing, ENOENT);
}

PoolOutcome FilePool::prepare() {
  prepared_ = false;
  struct stat info {};
  if (::stat(setup_.path, &info) != 0) return pool_failed(PoolFault::kDirectory, errno);
  if (!S_ISDIR(info.st_mode)) return pool_failed(PoolFault::kDirectory, ENOTDIR);
  if (const auto mounted = check_mount(); !mounted.ok()) return mounted;
  if (!setup_.identity_known) {
    char ha[kNameSize];
    std::snprintf(ha, sizeof ha, "%s/%s", setup_.path, kHaDirectory.data());
    if (::mkdir(ha, 0755) != 0 && errno != EEXIST) return pool_failed(PoolFault::kCreate, errno);
  }
  if (const auto identity = check_identity(); !identity.ok()) return identity;
  setup_.identity_known = true;
  if (::mkdir(beats_, 0755) != 0 && errno != EEXIST) return pool_failed(PoolFault::kCreate, errno);
  if (::realpath(setup_.path, real_path_) == nullptr)
    return pool_failed(PoolFault::kDirectory, errno);
  prepared_ = true;
  return {};
}

PoolOutcome FilePool::write_to(int fd, bool direct) {
  auto n = ::pwrite(fd, out_, kBeatBlockSize, 0);
  if (n < 0 && errno == EINVAL && direct) {  // opened, but cannot do it after all
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0 && ::fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0) {
      n = ::pwrite(fd, out_, kBeatBlockSize, 0);
    }
  }
  if (n < 0) return pool_failed(PoolFault::kWrite, errno);
  if (n != static_cast<ssize_t>(kBeatBlockSize)) return pool_failed(PoolFault::kShortWrite, 0);
  // O_DSYNC covers it on most systems; some network file systems only report errors here.
  if (::fdatasync(fd) != 0) return pool_failed(PoolFault::kWrite, errno);
  return {};
}

PoolOutcome FilePool::create_own() {
  bool direct = false;
  const UniqueFd fd =
      open_direct(own_tmp_, O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC | O_NOFOLLOW, 0644, direct);
  if (!fd) return pool_failed(PoolFault::kCreate, errno);
  if (const auto written = write_to(fd.get(), direct); !written.ok()) return written;
  if (::rename(own_tmp_, own_) != 0) return pool_failed(PoolFault::kCreate, errno);
  const UniqueFd directory(::open(beats_, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) (void)::fsync(directory.get());
  return {};
}

PoolOutcome FilePool::write_own(ConstBeatBlock block) {
  std::memcpy(out_, block.data(), kBeatBlockSize);
  if (!prepared_) {
    if (const auto ready = prepare(); !ready.ok()) return ready;
  }
  bool direct = false;
  const UniqueFd fd = open_direct(own_, O_WRONLY | O_DSYNC | O_NOFOLLOW, 0, direct);
  if (!fd && errno == ENOENT) {
    // Never written here, or the mount is gone: look whose directory this is before making a file.
    if (const auto ready = prepare(); !ready.ok()) return ready;
    return create_own();
  }
  if (!fd) {
    prepared_ = false;
    return pool_failed(PoolFault::kOpen, errno);
  }
  return write_to(fd.get(), direct);
}

int FilePool::list(std::span<Uuid> hosts) {
  std::size_t found = 0;
  const int error = for_each_entry(beats_, [&](const char* name) {
    const auto host = Uuid::parse(name);
    if (host && *host != setup_.host && found < hosts.size()) hosts[found++] = *host;
  });
  return error == 0 ? static_cast<int>(found) : -1;
}

int FilePool::read(const Uuid& host, BeatBlock out) {
  char path[kNameSize + 64];
  char name[kUuidTextSize];
  host.write(name);
  std::snprintf(path, sizeof path, "%s/%.36s", beats_, name);
  // Opened anew for each read: on NFS that is what makes the client ask the server.
  bool direct = false;
  const UniqueFd fd = open_direct(path, O_RDONLY | O_NOFOLLOW, 0, direct);
  if (!fd) return -1;
  if (!direct) (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  auto n = ::pread(fd.get(), in_, kBeatBlockSize, 0);
  if (n < 0 && errno == EINVAL && direct) {
    const int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags >= 0 && ::fcntl(fd.get(), F_SETFL, flags & ~O_DIRECT) == 0) {
      n = ::pread(fd.get(), in_, kBeatBlockSize, 0);
    }
  }
  if (n < 0) return -1;
  std::memcpy(out.data(), in_, static_cast<std::size_t>(n));
  return static_cast<int>(n);
}

}  // namespace

std::unique_ptr<PoolMedium> make_file_pool(const PoolChildSetup& setup) {
  return std::make_unique<FilePool>(setup);
}

}  // namespace mold::heartbeat
