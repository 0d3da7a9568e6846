#pragma once
// What http_server.cc is made of, for the .cc files of this folder only: the state behind an
// AsyncReply, the listening socket, TLS credentials with client verification, and the patient
// close. Loop thread only.
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "lib/base/unique_fd.h"
#include "lib/runtime/async_reply.h"
#include "lib/runtime/gnutls_types.h"
#include "lib/runtime/http_server.h"

namespace mold::runtime {

struct AsyncReply::State {
  bool answered = false;
  bool gone = false;  // nobody is left to answer
  HttpReply reply;
  std::function<void()> wake;  // set while the connection is parked
  std::function<void()> on_closed;

  bool answer(HttpReply the_reply);
  void close();  // the client went away
};

// Binds and listens; never blocks later.
Result<UniqueFd> listen_on(const std::string& address, std::uint16_t port);
Result<std::uint16_t> bound_port(int fd);

struct PeerAddress {
  std::string text;
  int port = 0;
};
struct PeerVerdict {
  std::optional<PeerCertificate> certificate;
  std::string problem;
};

// Certificate, key and trusted CAs of a server, immutable once made.
class ServerCredentials {
 public:
  static Result<std::shared_ptr<const ServerCredentials>> make(const TlsMaterial& material);
  ~ServerCredentials();
  ServerCredentials(const ServerCredentials&) = delete;
  ServerCredentials& operator=(const ServerCredentials&) = delete;

  [[nodiscard]] bool has_ca() const { return trust_ != nullptr; }
  // Our side of the handshake. The pointers stay ours.
  void present(gnutls_pcert_st** chain, unsigned* length, gnutls_privkey_t* key) const;
  // Chain to our CA, validity now, purpose "TLS client".
  [[nodiscard]] PeerVerdict verify(gnutls_session_t session) const;

 private:
  ServerCredentials() = default;
  mutable std::vector<gnutls_pcert_st> chain_;  // GnuTLS wants it without const
  PrivateKeyPtr key_;
  TrustPtr trust_;
};

// Closing a socket with unread input makes the kernel reset the connection, and the client may lose
// the answer that was on its way (413, 414). So the input is read and dropped for a little while.
class PatientClose {
 public:
  explicit PatientClose(EventLoop& loop) : loop_(loop) {}
  // Takes a duplicate of the socket; the caller closes its own.
  void take(int fd);
  [[nodiscard]] std::size_t size() const { return sockets_.size(); }

 private:
  struct Socket {
    UniqueFd fd;
    std::size_t dropped = 0;
    std::unique_ptr<IoSource> source;
    std::unique_ptr<Timer> timer;
  };
  using Place = std::list<Socket>::iterator;
  void drain(Place place);
  EventLoop& loop_;
  std::list<Socket> sockets_;
};

}  // namespace mold::runtime
