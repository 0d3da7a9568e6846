#pragma once
// Several clients of one Ceph pool, so that one connection that stands still does not stand for the
// storage: TCP doubles its wait with every frame that is lost (0.2, 0.4, ... 3.2 s), so a
// connection on which a beat was lost while a link was down for two seconds stays silent for up to
// three more, while an idle one beside it is heard at once. An operation that was not answered in
// kTakeOver is therefore also asked of the next lane, and of any that is heard again; and what was
// lost is sent again at an even pace (lib/base/thin_tcp.h).
//
// Only for operations of which a second carrying out changes nothing. Used by one thread; spare
// lanes are opened in one of their own, so that no beat waits for them.
#include <array>
#include <functional>
#include <future>
#include <memory>
#include <vector>

#include "agentd/heartbeat/rados_client.h"
#include "agentd/heartbeat/rados_op.h"
#include "lib/base/time.h"

namespace mold::heartbeat {

class RadosLanes {
 public:
  static constexpr std::size_t kLanes = 3;
  static constexpr Duration kTakeOver{500};
  // A read that took so long may be given up for an order that waits, and where no order is to be
  // looked at, so long.
  static constexpr Duration kReadPatience{300};
  static constexpr Duration kReadPatienceAlone{900};

  explicit RadosLanes(const PoolChildSetup& setup) : setup_(setup), bell_(RadosOp::make_bell()) {}

  // The first lane; waits. The others follow by themselves. The client is not in what it returns.
  RadosClient::Opening connect();
  // All of them, with whatever is under way.
  void disconnect();
  [[nodiscard]] bool connected() const { return lanes_[0].client != nullptr; }

  [[nodiscard]] const RadosOp::Bell& bell() const { return bell_; }
  // The lane that was heard last, for calls that wait by themselves.
  [[nodiscard]] rados_ioctx_t io() const { return lanes_[heard_].client->io(); }

  // Carries out what `make` makes, by however many lanes it takes; 0 as soon as one of them did. A
  // negative code of librados otherwise, -ETIMEDOUT after the time of one operation: it may still
  // land.
  int write(const char* object, const std::function<rados_write_op_t()>& make);

  // Waits for an operation on the lane that was heard last. -EINTR: given up, for `order` (a
  // descriptor) became readable and kReadPatience is over, or, without one (-1), for
  // kReadPatienceAlone is. A finished one left its result in `op`.
  int read(const std::shared_ptr<RadosOp>& op,
           const std::function<int(rados_ioctx_t, rados_completion_t)>& submit, int order);

  // Sees to every lane's watch on the object and to its connections, and opens what is missing.
  // False: this client is fenced.
  bool tend(const char* object);

 private:
  struct Lane {
    std::unique_ptr<RadosClient> client;
    std::vector<std::shared_ptr<RadosOp>> waiting;
    bool mute = false;   // its last operation was not answered in time
    bool asked = false;  // in this write, by:
    const RadosOp* newest = nullptr;
  };
  int ask(Lane& lane, const char* object, const std::function<rados_write_op_t()>& make);
  Lane* next_lane();
  std::shared_ptr<RadosOp> take_done(Lane& lane);
  void open_missing();
  bool wait(Duration at_most, int order = -1);

  PoolChildSetup setup_;
  RadosOp::Bell bell_;
  std::array<Lane, kLanes> lanes_;
  std::size_t heard_ = 0;
  std::future<RadosClient::Opening> opening_;
  Instant open_after_{};
};

}  // namespace mold::heartbeat
