// Each beat is one atomic operation that asserts the object's version as this host saw it last, so
// a write that the storage had given up (-110) and that lands late is refused, once a later one is
// there: an old "armed" must not stand still on the storage after "not armed" was acknowledged.
// After such a failure the version is read anew, from the same OSD and behind that write.
//
// What the return codes mean here:  -110 unknown; -108 this client is on the blocklist, for good;
// -34, -75, -17 somebody wrote in between; -1, -13 the user's access was taken or its key changed:
// only then, and when connecting failed, a new handle is made, with the old one ended. A new handle
// is another client to whoever fences this host.
#include "agentd/heartbeat/rados_pool.h"

#include <fcntl.h>
#include <rados/librados.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "agentd/heartbeat/pool_identity.h"
#include "agentd/heartbeat/rados_settings.h"
#include "agentd/heartbeat/rados_watch.h"
#include "lib/base/unique_fd.h"

namespace mold::heartbeat {
namespace {

constexpr std::size_t kMaxConf = 16 * 1024;
constexpr std::uint64_t kMaxHostKeys = 4096;

class RadosPool final : public PoolMedium {
 public:
  explicit RadosPool(const PoolChildSetup& setup) : setup_(setup), identity_(setup) {
    own_ = object_of(setup.host);
  }
  ~RadosPool() override { disconnect(); }

  PoolOutcome write_own(ConstBeatBlock block) override;
  int list(std::span<Uuid> hosts) override;
  int read(const Uuid& host, BeatBlock out) override;
  [[nodiscard]] bool fenced() const override { return fenced_; }

 private:
  static std::string object_of(const Uuid& host) { return kRadosBeatPrefix + host.text(); }
  PoolOutcome connect();
  PoolOutcome configure();
  void disconnect();
  PoolOutcome prepare();
  PoolOutcome check_identity();
  PoolOutcome make_identity();
  int register_host();
  int look_version();
  int put(ConstBeatBlock block);
  PoolOutcome outcome(PoolFault fault, int result);

