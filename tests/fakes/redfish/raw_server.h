#pragma once
// A listening socket that is no BMC: for what an HTTP server cannot be made to do. Plain TCP on
// loopback. Loop thread only.
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/runtime/event_loop.h"

namespace mold::fake {

enum class RawHabit : std::uint8_t {
  kBlackHole,  // takes connections and never answers
  kDrip,       // begins an answer and sends a byte at a time, without end
  kHangUp,     // closes as soon as something was sent to it
  kNoise,      // answers with bytes that are not HTTP
};

class RawServer {
 public:
  RawServer(runtime::EventLoop& loop, RawHabit habit);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return taken_; }

 private:
  struct Peer {
    UniqueFd fd;
    std::unique_ptr<runtime::IoSource> source;
    std::unique_ptr<runtime::Timer> timer;
  };
  void take();
  void spoken_to(Peer& peer);

  runtime::EventLoop& loop_;
  RawHabit habit_;
  std::uint16_t port_ = 0;
  int taken_ = 0;
  UniqueFd listener_;
  std::list<Peer> peers_;
  std::unique_ptr<runtime::IoSource> source_;
};

}  // namespace mold::fake
