// A write that the server had not answered may land late, after later ones. NFS has no way to
// refuse it, so it is led into nothing: after any write of unknown outcome, and in a new process,
// the record is made as a new file that takes the old one's name. A write that is still under way
// belongs to the old file, which has no name any more. A renaming that is under way needs its
// temporary file, and those are removed first.
#include "agentd/heartbeat/nfs_pool.h"

#include <fcntl.h>
// libnfs.h is C and does not include what it needs.
#include <nfsc/libnfs.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "agentd/heartbeat/lease_board.h"
#include "agentd/heartbeat/pool_identity.h"

namespace mold::heartbeat {
namespace {

const std::string kHa = "/" + std::string(kHaDirectory);
const std::string kBeats = "/" + std::string(kBeatDirectory);
const std::string kIdentityFile = kHa + "/pool";

class NfsPool final : public PoolMedium {
 public:
  explicit NfsPool(const PoolChildSetup& setup)
      : setup_(setup),
        identity_(setup),
        own_(kBeats + "/" + setup.host.text()),
        tmp_prefix_(".tmp." + setup.host.text() + ".") {}
  ~NfsPool() override { disconnect(); }

  PoolOutcome write_own(ConstBeatBlock block) override;
  int list(std::span<Uuid> hosts) override;
  int read(const Uuid& host, BeatBlock out) override;

 private:
  PoolOutcome connect();
  void disconnect();
  PoolOutcome prepare();
  PoolOutcome check_identity();
  PoolOutcome make_identity();
  PoolOutcome rewrite(ConstBeatBlock block);
  PoolOutcome replace(ConstBeatBlock block);
  PoolOutcome make_directory(const std::string& path);
  int store(const std::string& path, int flags, std::span<const std::byte> bytes);
  int load(const std::string& path, std::span<std::byte> bytes);
  int names(std::vector<std::string>& out);
  PoolOutcome outcome(PoolFault fault, int result);
  std::string tmp_name(const std::string& directory);

