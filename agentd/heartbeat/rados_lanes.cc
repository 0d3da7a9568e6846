#include "agentd/heartbeat/rados_lanes.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agentd/heartbeat/lease_board.h"
#include "lib/base/thin_tcp.h"

namespace mold::heartbeat {
namespace {

constexpr Duration kOpenAgain{5000};

// librados has no word for it, but every TCP connection of this program is one of its. Descriptors
// that are none are refused by the kernel, for next to nothing.
void hurry_connections() {
  constexpr int kDescriptors = 256;
  for (int fd = 0; fd < kDescriptors; ++fd) make_thin_tcp(fd);
}

}  // namespace

RadosClient::Opening RadosLanes::connect() {
  disconnect();
  auto opening = RadosClient::open(setup_);
  lanes_[0].client = std::move(opening.client);
  return opening;
}

void RadosLanes::disconnect() {
  opening_ = {};  // waits for the thread, which has the timeouts of its client
  for (auto& lane : lanes_) {
    for (const auto& op : lane.waiting) op->cancel(lane.client->io());
    lane.client.reset();
    for (const auto& op : lane.waiting) op->forget();
    lane = Lane{};
  }
  heard_ = 0;
}

void RadosLanes::open_missing() {
  const Instant now = boottime_now();
  const auto missing = std::find_if(lanes_.begin(), lanes_.end(),
                                    [](const Lane& lane) { return lane.client == nullptr; });
  if (missing == lanes_.end()) return;
  if (opening_.valid()) {
    if (opening_.wait_for(std::chrono::seconds{0}) != std::future_status::ready) return;
    missing->client = opening_.get().client;
    if (missing->client == nullptr) open_after_ = now + kOpenAgain;
    return;
  }
  if (now < open_after_) return;
  opening_ = std::async(std::launch::async, [setup = setup_] { return RadosClient::open(setup); });
}

bool RadosLanes::tend(const char* object) {
  open_missing();
  hurry_connections();
  return std::all_of(lanes_.begin(), lanes_.end(), [&](Lane& lane) {
    return lane.client == nullptr || lane.client->tend_watch(object);
  });
}

// True when `order` is readable.
bool RadosLanes::wait(Duration at_most, int order) {
  pollfd fds[] = {{bell_->get(), POLLIN, 0}, {order, POLLIN, 0}};
  const auto ms = static_cast<int>(std::max<std::int64_t>(at_most.count(), 0));
  if (::poll(fds, order < 0 ? 1 : 2, ms) <= 0) return false;
  if (fds[0].revents != 0) RadosOp::silence(bell_);
  return fds[1].revents != 0;
}

// From the one that was heard last on: free ones first, then those that did not answer, then those
// that are still to answer.
RadosLanes::Lane* RadosLanes::next_lane() {
  Lane* best = nullptr;
  const auto worth = [](const Lane& lane) { return (lane.waiting.empty() ? 2 : 0) + !lane.mute; };
  for (std::size_t i = 0; i < kLanes; ++i) {
    Lane& lane = lanes_[(heard_ + i) % kLanes];
    if (lane.client == nullptr || lane.asked) continue;
    if (best == nullptr || worth(lane) > worth(*best)) best = &lane;
  }
  return best;
}

int RadosLanes::ask(Lane& lane, const char* object, const std::function<rados_write_op_t()>& make) {
  lane.asked = true;
  const auto op = RadosOp::make(bell_);
  const rados_write_op_t write = make();
  const int result = op->start([&](rados_completion_t completion) {
    return rados_aio_write_op_operate(write, lane.client->io(), completion, object, nullptr,
                                      LIBRADOS_OPERATION_FULL_TRY);
  });
  rados_release_write_op(write);
  if (result < 0) return result;
  lane.waiting.push_back(op);
  lane.newest = op.get();
  return 0;
}

std::shared_ptr<RadosOp> RadosLanes::take_done(Lane& lane) {
  const auto at = std::find_if(lane.waiting.begin(), lane.waiting.end(),
                               [](const auto& op) { return op->done(); });
  if (at == lane.waiting.end()) return nullptr;
  auto op = std::move(*at);
  lane.waiting.erase(at);
  lane.mute = op->result() == -ETIMEDOUT;
  return op;
}

int RadosLanes::write(const char* object, const std::function<rados_write_op_t()>& make) {
  for (auto& lane : lanes_) {
    lane.asked = false;
    lane.newest = nullptr;
  }
  const Instant give_up = boottime_now() + Duration{setup_.op_timeout_ms};
  Instant next{};
  while (true) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      while (const auto op = take_done(lanes_[i])) {
        const int result = op->result();
        if (result == -ETIMEDOUT) continue;  // another lane may still be answered
        heard_ = i;
        if (op.get() == lanes_[i].newest || result == -ESHUTDOWN) return result;
        // An older one: what it says is over, but this lane is heard.
        if (lanes_[i].asked) continue;
        if (const int asked = ask(lanes_[i], object, make); asked < 0) return asked;
      }
    }
    const Instant now = boottime_now();
    if (now >= give_up) return -ETIMEDOUT;
    if (now >= next) {
      next = now + kTakeOver;
      Lane* const lane = next_lane();
      if (lane == nullptr) next = give_up;
      if (const int asked = lane == nullptr ? 0 : ask(*lane, object, make); asked < 0) return asked;
    }
    (void)wait(std::min(next, give_up) - now);
  }
}

int RadosLanes::read(const std::shared_ptr<RadosOp>& op,
                     const std::function<int(rados_ioctx_t, rados_completion_t)>& submit,
                     int order) {
  Lane& lane = lanes_[heard_];
  const int started = op->start(
      [&](rados_completion_t completion) { return submit(lane.client->io(), completion); });
  if (started < 0) return started;
  const Instant began = boottime_now();
  while (!op->done()) {
    const Duration waited = boottime_now() - began;
    const bool patient = waited < kReadPatience;
    const Duration left = (patient ? kReadPatience : kReadPatienceAlone) - waited;
    const bool ordered = wait(std::max(left, Duration{1}), patient ? -1 : order);
    if (ordered || (order < 0 && waited >= kReadPatienceAlone)) {
      lane.waiting.push_back(op);
      return -EINTR;
    }
  }
  return op->result();
}

}  // namespace mold::heartbeat
