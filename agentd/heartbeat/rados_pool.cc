// The object carries, beside the record, which boot wrote it and with which counter. Each beat is
// one atomic operation that compares both first, so a write that the storage had given up (-110)
// and that lands late is refused, once a later one is there: an old "armed" must not stand still on
// the storage after "not armed" was acknowledged. And a beat may be asked for on several
// connections: the second to land changes nothing. The first beat of a process, and one that finds
// somebody else's marks, asserts the object's version instead and leaves its own marks.
//
// What the return codes mean here:  -110 unknown; -108 this client is on the blocklist, for good;
// -125, -34, -75, -17 somebody wrote in between; -1, -13 the user's access was taken or its key
// changed: only then, and when connecting failed, new handles are made, with the old ones ended. A
// new handle is another client to whoever fences this host.
#include "agentd/heartbeat/rados_pool.h"

#include <rados/librados.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "agentd/heartbeat/pool_identity.h"
#include "agentd/heartbeat/rados_lanes.h"

namespace mold::heartbeat {
namespace {

constexpr std::uint64_t kMaxHostKeys = 4096;
// The marks of whoever wrote last: attributes that are compared as text.
constexpr char kBootMark[] = "mold.boot";
constexpr char kCounterMark[] = "mold.counter";

class RadosPool final : public PoolMedium {
 public:
  explicit RadosPool(const PoolChildSetup& setup)
      : setup_(setup), identity_(setup), boot_(setup.boot.text()), lanes_(setup) {
    own_ = object_of(setup.host);
  }
  ~RadosPool() override { disconnect(); }

  PoolOutcome write_own(ConstBeatBlock block) override;
  int list(std::span<Uuid> hosts) override;
  int read(const Uuid& host, BeatBlock out) override;
  void orders_come_by(int fd) override { orders_ = fd; }
  [[nodiscard]] bool fenced() const override { return fenced_; }

 private:
  static std::string object_of(const Uuid& host) { return kRadosBeatPrefix + host.text(); }
  void disconnect();
  PoolOutcome prepare();
  PoolOutcome check_identity();
  PoolOutcome make_identity();
  int register_host();
  int look_version();
  void add_beat(rados_write_op_t op, ConstBeatBlock block) const;
  int put_asserting_version(ConstBeatBlock block);
  int put_comparing_marks(ConstBeatBlock block);
  PoolOutcome outcome(PoolFault fault, int result);