  PoolChildSetup setup_;
  PoolIdentity identity_;
  std::string own_;
  std::string tmp_prefix_;
  nfs_context* nfs_ = nullptr;
  bool prepared_ = false;
  bool must_replace_ = true;
  std::uint64_t names_made_ = 0;
};

// What the server said is believed; anything else leaves the connection in doubt.
bool is_servers_word(int result) {
  switch (-result) {
    case ENOENT:
    case EEXIST:
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOSPC:
    case EDQUOT:
    case ENOTDIR:
    case EISDIR:
      return true;
    default:
      return false;
  }
}

PoolOutcome NfsPool::outcome(PoolFault fault, int result) {
  if (!is_servers_word(result)) disconnect();
  // A call that was given up is "interrupted" to libnfs.
  return pool_failed(fault, result == -EINTR ? ETIMEDOUT : -result);
}

void NfsPool::disconnect() {
  if (nfs_ != nullptr) nfs_destroy_context(nfs_);
  nfs_ = nullptr;
  prepared_ = false;
}

PoolOutcome NfsPool::connect() {
  disconnect();
  const auto url = nfs_url_of(setup_.source);
  if (url.empty()) return pool_failed(PoolFault::kSettings, EINVAL);
  nfs_ = nfs_init_context();
  if (nfs_ == nullptr) return pool_failed(PoolFault::kConnect, ENOMEM);
  nfs_set_timeout(nfs_, static_cast<int>(std::max(1U, (setup_.op_timeout_ms + 500) / 1000) * 1000));
  nfs_set_tcp_syncnt(nfs_, 1);
  nfs_url* const parts = nfs_parse_url_dir(nfs_, url.c_str());
  if (parts == nullptr) {
    disconnect();
    return pool_failed(PoolFault::kSettings, EINVAL);
  }
  // Its own idea of our name is the process number and the second. (libnfs 4.0 never frees
  // that one: 28 bytes a connection.)
  const auto name = "mold-heartbeat " + setup_.host.text() + " " + setup_.pool.text() + " " +
                    std::to_string(::getpid()) + "." + std::to_string(boottime_now().ms);
  nfs4_set_client_name(nfs_, name.c_str());
  const int mounted = nfs_mount(nfs_, parts->server, parts->path);
  nfs_destroy_url(parts);
  if (mounted < 0) {
    disconnect();
    return pool_failed(PoolFault::kConnect, mounted == -EINTR ? ETIMEDOUT : -mounted);
  }
  return {};
}

// A name that nobody had before, so that nothing that is still under way can mean it.
std::string NfsPool::tmp_name(const std::string& directory) {
  return directory + "/" + tmp_prefix_ + std::to_string(::getpid()) + "." +
         std::to_string(boottime_now().ms) + "." + std::to_string(names_made_++);
}

// libnfs 4 cannot encode a request of 4096 bytes. A record's text fits into the first part, and
// what follows is the same blanks in every record, so two requests are as whole as one.
constexpr std::size_t kMostAtOnce = 2048;

// Opened anew each time: a file that was removed or replaced is not written through an old handle.
int NfsPool::store(const std::string& path, int flags, std::span<const std::byte> bytes) {
  nfsfh* file = nullptr;
  int result = nfs_open2(nfs_, path.c_str(), flags, 0644, &file);
  if (result < 0) return result;
  for (std::size_t at = 0; at < bytes.size() && result >= 0;) {
    const auto part = bytes.subspan(at, std::min(kMostAtOnce, bytes.size() - at));
    result = nfs_pwrite(nfs_, file, at, part.size(), part.data());
    if (result >= 0 && static_cast<std::size_t>(result) != part.size()) result = -EIO;
    at += part.size();
  }
  if (result >= 0) result = nfs_fsync(nfs_, file);
  const int closed = nfs_close(nfs_, file);
  return result < 0 ? result : std::min(closed, 0);
}

// Bytes read, or a negative code.
int NfsPool::load(const std::string& path, std::span<std::byte> bytes) {
  nfsfh* file = nullptr;
  int result = nfs_open(nfs_, path.c_str(), O_RDONLY, &file);
  if (result < 0) return result;
  result = nfs_pread(nfs_, file, 0, bytes.size(), bytes.data());
  (void)nfs_close(nfs_, file);
  return result;
}

PoolOutcome NfsPool::make_directory(const std::string& path) {
  const int made = nfs_mkdir2(nfs_, path.c_str(), 0755);
  if (made < 0 && made != -EEXIST) return outcome(PoolFault::kCreate, made);
  return {};
}

PoolOutcome NfsPool::make_identity() {
  const auto tmp = tmp_name(kHa);
  const auto text = identity_.text();
  const int stored =
      store(tmp, O_WRONLY | O_CREAT | O_EXCL, std::as_bytes(std::span(text.data(), text.size())));
  if (stored < 0) return outcome(PoolFault::kCreate, stored);
  // link, not rename: when another host was first, its file stays and is checked.
  const int linked = nfs_link(nfs_, tmp.c_str(), kIdentityFile.c_str());
  (void)nfs_unlink(nfs_, tmp.c_str());
  if (linked == 0 || linked == -EEXIST) return {};
  return outcome(PoolFault::kCreate, linked);
}

PoolOutcome NfsPool::check_identity() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::byte text[kIdentitySize];
    const int n = load(kIdentityFile, text);
    if (n >= 0) {
      const auto size = static_cast<std::size_t>(n);
      const bool same =
          std::string_view(reinterpret_cast<const char*>(text), size) == identity_.text();
      return same ? PoolOutcome{} : pool_failed(PoolFault::kForeignPool, 0);
    }
    if (n != -ENOENT || setup_.identity_known) return outcome(PoolFault::kIdentityMissing, n);
    if (const auto made = make_identity(); !made.ok()) return made;
  }
  return pool_failed(PoolFault::kIdentityMissing, ENOENT);
}

PoolOutcome NfsPool::prepare() {
  prepared_ = false;
  if (nfs_ == nullptr) {
    if (const auto connected = connect(); !connected.ok()) return connected;
  }
  if (!setup_.identity_known) {
    if (const auto made = make_directory(kHa); !made.ok()) return made;
  }
  if (const auto identity = check_identity(); !identity.ok()) return identity;
  setup_.identity_known = true;
  if (const auto made = make_directory(kBeats); !made.ok()) return made;
  prepared_ = true;
  return {};
}

