#include "tests/fakes/redfish/raw_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string_view>

#include "lib/base/check.h"
#include "tests/fakes/loopback.h"

namespace mold::fake {
namespace {

void send_text(int fd, std::string_view text) {
  // Whether it arrives is the other side's business.
  (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

RawServer::RawServer(runtime::EventLoop& loop, RawHabit habit) : loop_(loop), habit_(habit) {
  auto bound = fakes::bind_loopback(SOCK_STREAM);
  listener_ = std::move(bound.fd);
  port_ = bound.port;
  MOLD_CHECK(::listen(listener_.get(), 64) == 0, "listening");
  source_ = std::make_unique<runtime::IoSource>(loop_, listener_.get(), EPOLLIN,
                                                [this](std::uint32_t) { take(); });
}

RawServer::~RawServer() {
  source_.reset();
  for (Peer& peer : peers_) peer.source.reset();
}

void RawServer::take() {
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (fd.get() < 0) return;
  ++taken_;
  Peer& peer = peers_.emplace_back();
  peer.fd = std::move(fd);
  peer.source = std::make_unique<runtime::IoSource>(
      loop_, peer.fd.get(), EPOLLIN, [this, &peer](std::uint32_t) { spoken_to(peer); });
}

void RawServer::spoken_to(Peer& peer) {
  char buffer[4096];
  const ssize_t got = ::recv(peer.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got <= 0 || habit_ == RawHabit::kHangUp) {
    peer.source->set_events(0);
    ::shutdown(peer.fd.get(), SHUT_RDWR);
    return;
  }
  if (habit_ == RawHabit::kNoise) send_text(peer.fd.get(), "220 mail.example ESMTP\r\n");
  if (habit_ != RawHabit::kDrip || peer.timer) return;
  send_text(peer.fd.get(), "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{");
  peer.timer = std::make_unique<runtime::Timer>(loop_);
  peer.timer->start_periodic(50ms, [fd = peer.fd.get()] { send_text(fd, " "); });
}

}  // namespace mold::fake