  PoolChildSetup setup_;
  PoolIdentity identity_;
  std::string own_;
  std::string boot_;
  std::string counter_;  // of the beat that is being written; as many digits always
  RadosLanes lanes_;
  int orders_ = -1;
  bool prepared_ = false;
  bool marked_ = false;  // our marks are on our object
  bool fenced_ = false;
  std::uint64_t version_ = 0;  // of our object; 0: not known
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
  lanes_.disconnect();
  prepared_ = marked_ = false;
  version_ = 0;
}

PoolOutcome RadosPool::make_identity() {
  const auto text = identity_.text();
  const rados_write_op_t op = rados_create_write_op();
  // Exclusive: when another host was first, its object stays and is checked.
  rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, nullptr);
  rados_write_op_write_full(op, text.data(), text.size());
  const int result =
      rados_write_op_operate(op, lanes_.io(), kRadosIdentity, nullptr, LIBRADOS_OPERATION_FULL_TRY);
  rados_release_write_op(op);
  if (result == 0 || result == -EEXIST) return {};
  return outcome(PoolFault::kCreate, result);
}

PoolOutcome RadosPool::check_identity() {
  for (int attempt = 0; attempt < 2; ++attempt) {
    char text[kIdentitySize];
    const int n = rados_read(lanes_.io(), kRadosIdentity, text, sizeof text, 0);
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
      rados_write_op_operate(op, lanes_.io(), kRadosIdentity, nullptr, LIBRADOS_OPERATION_FULL_TRY);
  rados_release_write_op(op);
  return result;
}

PoolOutcome RadosPool::prepare() {
  prepared_ = marked_ = false;
  version_ = 0;
  if (!lanes_.connected()) {
    const auto opening = lanes_.connect();
    if (!lanes_.connected()) return outcome(opening.fault, opening.result);
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
  const int result = rados_read_op_operate(op, lanes_.io(), own_.c_str(), 0);
  rados_release_read_op(op);
  if (result == 0) version_ = rados_get_last_version(lanes_.io());
  return result;
}

void RadosPool::add_beat(rados_write_op_t op, ConstBeatBlock block) const {
  rados_write_op_write_full(op, reinterpret_cast<const char*>(block.data()), block.size());
  rados_write_op_setxattr(op, kCounterMark, counter_.data(), counter_.size());
}

int RadosPool::put_asserting_version(ConstBeatBlock block) {
  const rados_write_op_t op = rados_create_write_op();
  if (version_ == 0) {
    rados_write_op_create(op, LIBRADOS_CREATE_EXCLUSIVE, nullptr);
  } else {
    rados_write_op_assert_version(op, version_);
  }
  add_beat(op, block);
  rados_write_op_setxattr(op, kBootMark, boot_.data(), boot_.size());
  const int result =
      rados_write_op_operate(op, lanes_.io(), own_.c_str(), nullptr, LIBRADOS_OPERATION_FULL_TRY);
  rados_release_write_op(op);
  marked_ = result == 0;
  version_ = 0;
  return result;
}

int RadosPool::put_comparing_marks(ConstBeatBlock block) {
  return lanes_.write(own_.c_str(), [&] {
    const rados_write_op_t op = rados_create_write_op();
    rados_write_op_cmpxattr(op, kBootMark, LIBRADOS_CMPXATTR_OP_EQ, boot_.data(), boot_.size());
    // "Ours is not smaller than what is there."
    rados_write_op_cmpxattr(op, kCounterMark, LIBRADOS_CMPXATTR_OP_GTE, counter_.data(),
                            counter_.size());
    add_beat(op, block);
    return op;
  });
}

bool somebody_wrote(int result) {
  switch (-result) {
    case ECANCELED:  // other marks
    case ENODATA:
    case ENOENT:
    case ERANGE:  // another version
    case EOVERFLOW:
    case EEXIST:
      return true;
    default:
      return false;
  }
}

PoolOutcome RadosPool::write_own(ConstBeatBlock block) {
  if (fenced_) return pool_failed(PoolFault::kFenced, 0);
  if (!prepared_) {
    if (const auto ready = prepare(); !ready.ok()) return ready;
  }
  BeatRecord record;
  if (decode_beat(block, record) != BeatVerdict::kOk) return pool_failed(PoolFault::kWrite, EINVAL);
  char digits[24];
  std::snprintf(digits, sizeof digits, "%020llu", static_cast<unsigned long long>(record.counter));
  counter_ = digits;
  int result = -ECANCELED;
  if (marked_) result = put_comparing_marks(block);
  // Twice: an earlier write of ours may land between the look and the write, but only one does.
  for (int attempt = 0; attempt < 2 && somebody_wrote(result); ++attempt) {
    result = look_version();
    if (result == -ENOENT) {
      // Never written here, or all of it is gone: look whose pool this is before making anything.
      if (const auto ready = prepare(); !ready.ok()) return ready;
    } else if (result < 0) {
      return outcome(PoolFault::kOpen, result);
    }
    result = put_asserting_version(block);
  }
  if (result < 0) return outcome(PoolFault::kWrite, result);
  if (!lanes_.tend(own_.c_str())) return outcome(PoolFault::kFenced, -ESHUTDOWN);
  return {};
}

int RadosPool::list(std::span<Uuid> hosts) {
  if (!prepared_) return -1;
  const auto op = RadosOp::make(lanes_.bell());
  const int result = lanes_.read(
      op,
      [&](rados_ioctx_t io, rados_completion_t completion) {
        const rados_read_op_t keys = rados_create_read_op();
        rados_read_op_omap_get_keys2(keys, "", kMaxHostKeys, &op->keys, &op->more,
                                     &op->inner_result);
        const int started = rados_aio_read_op_operate(keys, io, completion, kRadosIdentity, 0);
        rados_release_read_op(keys);
        return started;
      },
      orders_);
  if (result == -EINTR) return -1;
  if (result < 0 || op->inner_result < 0) {
    const int failure = result < 0 ? result : op->inner_result;
    (void)outcome(PoolFault::kOpen, failure);
    // The identity is gone, or worse: looked at with the next beat. But that it stands still, alone
    // of all placement groups maybe, is no reason to hold up beats.
    if (failure != -ETIMEDOUT) prepared_ = false;
    return -1;
  }
  std::size_t count = 0;
  bool own_seen = false;
  char* key = nullptr;
  char* value = nullptr;
  std::size_t key_size = 0;
  std::size_t value_size = 0;
  while (rados_omap_get_next2(op->keys, &key, &value, &key_size, &value_size) == 0 &&
         key != nullptr) {
    const auto host = Uuid::parse({key, key_size});
    if (!host) continue;
    own_seen = own_seen || *host == setup_.host;
    if (*host != setup_.host && count < hosts.size()) hosts[count++] = *host;
  }
  if (!own_seen) prepared_ = false;  // somebody emptied it
  return static_cast<int>(count);
}

int RadosPool::read(const Uuid& host, BeatBlock out) {
  if (!lanes_.connected() || fenced_) return -1;
  const auto op = RadosOp::make(lanes_.bell(), kBeatBlockSize + 1);
  const auto object = object_of(host);
  const int n = lanes_.read(
      op,
      [&](rados_ioctx_t io, rados_completion_t completion) {
        return rados_aio_read(io, object.c_str(), completion, op->buffer(), op->buffer_size(), 0);
      },
      orders_);
  if (n == -EINTR) return kReadGivenUp;
  if (n == -ESHUTDOWN) fenced_ = true;
  if (n < 0 || n > static_cast<int>(kBeatBlockSize)) return -1;
  std::memcpy(out.data(), op->buffer(), static_cast<std::size_t>(n));
  return n;
}

}  // namespace

std::unique_ptr<PoolMedium> make_rados_pool(const PoolChildSetup& setup) {
  return std::make_unique<RadosPool>(setup);
}

}  // namespace mold::heartbeat