PoolOutcome NfsPool::replace(ConstBeatBlock block) {
  std::vector<std::string> present;
  if (const int result = names(present); result < 0) return outcome(PoolFault::kOpen, result);
  for (const auto& name : present) {
    if (!name.starts_with(tmp_prefix_)) continue;
    const int gone = nfs_unlink(nfs_, (kBeats + "/" + name).c_str());
    if (gone < 0 && gone != -ENOENT) return outcome(PoolFault::kCreate, gone);
  }
  const auto tmp = tmp_name(kBeats);
  const int stored = store(tmp, O_WRONLY | O_CREAT | O_EXCL, block);
  if (stored < 0) return outcome(PoolFault::kCreate, stored);
  const int renamed = nfs_rename(nfs_, tmp.c_str(), own_.c_str());
  if (renamed < 0) return outcome(PoolFault::kCreate, renamed);
  must_replace_ = false;
  return {};
}

PoolOutcome NfsPool::rewrite(ConstBeatBlock block) {
  const int stored = store(own_, O_WRONLY, block);
  if (stored >= 0) return {};
  must_replace_ = true;
  if (stored != -ENOENT) return outcome(PoolFault::kWrite, stored);
  // It is gone: look whose export this is before making a file.
  if (const auto ready = prepare(); !ready.ok()) return ready;
  return replace(block);
}

PoolOutcome NfsPool::write_own(ConstBeatBlock block) {
  if (!prepared_) {
    if (const auto ready = prepare(); !ready.ok()) return ready;
  }
  return must_replace_ ? replace(block) : rewrite(block);
}

int NfsPool::names(std::vector<std::string>& out) {
  nfsdir* directory = nullptr;
  if (const int result = nfs_opendir(nfs_, kBeats.c_str(), &directory); result < 0) return result;
  while (const nfsdirent* const entry = nfs_readdir(nfs_, directory)) out.emplace_back(entry->name);
  nfs_closedir(nfs_, directory);
  return 0;
}

int NfsPool::list(std::span<Uuid> hosts) {
  if (!prepared_) return -1;
  std::vector<std::string> present;
  if (const int result = names(present); result < 0) {
    (void)outcome(PoolFault::kOpen, result);
    prepared_ = false;
    return -1;
  }
  std::size_t count = 0;
  for (const auto& name : present) {
    const auto host = Uuid::parse(name);
    if (host && *host != setup_.host && count < hosts.size()) hosts[count++] = *host;
  }
  return static_cast<int>(count);
}

int NfsPool::read(const Uuid& host, BeatBlock out) {
  if (nfs_ == nullptr) return -1;
  std::byte bytes[kBeatBlockSize + 1];
  const int n = load(kBeats + "/" + host.text(), bytes);
  if (n < 0) (void)outcome(PoolFault::kOpen, n);
  if (n < 0 || n > static_cast<int>(kBeatBlockSize)) return -1;
  std::memcpy(out.data(), bytes, static_cast<std::size_t>(n));
  return n;
}

}  // namespace

std::string nfs_url_of(std::string_view source) {
  constexpr std::string_view kScheme = "nfs://";
  if (!source.starts_with(kScheme)) return {};
  source.remove_prefix(kScheme.size());
  const auto slash = source.find('/');
  if (slash == std::string_view::npos || slash == 0) return {};
  auto server = source.substr(0, slash);
  const auto question = source.find('?');
  const auto path = source.substr(
      slash, question == std::string_view::npos ? std::string_view::npos : question - slash);
  std::string options(question == std::string_view::npos ? "version=4"
                                                         : source.substr(question + 1));
  const auto colon = server.rfind(':');
  if (colon != std::string_view::npos && server.find(']', colon) == std::string_view::npos) {
    const auto port = server.substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) return {};
    options += "&nfsport=" + std::string(port);
    server = server.substr(0, colon);
  }
  return std::string(kScheme) + std::string(server) + std::string(path) + "?" + options +
         "&autoreconnect=0&dircache=0";
}

std::unique_ptr<PoolMedium> make_nfs_pool(const PoolChildSetup& setup) {
  return std::make_unique<NfsPool>(setup);
}

}  // namespace mold::heartbeat