  PoolChildSetup setup_;
  PoolIdentity identity_;
  std::string own_;
  rados_t cluster_ = nullptr;
  rados_ioctx_t io_ = nullptr;
  bool connected_ = false;
  bool prepared_ = false;
  bool fenced_ = false;
  std::uint64_t version_ = 0;  // of our object; 0: not known
  RadosWatch watch_;
};

// A negative return code in words.
PoolOutcome RadosPool::outcome(PoolFault fault, int result) {
  if (result == -ESHUTDOWN) {
    fenced_ = true;
    return pool_failed(PoolFault::kFenced, 0);
  }
  if (result == -EPERM || result == -EACCES) disconnect();
  return pool_failed(fault, -result);
}

void RadosPool::disconnect() {
  watch_.forget();
  if (io_ != nullptr) rados_ioctx_destroy(io_);
  if (cluster_ != nullptr) rados_shutdown(cluster_);
  io_ = nullptr;
  cluster_ = nullptr;
  connected_ = prepared_ = false;
  version_ = 0;
}

PoolOutcome RadosPool::configure() {
  const UniqueFd fd(::open(setup_.conf, O_RDONLY | O_CLOEXEC));
  if (!fd) return pool_failed(PoolFault::kSettings, errno);
  std::string text(kMaxConf, '\0');
  const auto n = ::read(fd.get(), text.data(), text.size());
  if (n < 0) return pool_failed(PoolFault::kSettings, errno);
  text.resize(static_cast<std::size_t>(n));
  const auto user = rados_user_of(text);
  if (!user) return pool_failed(PoolFault::kSettings, EINVAL);
  const auto name = "client." + *user;
  if (const int made = rados_create2(&cluster_, "ceph", name.c_str(), 0); made < 0) {
    cluster_ = nullptr;
    return pool_failed(PoolFault::kConnect, -made);
  }
  if (const int read = rados_conf_read_file(cluster_, setup_.conf); read < 0) {
    return pool_failed(PoolFault::kSettings, -read);
  }
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%u", std::max(1U, (setup_.op_timeout_ms + 500) / 1000));
  const std::pair<const char*, const char*> settings[] = {
      {"rados_osd_op_timeout", seconds},
      {"rados_mon_op_timeout", seconds},
      {"client_mount_timeout", seconds},
      // One pool, one operation at a time: as few threads and as little memory as there can be.
      {"ms_async_op_threads", "1"},
      {"log_file", ""},
      {"log_to_stderr", "false"},
      {"err_to_stderr", "false"},
      {"log_max_recent", "1"},
      {"admin_socket", ""},
  };
  for (const auto& [key, value] : settings) {
    if (const int set = rados_conf_set(cluster_, key, value); set < 0) {
      return pool_failed(PoolFault::kSettings, -set);
    }
  }
  return {};
}

PoolOutcome RadosPool::connect() {
  disconnect();
  if (const auto configured = configure(); !configured.ok()) return configured;
  const int connected = rados_connect(cluster_);
  if (connected < 0) {
    const auto failed = outcome(PoolFault::kConnect, connected);
    disconnect();
    return failed;
  }
  const std::string pool(ceph_pool_of(setup_.path));
  if (const int found = rados_ioctx_create(cluster_, pool.c_str(), &io_); found < 0) {
    io_ = nullptr;
    const auto failed = outcome(PoolFault::kDirectory, found);
    disconnect();
    return failed;
  }
  rados_ioctx_set_namespace(io_, kRadosNamespace);
  connected_ = true;
  return {};
}

PoolOutcome RadosPool::make_identity() {
  const auto text = identity_.text();
  const rados_write_op_t op = rados_create_write_op();
  // Exclusive: when another host was first, its object stays and is checked.
  rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, nullptr);
  rados_write_op_write_full(op, text.data(), text.size());
  const int result =
      rados_write_op_operate(op, io_, kRadosIdentity, nullptr, LIBRADOS_OPERATION_FULL_TRY);
  rados_release_write_op(op);
  if (result == 0 || result == -EEXIST) return {};
  return outcome(PoolFault::kCreate, result);
}

PoolOutcome RadosPool::check_identity() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    char text[kIdentitySize];
    const int n = rados_read(io_, kRadosIdentity, text, sizeof text, 0);
    if (n >= 0) {
      const bool same = std::string_view(text, static_cast<std::size_t>(n)) == identity_.text();
      return same ? PoolOutcome{} : pool_failed(PoolFault::kForeignPool, 0);
    }
    if (n != -ENOENT || setup_.identity_known) return outcome(PoolFault::kIdentityMissing, n);
    if (const auto made = make_identity(); !made.ok()) return made;
  }
  return pool_failed(PoolFault::kIdentityMissing, ENOENT);
}

int RadosPool::register_host() {
  const auto name = setup_.host.text();
  const char* const key = name.c_str();
  const char* const value = "";
  const std::size_t key_size = name.size();
  const std::size_t value_size = 0;
  const rados_write_op_t op = rados_create_write_op();
  rados_write_op_assert_exists(op);
  rados_write_op_omap_set2(op, &key, &value, &key_size, &value_size, 1);
  const int result =
      rados_write_op_operate(op, io_, kRadosIdentity, nullptr, LIBRADOS_OPERATION_FULL_TRY);
  rados_release_write_op(op);
  return result;
}

PoolOutcome RadosPool::prepare() {
  prepared_ = false;
  version_ = 0;
  if (!connected_) {
    if (const auto connected = connect(); !connected.ok()) return connected;
  }
  if (const auto identity = check_identity(); !identity.ok()) return identity;
  setup_.identity_known = true;
  if (const int result = register_host(); result < 0) return outcome(PoolFault::kCreate, result);
  prepared_ = true;
  return {};
}

// 0, or a negative code; -ENOENT: there is no object yet.
int RadosPool::look_version() {
  std::uint64_t size = 0;
  time_t changed = 0;
  int inner = 0;
  const rados_read_op_t op = rados_create_read_op();
  rados_read_op_stat(op, &size, &changed, &inner);
  const int result = rados_read_op_operate(op, io_, own_.c_str(), 0);
  rados_release_read_op(op);
  if (result == 0) version_ = rados_get_last_version(io_);
  return result;
}

int RadosPool::put(ConstBeatBlock block) {
  const bool create = version_ == 0;
  const rados_write_op_t op = rados_create_write_op();
  if (create) {
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, nullptr);
  } else {
    rados_write_op_assert_version(op, version_);
  }
  rados_write_op_write_full(op, reinterpret_cast<const char*>(block.data()), block.size());
  const int result =
      rados_write_op_operate(op, io_, own_.c_str(), nullptr, LIBRADOS_OPERATION_FULL_TRY);
  rados_release_write_op(op);
  version_ = result == 0 ? rados_get_last_version(io_) : 0;
  return result;
}

PoolOutcome RadosPool::write_own(ConstBeatBlock block) {
  if (fenced_) return pool_failed(PoolFault::kFenced, 0);
  if (!prepared_) {
    if (const auto ready = prepare(); !ready.ok()) return ready;
  }
  int result = 0;
  // Twice: an earlier write of ours may land between the look and the write, but only one does.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (version_ == 0) {
      result = look_version();
      if (result == -ENOENT) {
        // Never written here, or all of it is gone: look whose pool this is before making anything.
        if (const auto ready = prepare(); !ready.ok()) return ready;
      } else if (result < 0) {
        return outcome(PoolFault::kOpen, result);
      }
    }
    result = put(block);
    const bool somebody_wrote =
        result == -ERANGE || result == -EOVERFLOW || result == -EEXIST || result == -ENOENT;
    if (!somebody_wrote) break;
  }
  if (result < 0) return outcome(PoolFault::kWrite, result);
  if (!watch_.tend(io_, own_.c_str())) return outcome(PoolFault::kFenced, -ESHUTDOWN);
  return {};
}

int RadosPool::list(std::span<Uuid> hosts) {
  if (!prepared_) return -1;
  rados_omap_iter_t keys = nullptr;
  unsigned char more = 0;
  int inner = 0;
  const rados_read_op_t op = rados_create_read_op();
  rados_read_op_omap_get_keys2(op, "", kMaxHostKeys, &keys, &more, &inner);
  const int result = rados_read_op_operate(op, io_, kRadosIdentity, 0);
  rados_release_read_op(op);
  std::size_t count = 0;
  bool own_seen = false;
  if (result == 0 && inner == 0) {
    char* key = nullptr;
    char* value = nullptr;
    std::size_t key_size = 0;
    std::size_t value_size = 0;
    while (rados_omap_get_next2(keys, &key, &value, &key_size, &value_size) == 0 &&
           key != nullptr) {
      const auto host = Uuid::parse({key, key_size});
      if (!host) continue;
      own_seen = own_seen || *host == setup_.host;
      if (*host != setup_.host && count < hosts.size()) hosts[count++] = *host;
    }
  }
  if (keys != nullptr) rados_omap_get_end(keys);
  if (result < 0 || inner < 0) {
    (void)outcome(PoolFault::kOpen, result < 0 ? result : inner);
    prepared_ = false;  // the identity is gone, or worse: looked at with the next beat
    return -1;
  }
  if (!own_seen) prepared_ = false;  // somebody emptied it
  return static_cast<int>(count);
}

int RadosPool::read(const Uuid& host, BeatBlock out) {
  if (!connected_ || fenced_) return -1;
  std::byte bytes[kBeatBlockSize + 1];
  const int n =
      rados_read(io_, object_of(host).c_str(), reinterpret_cast<char*>(bytes), sizeof bytes, 0);
  if (n == -ESHUTDOWN) fenced_ = true;
  if (n < 0 || n > static_cast<int>(kBeatBlockSize)) return -1;
  std::memcpy(out.data(), bytes, static_cast<std::size_t>(n));
  return n;
}

}  // namespace

std::unique_ptr<PoolMedium> make_rados_pool(const PoolChildSetup& setup) {
  return std::make_unique<RadosPool>(setup);
}

}  // namespace mold::heartbeat
